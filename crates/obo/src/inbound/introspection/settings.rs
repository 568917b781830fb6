use std::time::Duration;

use obo_core::{ConfigError, MissingMembers, https_or_loopback};

use crate::idp::client_auth::Client;

/// The longest that an answer may be relied on.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The longest that a token may be taken to live of which nobody says how long.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// Asks an authorization server about its tokens (RFC 7662): which of them, as which client, for how long a response holds.
///
/// It is given to [`Trust::introspect`](crate::Trust::introspect), which says which issuer gets which token. By default
/// all tokens of the issuer are introspected, whatever they look like. A mistake is kept, and returned by
/// [`ResourceServerBuilder::build`](crate::resource_server::ResourceServerBuilder::build).
///
/// A token that is presented for the first time costs a call to the authorization server, and so does one whose response
/// is older than [`max_age`](Self::max_age); others cost what a cached JWT costs. If the server does not respond,
/// requests are rejected with 503.
#[derive(Clone, Debug)]
#[must_use]
pub struct Introspection {
    pub(super) client: Client,
    pub(super) endpoint: Option<String>,
    pub(super) max_age: Duration,
    pub(super) concurrency: usize,
    pub(super) is_signed: bool,
    pub(super) thin: MissingMembers,
    pub(crate) jwts: Jwts,
    mistake: Option<ConfigError>,
}

/// What becomes of the issuer's JWTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jwts {
    /// They are asked about, as opaque tokens are.
    Introspected,
    /// They are validated by the issuer's keys; opaque tokens are asked about.
    Validated,
    /// They are validated, then asked about; opaque tokens are not accepted.
    Confirmed,
}

impl Introspection {
    /// Asks about every token of the issuer, as `client`; a response holds for 60 s at most.
    ///
    /// To the authorization server this service is a client like any other, by any method of client authentication.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            endpoint: None,
            max_age: Duration::from_secs(60),
            concurrency: 64,
            is_signed: false,
            thin: MissingMembers::default(),
            jwts: Jwts::Introspected,
            mistake: None,
        }
    }

    /// Asks only about tokens that are not JWTs; JWTs are validated by the issuer's keys, without a call.
    pub fn for_opaque_tokens(mut self) -> Self {
        self.jwts = Jwts::Validated;
        self
    }

    /// Validates JWTs by the issuer's keys and then asks whether they were revoked; other tokens are rejected.
    ///
    /// So garbage and expired tokens cost no call. The claims of the token count; of the response, that it is active and not
    /// about a bound token or one of another kind or issuer.
    pub fn for_revocation(mut self) -> Self {
        self.jwts = Jwts::Confirmed;
        self
    }

    /// Asks at this URL instead of the one in the metadata of the authorization server: `https`, or `http` on loopback.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self.noting(https_or_loopback("endpoint", url).err())
    }

    /// For how long a token counts as active after the response: the longest that a revoked token is still accepted.
    /// 60 s by default, at most an hour, and never beyond the token's `exp`; with zero, each request asks.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        let problem = || format!("{age:?} is more than {MAX_AGE:?}");
        self.noting((age > MAX_AGE).then(|| ConfigError::new("max_age", problem())))
    }

    /// How many calls may be under way at the same time: at least 1, 64 by default. A request that needs one more is
    /// rejected with 503, so that a flood of forged tokens does not become a flood of calls.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most;
        let problem = "is 0: nothing could be asked";
        self.noting((most == 0).then(|| ConfigError::new("concurrency", problem)))
    }

    /// Requires signed responses (RFC 9701): they are validated by the issuer's keys, and must be addressed to the
    /// client's identifier.
    pub fn require_signed(mut self) -> Self {
        self.is_signed = true;
        self
    }

    /// Accepts active tokens whose response has no `aud`. By default they are rejected, since such a response does not say
    /// that the token is for this service.
    ///
    /// For a server that answers each resource server about its own tokens alone (RFC 7662 section 4). With another server,
    /// a token for any of its services is accepted here; a JWT is rejected if its own `aud` names only others.
    pub fn allow_missing_audience(mut self) -> Self {
        self.thin.audience = true;
        self
    }

    /// Accepts active tokens whose response has no `exp`: such a token counts as valid for `lifetime` after the response,
    /// for what outlives the request. By default they are rejected. The lifetime is more than zero and at most a day.
    pub fn allow_missing_expiry(mut self, lifetime: Duration) -> Self {
        self.thin.expiry = Some(lifetime);
        let is_wrong = lifetime.is_zero() || lifetime > MAX_LIFETIME;
        let problem = || format!("{lifetime:?} is not between zero and {MAX_LIFETIME:?}");
        self.noting(is_wrong.then(|| ConfigError::new("allow_missing_expiry", problem())))
    }

    /// Accepts active tokens whose response has no `sub` but a client: such a token is the client's own, a service's, with
    /// the client as its subject. By default they are rejected.
    ///
    /// Only for a server that leaves `sub` out where no user has a part (RFC 7662 section 2.2): one that leaves it out of
    /// users' tokens would turn users into their applications.
    pub fn allow_missing_subject(mut self) -> Self {
        self.thin.subject = true;
        self
    }

    /// The settings without a mistake; the client's credentials have to be usable.
    pub(crate) fn checked(mut self) -> Result<Self, ConfigError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        self.client.check()?;
        Ok(self)
    }

    /// Keeps the first mistake.
    fn noting(mut self, mistake: Option<ConfigError>) -> Self {
        self.mistake = self.mistake.or(mistake);
        self
    }

    pub(crate) fn takes_opaque_tokens(&self) -> bool {
        self.jwts != Jwts::Confirmed
    }

    /// Whether anything is validated by the issuer's keys.
    pub(crate) fn needs_keys(&self) -> bool {
        self.is_signed || self.jwts != Jwts::Introspected
    }
}
