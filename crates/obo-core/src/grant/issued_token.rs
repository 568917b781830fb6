use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::binding::{Binding, Confirmation};
use crate::time::UnixTime;
use crate::token::bearer::{MAX_TOKEN, TokenScheme, is_token68};
use crate::token::scope::Scope;
use crate::validate::unverified;
use crate::wire::{base64url, json};

type Claims = serde_json::Map<String, serde_json::Value>;

/// A token from the token endpoint, ready to be sent to its target.
///
/// The header value is marked sensitive. The bytes are wiped when the last clone is dropped.
#[derive(Clone)]
pub struct IssuedToken {
    authorization: HeaderValue,
    /// The lifetime that the server stated, in seconds from the start of the request. Small,
    /// because many are cached.
    expires_in: Option<u32>,
    /// The `exp` of a token that is a JWT. It only shortens the lifetime.
    expires_at: Option<NonZeroU64>,
    scope: Scope,
}

impl IssuedToken {
    /// Takes a bearer token; `None` if it is not a token68 of at most 16 KiB, so it cannot be a
    /// header.
    pub fn bearer(token: &str) -> Option<Self> {
        Self::with_scheme(TokenScheme::Bearer, token)
    }

    /// Takes a token of this scheme, by the same rules. A token of the scheme `DPoP` is sent with a
    /// proof of the key that it is bound to.
    pub fn with_scheme(scheme: TokenScheme, token: &str) -> Option<Self> {
        if token.len() > MAX_TOKEN || !is_token68(token.as_bytes()) {
            return None;
        }
        let value = Zeroizing::new([scheme.name(), " ", token].concat().into_bytes());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
        authorization.set_sensitive(true);
        Some(Self {
            authorization,
            expires_in: None,
            expires_at: None,
            scope: Scope::default(),
        })
    }

    /// Sets the lifetime that the server stated (`expires_in`), in whole seconds.
    #[must_use]
    pub fn with_expires_in(mut self, expires_in: Option<Duration>) -> Self {
        self.expires_in = expires_in.map(|stated| stated.as_secs().try_into().unwrap_or(u32::MAX));
        self
    }

    /// Sets the token's own expiry.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: Option<UnixTime>) -> Self {
        self.expires_at =
            expires_at.map(|at| NonZeroU64::MIN.saturating_add(at.as_secs().saturating_sub(1)));
        self
    }

    /// Sets the granted scope.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token itself, for code that sends it elsewhere, such as an
    /// [`ActorToken`](crate::ActorToken).
    pub fn expose(&self) -> &str {
        let value = self.authorization.to_str().unwrap_or_default();
        value.split_once(' ').unwrap_or_default().1
    }

    /// The scheme under which it is sent.
    pub fn scheme(&self) -> TokenScheme {
        let dpop = TokenScheme::Dpop;
        match self
            .authorization
            .as_bytes()
            .starts_with(dpop.name().as_bytes())
        {
            true => dpop,
            false => TokenScheme::Bearer,
        }
    }

    /// Whether it has the form of a JWT. Then a [dialect](crate::dialect::Dialect) can read its
    /// audience.
    pub fn is_jwt(&self) -> bool {
        let mut segments = self.expose().split('.');
        let payload = segments.nth(1).and_then(base64url::decode);
        segments.count() == 1
            && payload.is_some_and(|json| serde_json::from_slice::<Claims>(&json).is_ok())
    }

    /// What a token that is a JWT says it is bound to (`cnf`); `None` for an opaque token, whose
    /// binding only introspection shows. Nothing has verified the token.
    pub fn binding(&self) -> Option<Binding> {
        let mut segments = self.expose().split('.');
        let payload = segments.nth(1).and_then(base64url::decode)?;
        let claims = String::from_utf8(payload).ok()?;
        json::pick(claims.as_bytes(), []).filter(|[]| segments.count() == 1)?;
        let mut confirmation = Confirmation::default();
        if let Some(cnf) = json::member(&claims, "cnf") {
            confirmation.read(cnf);
        }
        Some(confirmation.binding().clone())
    }

    /// The `jti` of a token that is a JWT, shortened and cleaned: for records only, since nothing
    /// has verified the token.
    pub fn token_id(&self) -> Option<String> {
        unverified::token_id(self.expose())
    }

    /// The granted scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The lifetime that the server stated, in seconds, and the token's own expiry.
    pub(crate) fn stated(&self) -> (Option<u32>, Option<NonZeroU64>) {
        (self.expires_in, self.expires_at)
    }

    /// The lifetime of the token from the start of its request; 60 s if the server did not state
    /// one.
    pub fn lifetime(&self, request_start: UnixTime) -> Duration {
        let own = self
            .expires_at
            .map(|at| UnixTime::from_secs(at.get()).saturating_since(request_start));
        let stated = self.expires_in.map(u64::from).map(Duration::from_secs);
        match (stated, own) {
            (Some(stated), Some(own)) => stated.min(own),
            (stated, None) => stated.unwrap_or(UNSTATED_LIFETIME),
            // A lifetime never comes from the token alone: it can only shorten the default.
            (None, Some(own)) => own.min(UNSTATED_LIFETIME),
        }
    }
}

/// The lifetime of a token if the server did not state one.
const UNSTATED_LIFETIME: Duration = Duration::from_secs(60);

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
