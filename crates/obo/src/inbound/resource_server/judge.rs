//! How a token is judged: remembered, or routed to its issuer's keys or to the issuer itself.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll};

use obo_core::{BearerCredentials, BearerToken, Caller, Issuer, TokenError, UnverifiedJwt};

use super::{ResourceServer, Trusted, in_u32};
use crate::idp::jwks::{Lookup, Refresh, RefreshError};
use crate::inbound::introspection::{Asked, Jwts};
use crate::inbound::verified_tokens::Verified;
use crate::observe;
use crate::refusal::rejection::Rejection;

/// What is known of a token now.
pub(crate) enum Verdict<T = Caller> {
    Admitted(T),
    Refused(Rejection),
    /// Judge again when this is over.
    Wait(Wait),
}

/// What a judgement waits for.
pub(crate) enum Wait {
    Keys(Refresh),
    Introspection(Asked),
}

/// How that ended.
pub(crate) enum Waited {
    Keys(Result<(), RefreshError>),
    Introspection(Result<Caller, Rejection>),
}

impl Future for Wait {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        match &mut *self {
            Self::Keys(refresh) => Pin::new(refresh).poll(cx).map(|fetched| {
                Waited::Keys(fetched.unwrap_or_else(|interrupted| Err(interrupted.into())))
            }),
            Self::Introspection(asked) => Pin::new(asked)
                .poll(cx)
                .map(|answered| Waited::Introspection(answered.unwrap_or_else(|i| Err(i.into())))),
        }
    }
}

impl From<RefreshError> for Rejection {
    fn from(error: RefreshError) -> Self {
        Self::Unavailable {
            problem: error.problem,
            retry_after: error.retry_after,
        }
    }
}

impl From<TokenError> for Verdict {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Result<Asked, Rejection>> for Verdict {
    fn from(asked: Result<Asked, Rejection>) -> Self {
        match asked {
            Ok(asked) => Self::Wait(Wait::Introspection(asked)),
            Err(rejection) => Self::Refused(rejection),
        }
    }
}

/// Refuses a token, unless the key that it names may have been replaced under that name and nobody looked just now.
fn doubted(trusted: &Trusted, kid: Option<&str>, error: TokenError, is_first: bool) -> Verdict {
    let speaks_of_key = matches!(error, TokenError::Signature | TokenError::Algorithm);
    let refresh = (is_first && speaks_of_key)
        .then(|| trusted.jwks.doubt(kid))
        .flatten();
    match refresh {
        Some(refresh) => Verdict::Wait(Wait::Keys(refresh)),
        None => error.into(),
    }
}

impl ResourceServer {
    /// Judges a token without waiting, also after the wait that was asked for.
    pub(crate) fn judge(&self, found: BearerCredentials<'_>, waited: Option<Waited>) -> Verdict {
        let refreshed = match waited {
            Some(Waited::Introspection(Ok(caller))) => return Verdict::Admitted(caller),
            Some(Waited::Introspection(Err(rejection))) => return Verdict::Refused(rejection),
            Some(Waited::Keys(refreshed)) => Some(refreshed),
            None => None,
        };
        if refreshed.is_none() && self.0.shared.verified.is_some() {
            let known = self.recall(found);
            observe::recalled(known.is_some());
            if let Some(caller) = known {
                return Verdict::Admitted(caller);
            }
        }
        self.decide(found, refreshed)
    }

    /// The caller of a token whose very bytes were verified before, while its keys are published and it has not expired.
    fn recall(&self, found: BearerCredentials<'_>) -> Option<Caller> {
        let tokens = self.0.shared.verified.as_ref()?;
        let known = tokens.get(found.as_bytes())?;
        let trusted = self.0.trusted.get(known.issuer as usize)?;
        let now = self.wall_clock().now();
        let is_vouched_for = |generation| trusted.jwks.vouches(generation, now);
        let holds = known.generation.is_none_or(is_vouched_for)
            && known.holds(now)
            && trusted.policy.check_expiry(&known.caller, now).is_ok();
        if !holds {
            tokens.remove(found.as_bytes());
            return None;
        }
        Some(known.caller)
    }

    fn decide(
        &self,
        found: BearerCredentials<'_>,
        refreshed: Option<Result<(), RefreshError>>,
    ) -> Verdict {
        let (jwt, trusted) = match self.route(found) {
            Ok(routed) => routed,
            Err(verdict) => return verdict,
        };
        let is_first = refreshed.is_none();
        let (jwks, kid, algorithm) = (&trusted.jwks, jwt.kid(), jwt.algorithm());
        let lookup = match refreshed {
            None => jwks.lookup(kid, algorithm),
            // It never asks to wait, but the issuer may have to be asked next.
            Some(refreshed) => jwks.lookup_again(kid, algorithm, refreshed),
        };
        match lookup {
            Lookup::Key(key, generation) => {
                match trusted.policy.verify(jwt, &key, self.wall_clock().now()) {
                    Ok(caller) => self.verified(caller, generation, trusted),
                    Err(error) => doubted(trusted, key.kid(), error, is_first),
                }
            }
            Lookup::Refused(error) => doubted(trusted, jwt.kid(), error, is_first),
            Lookup::Wait(refresh) => Verdict::Wait(Wait::Keys(refresh)),
            Lookup::Unavailable(error) => Verdict::Refused(error.into()),
        }
    }

    /// What follows when the keys vouch for a token.
    fn verified(&self, caller: Caller, generation: NonZeroU64, trusted: &Trusted) -> Verdict {
        let verified = Verified {
            caller: caller.clone(),
            size: in_u32(caller.subject_token().expose().len()),
            issuer: trusted.place,
            generation: Some(generation),
            until: None,
        };
        if let Some(introspector) = trusted.asks_about(Jwts::Confirmed) {
            return match BearerToken::parse(caller.subject_token().expose()) {
                Ok(token) => introspector.ask(token, Some(verified)).into(),
                Err(error) => error.into(),
            };
        }
        if let Some(tokens) = &self.0.shared.verified {
            drop(tokens.insert(verified));
        }
        Verdict::Admitted(caller)
    }

    /// How a token is judged; neither an unknown issuer nor an algorithm that is not allowed gets as far as the keys
    /// (JW-01, JW-18), and nothing that names another issuer is asked about (IN-08).
    fn route<'t>(
        &self,
        found: BearerCredentials<'t>,
    ) -> Result<(UnverifiedJwt<'t>, &Trusted), Verdict> {
        let token = found.token()?;
        let of_no_issuer = |unread| match self.0.opaque() {
            Some((policy, introspector)) if introspector.takes(&unread) => {
                let checked = UnverifiedJwt::check_unread(token, policy.issuer(), unread);
                match checked.and_then(|()| policy.check_own_audience(token)) {
                    Ok(()) => introspector.ask(token, None).into(),
                    Err(error) => Verdict::from(error),
                }
            }
            Some(_) | None => unread.into(),
        };
        let jwt = UnverifiedJwt::parse(token).map_err(of_no_issuer)?;
        let issuer = jwt.issuer();
        let issuer = issuer.ok_or_else(|| of_no_issuer(TokenError::MissingClaim("iss")))?;
        let trusted = self.0.find(issuer).ok_or_else(|| {
            let trusted = Vec::from_iter(self.issuers().map(Issuer::as_str)).join(", ");
            TokenError::UnknownIssuer { trusted }
        })?;
        if let Some(introspector) = trusted.asks_about(Jwts::Introspected) {
            // Some servers say of a refresh token what they say of an access token, and leave out that one is bound.
            jwt.check_bearer()?;
            trusted.policy.check_own_audience(token)?;
            return Err(introspector.ask(token, None).into());
        }
        if !trusted.policy.allows(jwt.algorithm()) {
            return Err(TokenError::Algorithm.into());
        }
        Ok((jwt, trusted))
    }
}
