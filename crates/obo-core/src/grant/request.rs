use std::sync::Arc;

use crate::challenge::claims_request::ClaimsRequest;
use crate::error::ConfigError;
use crate::grant::target::Target;
use crate::token::bearer::ActorToken;
use crate::token::issuer::Issuer;
use crate::token::token_type::TokenType;
use crate::validate::caller::Caller;

/// One exchange to make: whose token, for whom, with which actor.
///
/// It starts from a [`Caller`], so that what is offered was addressed to this service (TX-38).
#[derive(Clone, Debug)]
#[must_use]
pub struct ExchangeRequest {
    subject: Caller,
    target: Arc<Target>,
    actor: Option<ActorToken>,
    requested_type: Option<TokenType>,
    is_fresh: bool,
    claims: Option<ClaimsRequest>,
}

impl ExchangeRequest {
    /// Exchanges the token of `subject` for one addressed to `target`.
    pub fn new(subject: &Caller, target: impl Into<Arc<Target>>) -> Self {
        Self {
            subject: subject.clone(),
            target: target.into(),
            actor: None,
            requested_type: None,
            is_fresh: false,
            claims: None,
        }
    }

    /// Names the acting service by a token of its own, where the server does not infer it.
    pub fn with_actor(mut self, actor: ActorToken) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Asks for a type of token; without it the authorization server decides.
    pub fn with_requested_type(mut self, token_type: TokenType) -> Self {
        self.requested_type = Some(token_type);
        self
    }

    /// Asks for a token that is issued now, even if one is cached; concurrent requests for the same token share it.
    pub fn fresh(mut self) -> Self {
        self.is_fresh = true;
        self
    }

    /// Whether a cached token is not enough.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Asks for a token with these claims, as the service that is called wanted by its challenge (EN-05).
    ///
    /// A token that is at hand without them is not used. Only some dialects can say it; the others refuse the request.
    pub fn with_claims(mut self, claims: ClaimsRequest) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The subject on whose behalf the token is asked.
    pub fn subject(&self) -> &Caller {
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
