use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::cache_key::target_digest;
use crate::dialect::Dialect;
use crate::token::{MAX_TOKEN, is_token68};
use crate::{
    ActorToken, Audience, ClaimsRequest, ConfigError, Issuer, Resource, Scope, UnixTime, Validated,
};

/// A token type identifier (RFC 8693 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An OAuth access token of the given authorization server, whatever its format.
    pub const ACCESS_TOKEN: Self = Self(Cow::Borrowed(
        "urn:ietf:params:oauth:token-type:access_token",
    ));
    /// An OAuth refresh token.
    pub const REFRESH_TOKEN: Self = Self(Cow::Borrowed(
        "urn:ietf:params:oauth:token-type:refresh_token",
    ));
    /// An OpenID Connect ID token.
    pub const ID_TOKEN: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:id_token"));
    /// A SAML 1.1 assertion.
    pub const SAML1: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml1"));
    /// A SAML 2.0 assertion.
    pub const SAML2: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml2"));
    /// Any JWT.
    pub const JWT: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:jwt"));

    /// Any other type, kept as it is.
    pub fn new(urn: impl Into<String>) -> Self {
        Self(Cow::Owned(urn.into()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For whom a token is asked: the audience or resource it will be addressed to, and the scope it shall have.
///
/// One target and the least scope per exchange (TX-40).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    audiences: Vec<Audience>,
    resources: Vec<Resource>,
    scope: Scope,
    requires_scope: bool,
    other_names: Vec<Audience>,
    digest: Digest,
}

/// Made at first need, and anew for what is made of it.
#[derive(Default)]
struct Digest(OnceLock<[u8; 32]>);

impl Clone for Digest {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Digest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Target {
    /// A service by its logical name, sent as `audience` (RFC 8693 section 2.1).
    pub fn audience(audience: Audience) -> Self {
        Self {
            audiences: vec![audience],
            resources: Vec::new(),
            scope: Scope::default(),
            requires_scope: false,
            other_names: Vec::new(),
            digest: Digest::default(),
        }
    }

    /// A service by its URI, sent as `resource` (RFC 8707 section 2).
    pub fn resource(resource: Resource) -> Self {
        Self {
            audiences: Vec::new(),
            resources: vec![resource],
            scope: Scope::default(),
            requires_scope: false,
            other_names: Vec::new(),
            digest: Digest::default(),
        }
    }

    /// Names a further audience of the same service.
    #[must_use]
    pub fn and_audience(mut self, audience: Audience) -> Self {
        self.audiences.push(audience);
        self.digest = Digest::default();
        self
    }

    /// Names a further resource of the same service.
    #[must_use]
    pub fn and_resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self.digest = Digest::default();
        self
    }

    /// Asks for this scope; without it the authorization server decides.
    ///
    /// The server may grant less, which [`IssuedToken::scope`] tells (RFC 8693 section 2.2.1).
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self.requires_scope = false;
        self.digest = Digest::default();
        self
    }

    /// Asks for this scope and nothing less: a token that was not granted all of it is not used (TX-17).
    #[must_use]
    pub fn with_required_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self.requires_scope = true;
        self.digest = Digest::default();
        self
    }

    /// Accepts a token that names the service so in its `aud`, though it was asked for by another name.
    ///
    /// It is never sent. Some servers address what is asked for by a `resource` or a scope to a name of their own (RI-03).
    #[must_use]
    pub fn or_named(mut self, audience: Audience) -> Self {
        self.other_names.push(audience);
        self.digest = Digest::default();
        self
    }

    /// What stands for the target in the keys of a cache.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.0.get_or_init(|| target_digest(self))
    }

    /// The audiences, in order.
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// The resources, in order.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The names that a token may have for the service besides those it is asked for by.
    pub fn other_names(&self) -> &[Audience] {
        &self.other_names
    }

    /// Whether a token with this in `aud` is addressed to the service.
    pub(crate) fn is_named(&self, aud: &str) -> bool {
        let names = self.audiences.iter().chain(&self.other_names);
        let resources = self.resources.iter().map(Resource::as_str);
        names
            .map(Audience::as_str)
            .chain(resources)
            .any(|name| name == aud)
    }

    /// The scope asked for; empty when the authorization server decides.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a token that was granted less is not to be used.
    pub fn requires_scope(&self) -> bool {
        self.requires_scope
    }
}

impl From<Audience> for Target {
    fn from(audience: Audience) -> Self {
        Self::audience(audience)
    }
}

impl From<Resource> for Target {
    fn from(resource: Resource) -> Self {
        Self::resource(resource)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.audiences.iter().map(Audience::as_str);
        for (i, name) in names
            .chain(self.resources.iter().map(Resource::as_str))
            .enumerate()
        {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name:?}")?;
        }
        Ok(())
    }
}

/// One exchange to make: whose token, for whom, with which actor.
///
/// It starts from a [`Validated`], so that what is offered was addressed to this service (TX-38).
#[derive(Clone, Debug)]
pub struct ExchangeRequest {
    subject: Validated,
    target: Arc<Target>,
    actor: Option<ActorToken>,
    requested_type: Option<TokenType>,
    dialect: Option<Arc<dyn Dialect>>,
    is_fresh: bool,
    claims: Option<ClaimsRequest>,
}

impl ExchangeRequest {
    /// Exchanges the token of `subject` for one addressed to `target`.
    pub fn new(subject: &Validated, target: impl Into<Arc<Target>>) -> Self {
        Self {
            subject: subject.clone(),
            target: target.into(),
            actor: None,
            requested_type: None,
            dialect: None,
            is_fresh: false,
            claims: None,
        }
    }

    /// Names the acting service by a token of its own, where the server does not infer it.
    #[must_use]
    pub fn with_actor(mut self, actor: ActorToken) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Asks for a type of token; without it the authorization server decides.
    #[must_use]
    pub fn with_requested_type(mut self, token_type: TokenType) -> Self {
        self.requested_type = Some(token_type);
        self
    }

    /// Asks in this dialect, whatever that of the exchange is.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Arc<dyn Dialect>) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Asks for a token that is issued now, also where one is at hand.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    /// Whether a token at hand will not do.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Asks for a token with these claims, as the service that is called wanted by its challenge (EN-05).
    ///
    /// A token that is at hand without them is not used. Only some dialects can say it; the others refuse the request.
    #[must_use]
    pub fn with_claims(mut self, claims: ClaimsRequest) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The subject on whose behalf the token is asked.
    pub fn subject(&self) -> &Validated {
        &self.subject
    }

    /// For whom.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// For whom, to share it.
    pub fn shared_target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The acting service's own token.
    pub fn actor(&self) -> Option<&ActorToken> {
        self.actor.as_ref()
    }

    /// The type asked for.
    pub fn requested_type(&self) -> Option<&TokenType> {
        self.requested_type.as_ref()
    }

    /// The dialect to ask in, where it is not that of the exchange.
    pub fn dialect(&self) -> Option<&dyn Dialect> {
        self.dialect.as_deref()
    }

    /// The claims asked for.
    pub fn claims(&self) -> Option<&ClaimsRequest> {
        self.claims.as_ref()
    }

    /// What the subject token is to `server`: its own access token, or somebody else's JWT (RFC 8693 section 3).
    pub fn subject_token_type(&self, server: &Issuer) -> TokenType {
        if self.subject.issuer() == server {
            TokenType::ACCESS_TOKEN
        } else {
            TokenType::JWT
        }
    }
}

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

    /// The token itself, for whoever sends it otherwise, such as an [`ActorToken`].
    pub fn expose(&self) -> &str {
        let value = self.authorization.to_str().unwrap_or_default();
        value.strip_prefix(SCHEME).unwrap_or_default()
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
pub(crate) const UNSTATED_LIFETIME: Duration = Duration::from_secs(60);

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Names of form parameters that the exchange itself decides, so that extra ones may not.
pub(crate) const RESERVED: &[&str] = &[
    "grant_type",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "audience",
    "resource",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "requested_token_use",
    "claims",
];

/// Refuses an extra parameter that would override one of the exchange's own.
pub(crate) fn extra_parameter(name: &str) -> Result<(), ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::new("extra_parameters", "a name is empty"));
    }
    if RESERVED.contains(&name) {
        return Err(ConfigError::new(
            "extra_parameters",
            format!("{name:?} is decided by the exchange itself and cannot be set"),
        ));
    }
    Ok(())
}
