use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::time::UnixTime;
use crate::token::bearer::{MAX_TOKEN, is_token68};
use crate::token::scope::Scope;
use crate::wire::base64url;

type Claims = serde_json::Map<String, serde_json::Value>;

/// The token an exchange gave: ready to be sent to the one target it was asked for.
///
/// The header value is marked sensitive and the bytes are wiped when the last clone is dropped.
#[derive(Clone)]
pub struct IssuedToken {
    authorization: HeaderValue,
    /// The lifetime the server stated in seconds, counted from when the request was sent; small, since many are kept.
    expires_in: Option<u32>,
    /// The token's own expiry, where it is a JWT: it only shortens (AT-14).
    expires_at: Option<NonZeroU64>,
    scope: Scope,
}

const SCHEME: &str = "Bearer ";

impl IssuedToken {
    /// Takes a bearer token; `None` when it is no token68 of at most 16 KiB and so must never become a header.
    pub fn bearer(token: &str) -> Option<Self> {
        if token.len() > MAX_TOKEN || !is_token68(token.as_bytes()) {
            return None;
        }
        let value = Zeroizing::new([SCHEME, token].concat().into_bytes());
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
        authorization.set_sensitive(true);
        Some(Self {
            authorization,
            expires_in: None,
            expires_at: None,
            scope: Scope::default(),
        })
    }

    /// The same token with the lifetime the server stated (`expires_in`), in whole seconds.
    #[must_use]
    pub fn with_expires_in(mut self, expires_in: Option<Duration>) -> Self {
        self.expires_in = expires_in.map(|stated| stated.as_secs().try_into().unwrap_or(u32::MAX));
        self
    }

    /// The same token with the expiry it carries itself.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: Option<UnixTime>) -> Self {
        self.expires_at =
            expires_at.map(|at| NonZeroU64::MIN.saturating_add(at.as_secs().saturating_sub(1)));
        self
    }

    /// The same token with the scope that was granted.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token itself, for whoever sends it otherwise, such as an [`ActorToken`](crate::ActorToken).
    pub fn expose(&self) -> &str {
        let value = self.authorization.to_str().unwrap_or_default();
        value.strip_prefix(SCHEME).unwrap_or_default()
    }

    /// Whether it has the form of a JWT. A [dialect](crate::dialect::Dialect) can then read for whom it is.
    pub fn is_jwt(&self) -> bool {
        let mut segments = self.expose().split('.');
        let payload = segments.nth(1).and_then(base64url::decode);
        segments.count() == 1
            && payload.is_some_and(|json| serde_json::from_slice::<Claims>(&json).is_ok())
    }

    /// The granted scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How long the token is good for, from the start of the request that fetched it; 60 s when nobody said (TX-16).
    pub fn lifetime(&self, request_start: UnixTime) -> Duration {
        let own = self
            .expires_at
            .map(|at| UnixTime::from_secs(at.get()).saturating_since(request_start));
        let stated = self.expires_in.map(u64::from).map(Duration::from_secs);
        match (stated, own) {
            (Some(stated), Some(own)) => stated.min(own),
            (stated, None) => stated.unwrap_or(UNSTATED_LIFETIME),
            // A lifetime is never taken from the token alone (AT-14): it may only shorten the default.
            (None, Some(own)) => own.min(UNSTATED_LIFETIME),
        }
    }
}

/// How long a token of unstated lifetime is used (TX-16).
const UNSTATED_LIFETIME: Duration = Duration::from_secs(60);

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
