use std::time::Duration;

use obo_core::{ConfigError, ThinAnswers, https_or_loopback};

use crate::idp::client_auth::Client;

/// The longest that an answer may be relied on.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The longest that a token may be taken to live of which nobody says how long.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// Of which tokens of an issuer the authorization server is asked (RFC 7662), as whom, and for how long its answer holds.
///
/// It is given with the issuer to [`ResourceServer::introspect`](crate::ResourceServer::introspect), which says how tokens
/// find their way. Unless told otherwise, all tokens of the issuer are asked about, whatever they look like.
///
/// A token that is presented for the first time costs a call to the authorization server, and so does one whose answer has
/// become older than [`max_age`](Self::max_age); the others cost what a JWT costs that was seen before. Where the server
/// does not answer, requests are refused with 503.
#[derive(Clone, Debug)]
pub struct Introspection {
    pub(super) client: Client,
    pub(super) endpoint: Option<String>,
    pub(super) max_age: Duration,
    pub(super) concurrency: usize,
    pub(super) is_signed: bool,
    pub(super) thin: ThinAnswers,
    pub(crate) jwts: Jwts,
}

/// What becomes of the issuer's JWTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jwts {
    /// They are asked about, as opaque tokens are.
    Introspected,
    /// They are validated by the issuer's keys; opaque tokens are asked about.
    Caller,
    /// They are validated, then asked about; opaque tokens are not accepted.
    Confirmed,
}

impl Introspection {
    /// Asks about every token of the issuer, as `client`; an answer holds for 60 s at most.
    ///
    /// To the authorization server this service is a client like any other, by any method of client authentication.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            endpoint: None,
            max_age: Duration::from_secs(60),
            concurrency: 64,
            is_signed: false,
            thin: ThinAnswers::default(),
            jwts: Jwts::Introspected,
        }
    }

    /// Asks only about tokens that are no JWTs; those that are, are validated by the issuer's keys, without a call.
    #[must_use]
    pub fn for_opaque_tokens(mut self) -> Self {
        self.jwts = Jwts::Caller;
        self
    }

    /// Validates JWTs by the issuer's keys and then asks whether they were revoked; tokens that are no JWTs are refused.
    ///
    /// Garbage and expired tokens cost no call then. What the token says counts; of the answer, that it is active and not
    /// about a bound token or one of another kind or issuer.
    #[must_use]
    pub fn for_revocation(mut self) -> Self {
        self.jwts = Jwts::Confirmed;
        self
    }

    /// Asks at this place instead of the one that the metadata of the authorization server names.
    ///
    /// # Errors
    ///
    /// When it is neither `https` nor on loopback.
    pub fn endpoint(mut self, url: &str) -> Result<Self, ConfigError> {
        https_or_loopback("endpoint", url)?;
        self.endpoint = Some(url.to_owned());
        Ok(self)
    }

    /// How long it holds that a token is active: the longest that a revoked token is still accepted. 60 s unless set, and
    /// never beyond the token's `exp`; with zero, each request asks.
    ///
    /// # Errors
    ///
    /// When it is more than an hour.
    pub fn max_age(mut self, age: Duration) -> Result<Self, ConfigError> {
        if age > MAX_AGE {
            let problem = format!("{age:?} is more than {MAX_AGE:?}");
            return Err(ConfigError::new("max_age", problem));
        }
        self.max_age = age;
        Ok(self)
    }

    /// How many calls may be under way at the same time, 64 unless set; what needs one more is refused with 503, so that
    /// a flood of made-up tokens does not become a flood of calls.
    ///
    /// # Errors
    ///
    /// When it is 0.
    pub fn concurrency(mut self, most: usize) -> Result<Self, ConfigError> {
        if most == 0 {
            let problem = "is 0: nothing could be asked";
            return Err(ConfigError::new("concurrency", problem));
        }
        self.concurrency = most;
        Ok(self)
    }

    /// Asks for signed answers (RFC 9701) and takes no other: they are validated by the issuer's keys, and must be
    /// addressed to the client's identifier.
    #[must_use]
    pub fn signed(mut self) -> Self {
        self.is_signed = true;
        self
    }

    /// Accepts active tokens whose answer has no `aud`. By default they are refused, since such an answer does not say that
    /// the token is for this service.
    ///
    /// For a server that answers each resource server about its own tokens alone (RFC 7662 section 4). Otherwise whoever
    /// has a token for another service of that server may use it here; a JWT is refused if its own `aud` names only others.
    #[must_use]
    pub fn accepts_missing_audience(mut self) -> Self {
        self.thin.audience = true;
        self
    }

    /// Accepts active tokens whose answer has no `exp`: such a token counts as valid for `lifetime` from the answer on, for
    /// what outlives the request. By default they are refused.
    ///
    /// # Errors
    ///
    /// When it is zero or more than a day.
    pub fn accepts_missing_expiry(mut self, lifetime: Duration) -> Result<Self, ConfigError> {
        if lifetime.is_zero() || lifetime > MAX_LIFETIME {
            let problem = format!("{lifetime:?} is not between zero and {MAX_LIFETIME:?}");
            return Err(ConfigError::new("accepts_missing_expiry", problem));
        }
        self.thin.expiry = Some(lifetime);
        Ok(self)
    }

    /// Accepts active tokens whose answer has no `sub` but a client: such a token counts as the client's own, a service's,
    /// with the client for its subject. By default they are refused.
    ///
    /// For a server that leaves `sub` out where no user has a part (RFC 7662 section 2.2), and there alone: one that leaves
    /// it out of users' tokens would turn users into their applications.
    #[must_use]
    pub fn accepts_missing_subject(mut self) -> Self {
        self.thin.subject = true;
        self
    }

    pub(crate) fn check_client(&self) -> Result<(), ConfigError> {
        self.client.check()
    }

    pub(crate) fn takes_opaque_tokens(&self) -> bool {
        self.jwts != Jwts::Confirmed
    }

    /// Whether anything is validated by the issuer's keys.
    pub(crate) fn needs_keys(&self) -> bool {
        self.is_signed || self.jwts != Jwts::Introspected
    }
}
