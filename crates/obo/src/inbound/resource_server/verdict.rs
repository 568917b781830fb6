//! Validation of a token: from the cache, by its issuer's keys, or by introspection.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll};

use obo_core::{BearerCredentials, BearerToken, Caller, TokenError, UnverifiedJwt};

use super::{ResourceServer, Trusted, in_u32};
use crate::fleet::{Fleet, Standing, StoreError, TakenOnce};
use crate::idp::jwks::{Lookup, Refresh, RefreshError};
use crate::inbound::bound_tokens::{Presented, used};
use crate::inbound::introspection::{InFlight, Jwts};
use crate::inbound::verified_tokens::Verified;
use crate::observe;
use crate::refusal::rejection::Rejection;

/// The state of a token's validation.
pub(crate) enum Verdict<T = Caller> {
    Admitted(T),
    Refused(Rejection),
    /// Call again when the wait has completed.
    Wait(Wait),
}

/// What a validation waits for.
pub(crate) enum Wait {
    Keys(Refresh),
    Introspection(InFlight),
    /// For the logouts that the other replicas know.
    Fleet(Pin<Box<dyn Future<Output = ()> + Send + Sync>>),
    /// For the record that the caller's proof is used now.
    Proof(
        Caller,
        Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send>>,
    ),
}

/// The outcome of a [`Wait`].
pub(crate) enum Waited {
    Keys(Result<(), RefreshError>),
    Introspection(Result<Caller, Rejection>),
    Fleet,
    Proof(Caller, Result<bool, StoreError>),
}

impl Future for Wait {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        match &mut *self {
            Self::Keys(refresh) => Pin::new(refresh).poll(cx).map(|fetched| {
                Waited::Keys(fetched.unwrap_or_else(|interrupted| Err(interrupted.into())))
            }),
            Self::Introspection(flight) => Pin::new(flight)
                .poll(cx)
                .map(|outcome| Waited::Introspection(outcome.unwrap_or_else(|i| Err(i.into())))),
            Self::Fleet(first) => first.as_mut().poll(cx).map(|()| Waited::Fleet),
            Self::Proof(caller, taken) => {
                let taken = taken.as_mut().poll(cx);
                taken.map(|taken| Waited::Proof(caller.clone(), taken))
            }
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

impl From<Result<InFlight, Rejection>> for Verdict {
    fn from(flight: Result<InFlight, Rejection>) -> Self {
        match flight {
            Ok(flight) => Self::Wait(Wait::Introspection(flight)),
            Err(rejection) => Self::Refused(rejection),
        }
    }
}

/// Refuses a token, or waits for a fetch if the issuer may have replaced the key under the same
/// `kid`.
fn refuse_or_refresh(
    trusted: &Trusted,
    kid: Option<&str>,
    error: TokenError,
    is_first: bool,
) -> Verdict {
    let is_about_key = matches!(error, TokenError::Signature | TokenError::Algorithm);
    let refresh = (is_first && is_about_key)
        .then(|| trusted.jwks.doubt(kid))
        .flatten();
    match refresh {
        Some(refresh) => Verdict::Wait(Wait::Keys(refresh)),
        None => error.into(),
    }
}

impl ResourceServer {
    /// Validates a token without waiting. After a [`Wait`], call it again with the outcome.
    ///
    /// `presented` is what the request has besides its token. Without it, a bound token is refused.
    pub(crate) fn verdict(
        &self,
        found: BearerCredentials<'_>,
        presented: Option<Presented<'_>>,
        waited: Option<Waited>,
    ) -> Verdict {
        let waited = match waited {
            Some(Waited::Proof(caller, taken)) => {
                return match used(taken) {
                    Ok(()) => Verdict::Admitted(caller),
                    Err(rejection) => Verdict::Refused(rejection),
                };
            }
            waited => waited,
        };
        match self.verdict_of_token(found, waited) {
            Verdict::Admitted(caller) => self.check_binding(caller, presented),
            Verdict::Refused(rejection) => Verdict::Refused(rejection),
            Verdict::Wait(wait) => Verdict::Wait(wait),
        }
    }

    /// Checks what the sender has proven. It costs nothing if no bound tokens are accepted.
    pub(super) fn check_binding(
        &self,
        caller: Caller,
        presented: Option<Presented<'_>>,
    ) -> Verdict {
        // Then the policies refuse bound tokens, so no caller has a binding. Reading it would cost
        // a cache miss.
        if self.0.bound.is_none() && !self.0.demands_bound {
            return Verdict::Admitted(caller);
        }
        let is_bound = caller.binding().is_bound();
        if !is_bound && self.0.demands_bound && self.0.requires_bound(&caller) {
            return TokenError::NotBound.into();
        }
        let (bound, presented) = match (&self.0.bound, presented) {
            (Some(bound), Some(presented)) => (bound, presented),
            (Some(bound), None) if bound.requires_key() && caller.binding().jkt.is_none() => {
                return TokenError::NotBound.into();
            }
            _ if is_bound => return TokenError::Binding.into(),
            _ => return Verdict::Admitted(caller),
        };
        match bound.check(&caller, presented, self.wall_clock().now()) {
            Ok(TakenOnce::Known(taken)) => match used(taken) {
                Ok(()) => Verdict::Admitted(caller),
                Err(rejection) => Verdict::Refused(rejection),
            },
            Ok(TakenOnce::Wait(taken)) => Verdict::Wait(Wait::Proof(caller, taken)),
            Err(rejection) => Verdict::Refused(rejection),
        }
    }

    pub(super) fn verdict_of_token(
        &self,
        found: BearerCredentials<'_>,
        waited: Option<Waited>,
    ) -> Verdict {
        let fleet = self.0.shared.fleet.as_ref();
        if waited.is_none()
            && let Some(first) = fleet.and_then(Fleet::first_attempt)
        {
            return Verdict::Wait(Wait::Fleet(first));
        }
        let mut verdict = self.validate_or_wait(found, waited);
        if let (Verdict::Admitted(caller), Some(fleet)) = (&verdict, fleet)
            && let Some(rejection) = fleet.standing(caller).refusal()
        {
            verdict = Verdict::Refused(rejection);
        }
        if let Verdict::Refused(Rejection::Token(error)) = &verdict {
            let policy_of = |issuer: &str| Some(&self.0.find(issuer)?.policy);
            observe::token_refused(found, error, policy_of, self.issuers());
        }
        verdict
    }

    fn validate_or_wait(&self, found: BearerCredentials<'_>, waited: Option<Waited>) -> Verdict {
        let refreshed = match waited {
            Some(Waited::Introspection(Ok(caller))) => return Verdict::Admitted(caller),
            Some(Waited::Introspection(Err(rejection))) => return Verdict::Refused(rejection),
            Some(Waited::Keys(refreshed)) => Some(refreshed),
            Some(Waited::Fleet | Waited::Proof(..)) | None => None,
        };
        if refreshed.is_none() && self.0.shared.verified.is_some() {
            let cached = self.cached(found);
            observe::token_cache(cached.is_some());
            if let Some(caller) = cached {
                return Verdict::Admitted(caller);
            }
        }
        self.validate_now(found, refreshed)
    }

    /// The caller of a cached token, while its keys are published and it has not expired.
    fn cached(&self, found: BearerCredentials<'_>) -> Option<Caller> {
        let tokens = self.0.shared.verified.as_ref()?;
        let cached = tokens.get(found.as_bytes())?;
        let trusted = self.0.trusted.get(cached.issuer as usize)?;
        let now = self.wall_clock().now();
        let is_vouched_for = |generation| trusted.jwks.vouches(generation, now);
        let is_valid = cached.generation.is_none_or(is_vouched_for)
            && cached.is_fresh(now)
            && trusted.policy.check_expiry(&cached.caller, now).is_ok();
        // A token that is dated by its introspection may be good after a new one.
        let is_outdated = (self.0.shared.fleet.as_ref()).is_some_and(|fleet| {
            cached.caller.is_dated_by_introspection()
                && fleet.standing(&cached.caller) == Standing::Revoked
        });
        if !is_valid || is_outdated {
            tokens.remove(found.as_bytes());
            return None;
        }
        Some(cached.caller)
    }

    fn validate_now(
        &self,
        found: BearerCredentials<'_>,
        refreshed: Option<Result<(), RefreshError>>,
    ) -> Verdict {
        let jwt = match UnverifiedJwt::parse_credentials(found) {
            Ok(jwt) => jwt,
            Err(unread) => return self.without_issuer(found, unread),
        };
        let trusted = match self.route(found, &jwt) {
            Ok(trusted) => trusted,
            Err(verdict) => return verdict,
        };
        let is_first = refreshed.is_none();
        let (jwks, kid, algorithm) = (&trusted.jwks, jwt.kid(), jwt.algorithm());
        let lookup = match refreshed {
            None => jwks.lookup(kid, algorithm),
            // It never waits again for keys; introspection may follow.
            Some(refreshed) => jwks.lookup_again(kid, algorithm, refreshed),
        };
        match lookup {
            Lookup::Key(key, generation) => {
                match trusted.policy.verify(jwt, &key, self.wall_clock().now()) {
                    Ok(caller) => self.verified(caller, generation, trusted),
                    Err(error) => refuse_or_refresh(trusted, key.kid(), error, is_first),
                }
            }
            Lookup::Refused(error) => refuse_or_refresh(trusted, jwt.kid(), error, is_first),
            Lookup::Wait(refresh) => Verdict::Wait(Wait::Keys(refresh)),
            Lookup::Unavailable(error) => Verdict::Refused(error.into()),
        }
    }

    /// Caches a token that the keys have verified, or introspects it.
    fn verified(&self, caller: Caller, generation: NonZeroU64, trusted: &Trusted) -> Verdict {
        let verified = Verified {
            caller: caller.clone(),
            size: in_u32(caller.subject_token().expose().len()),
            issuer: trusted.place,
            generation: Some(generation),
            until: None,
        };
        if let Some(introspector) = trusted.introspector_for(Jwts::Confirmed) {
            return match BearerToken::parse(caller.subject_token().expose()) {
                Ok(token) => introspector.introspect(token, Some(verified)).into(),
                Err(error) => error.into(),
            };
        }
        if let Some(tokens) = &self.0.shared.verified {
            drop(tokens.insert(verified));
        }
        Verdict::Admitted(caller)
    }

    /// Introspects a token that names no issuer, if an issuer takes such tokens.
    fn without_issuer(&self, found: BearerCredentials<'_>, unread: TokenError) -> Verdict {
        match (self.0.opaque(), found.token()) {
            (Some((policy, introspector)), Ok(token)) if introspector.takes(&unread) => {
                let checked = UnverifiedJwt::check_unread(token, policy.issuer(), unread);
                match checked.and_then(|()| policy.check_own_audience(token)) {
                    Ok(()) => introspector.introspect(token, None).into(),
                    Err(error) => error.into(),
                }
            }
            _ => unread.into(),
        }
    }

    /// Selects the issuer of a token, and introspects it if that is configured.
    ///
    /// A token of an unknown issuer or with a forbidden algorithm never reaches the keys, and a
    /// token that names another issuer is never introspected.
    fn route(
        &self,
        found: BearerCredentials<'_>,
        jwt: &UnverifiedJwt<'_>,
    ) -> Result<&Trusted, Verdict> {
        let Some(issuer) = jwt.issuer() else {
            return Err(self.without_issuer(found, TokenError::MissingClaim("iss")));
        };
        let trusted = self.0.find(issuer);
        let trusted = trusted.ok_or_else(|| self.unknown_issuer(issuer))?;
        if let Some(introspector) = trusted.introspector_for(Jwts::Introspected) {
            let token = found.token()?;
            // Some servers describe a refresh token like an access token, and omit that a token is
            // bound.
            jwt.check_access_token(trusted.policy.binding_checks())?;
            trusted.policy.check_own_audience(token)?;
            return Err(introspector.introspect(token, None).into());
        }
        if !trusted.policy.allows(jwt.algorithm()) {
            return Err(TokenError::Algorithm.into());
        }
        Ok(trusted)
    }
}
