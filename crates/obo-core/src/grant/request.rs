use std::sync::Arc;

use crate::binding::Thumbprint;
use crate::challenge::claims_request::ClaimsRequest;
use crate::error::ConfigError;
use crate::grant::target::Target;
use crate::token::bearer::ActorToken;
use crate::token::issuer::Issuer;
use crate::token::token_type::TokenType;
use crate::validate::caller::Caller;

/// One token exchange: the user, the target and the actor.
///
/// It starts from a [`Caller`], so the exchanged token was for this service.
#[derive(Clone, Debug)]
#[must_use]
pub struct ExchangeRequest {
    subject: Caller,
    target: Arc<Target>,
    actor: Option<ActorToken>,
    requested_type: Option<TokenType>,
    is_fresh: bool,
    claims: Option<ClaimsRequest>,
    thumbprint: Option<Thumbprint>,
}

impl ExchangeRequest {
    /// Exchanges the token of `subject` for a token for `target`.
    pub fn new(subject: &Caller, target: impl Into<Arc<Target>>) -> Self {
        Self {
            subject: subject.clone(),
            target: target.into(),
            actor: None,
            requested_type: None,
            is_fresh: false,
            claims: None,
            thumbprint: None,
        }
    }

    /// Sends a token of the acting service, for servers that do not infer the actor.
    pub fn with_actor(mut self, actor: ActorToken) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Requests this type of token. Default: the authorization server decides.
    pub fn with_requested_type(mut self, token_type: TokenType) -> Self {
        self.requested_type = Some(token_type);
        self
    }

    /// Requests a new token, even if one is cached. Concurrent requests share it.
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    /// Whether the token must be new, not cached.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Requests a token with these claims, which the called service asked for in its challenge.
    ///
    /// A cached token without them is not used. Dialects that cannot send claims reject the
    /// request.
    pub fn with_claims(mut self, claims: ClaimsRequest) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Binds the token to the key with this thumbprint (RFC 9449 section 5). The request must have
    /// a proof of the key, and a token that is not bound to it is not accepted.
    pub fn with_thumbprint(mut self, thumbprint: Option<Thumbprint>) -> Self {
        self.thumbprint = thumbprint;
        self
    }

    /// The thumbprint of the key that the token must be bound to; `None` for a bearer token.
    pub fn thumbprint(&self) -> Option<&Thumbprint> {
        self.thumbprint.as_ref()
    }

    /// The user on whose behalf the token is requested.
    pub fn subject(&self) -> &Caller {
        &self.subject
    }

    /// The service that the token is for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The target in its `Arc`.
    pub fn shared_target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The acting service's own token.
    pub fn actor(&self) -> Option<&ActorToken> {
        self.actor.as_ref()
    }

    /// The requested type.
    pub fn requested_type(&self) -> Option<&TokenType> {
        self.requested_type.as_ref()
    }

    /// The requested claims.
    pub fn claims(&self) -> Option<&ClaimsRequest> {
        self.claims.as_ref()
    }

    /// The type of the subject token for `server`: its own access token, or a JWT of another issuer
    /// (RFC 8693 section 3).
    pub fn subject_token_type(&self, server: &Issuer) -> TokenType {
        if self.subject.issuer() == server {
            TokenType::ACCESS_TOKEN
        } else {
            TokenType::JWT
        }
    }
}

/// The form parameters of the exchange itself. An extra parameter must not have these names.
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

/// Rejects an extra parameter with a name of the exchange itself.
pub(crate) fn extra_parameter(name: &str) -> Result<(), ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::new("extra_parameters", "a name is empty"));
    }
    if RESERVED.contains(&name) {
        return Err(ConfigError::new(
            "extra_parameters",
            format!("{name:?} is set by the exchange itself and cannot be an extra parameter"),
        ));
    }
    Ok(())
}
