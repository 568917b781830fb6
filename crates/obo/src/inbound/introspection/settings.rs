use std::time::Duration;

use obo_core::{ConfigError, MissingMembers, as_in_files, https_or_loopback};

use crate::idp::client_auth::Client;

/// The maximum age of a response.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The maximum lifetime that a token without `exp` may be given.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// How the tokens of an issuer are introspected (RFC 7662): which tokens, as which client, and for
/// how long a response is used.
///
/// Pass it to [`Trust::introspect`](crate::Trust::introspect), whose page says which issuer gets
/// which token. By default all tokens of the issuer are introspected, JWTs included. The first
/// mistake is kept, and returned by
/// [`ResourceServerBuilder::build`](crate::resource_server::ResourceServerBuilder::build).
///
/// The first request with a token costs a request to the authorization server, and so does one
/// whose cached response is older than [`max_age`](Self::max_age). Others cost as much as a cached
/// JWT. If the server does not respond, requests are rejected with 503.
///
/// ```
/// use std::time::Duration;
/// use obo::{Client, ClientSecretBasic, Introspection, ResourceServer, Trust};
///
/// let client = Client::new("service-a", ClientSecretBasic::from_file("client-secret"));
/// let introspection = Introspection::new(client)
///     .for_opaque_tokens()
///     .max_age(Duration::from_secs(30));
/// let trust = Trust::new("https://idp.example.com").introspect(introspection);
/// let builder = ResourceServer::builder("service-a").trust(trust);
/// ```
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

/// How the issuer's JWTs are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jwts {
    /// They are introspected like opaque tokens.
    Introspected,
    /// They are validated by the issuer's keys. Opaque tokens are introspected.
    Validated,
    /// They are validated, then introspected. Opaque tokens are refused.
    Confirmed,
}

impl Introspection {
    /// Introspects every token of the issuer, as `client`. A response is used for at most 60 s by
    /// default.
    ///
    /// To the authorization server this service is a client, with any client authentication method.
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

    /// Introspects only tokens that are not JWTs. JWTs are validated by the issuer's keys, without
    /// a request.
    pub fn for_opaque_tokens(mut self) -> Self {
        self.jwts = Jwts::Validated;
        self
    }

    /// Validates JWTs by the issuer's keys, then introspects them to detect revocation. Other
    /// tokens are rejected.
    ///
    /// So malformed and expired tokens cost no request. The claims of the token are used. The
    /// response must be active, and must not describe a bound token, or a token of another type or
    /// issuer.
    pub fn for_revocation(mut self) -> Self {
        self.jwts = Jwts::Confirmed;
        self
    }

    /// Sends requests to this URL instead of the one in the authorization server's metadata:
    /// `https`, or `http` on loopback.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self.with_mistake(https_or_loopback("endpoint", url).err())
    }

    /// Sets for how long a response is used: the longest time that a revoked token is still
    /// accepted.
    ///
    /// 60 s by default, at most an hour, and never beyond the token's `exp`. With zero, each
    /// request is introspected.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        let problem = || {
            format!(
                "{} is too long, expected at most {}",
                as_in_files(age),
                as_in_files(MAX_AGE)
            )
        };
        self.with_mistake((age > MAX_AGE).then(|| ConfigError::new("max_age", problem())))
    }

    /// Limits how many requests to the authorization server run at the same time: 64 by default, at
    /// least 1.
    ///
    /// A request that needs one more is rejected with 503, so that a flood of forged tokens does
    /// not become a flood of introspection requests.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most;
        let problem = "is 0, expected at least 1";
        self.with_mistake((most == 0).then(|| ConfigError::new("concurrency", problem)))
    }

    /// Requires signed responses (RFC 9701). They are validated by the issuer's keys, and their
    /// audience must be the client identifier.
    pub fn require_signed(mut self) -> Self {
        self.is_signed = true;
        self
    }

    /// Accepts active tokens whose response has no `aud`. By default they are rejected, because
    /// such a response does not say that the token is for this service.
    ///
    /// Use it only if the server reports each resource server's own tokens alone as active (RFC
    /// 7662 section 4). Otherwise a token for any of its services is accepted here, except a JWT
    /// whose own `aud` names only others.
    pub fn allow_missing_audience(mut self) -> Self {
        self.thin.audience = true;
        self
    }

    /// Accepts active tokens whose response has no `exp`. By default they are rejected.
    ///
    /// Such a token counts as valid for `lifetime` after the response, which matters for streams
    /// and background work. The lifetime is more than zero and at most a day.
    pub fn allow_missing_expiry(mut self, lifetime: Duration) -> Self {
        self.thin.expiry = Some(lifetime);
        let is_wrong = lifetime.is_zero() || lifetime > MAX_LIFETIME;
        let problem = || {
            format!(
                "{} is out of range, expected more than zero and at most {}",
                as_in_files(lifetime),
                as_in_files(MAX_LIFETIME)
            )
        };
        self.with_mistake(is_wrong.then(|| ConfigError::new("allow_missing_expiry", problem())))
    }

    /// Accepts active tokens whose response has a client but no `sub`. By default they are
    /// rejected.
    ///
    /// Such a token counts as a service's own, with the client as its subject. Use it only if the
    /// server omits `sub` in tokens without a user (RFC 7662 section 2.2). If it omitted `sub` in
    /// users' tokens, a user would be taken for the application.
    pub fn allow_missing_subject(mut self) -> Self {
        self.thin.subject = true;
        self
    }

    /// Returns the first mistake; the client's credentials must be usable.
    pub(crate) fn checked(mut self) -> Result<Self, ConfigError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        self.client.check()?;
        Ok(self)
    }

    /// Keeps the first mistake.
    fn with_mistake(mut self, mistake: Option<ConfigError>) -> Self {
        self.mistake = self.mistake.or(mistake);
        self
    }

    pub(crate) fn takes_opaque_tokens(&self) -> bool {
        self.jwts != Jwts::Confirmed
    }

    /// Whether the issuer's keys are used.
    pub(crate) fn needs_keys(&self) -> bool {
        self.is_signed || self.jwts != Jwts::Introspected
    }
}
