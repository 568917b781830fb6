use std::time::Duration;

use super::Rfc8693;
use crate::dialect::refusal::{Classify, Refusal};
use crate::error::ConfigError;
use crate::grant::request::extra_parameter;
use crate::grant::token_endpoint::ErrorClass;
use crate::secret::Secret;
use crate::token::token_type::TokenType;

/// The parameters that name the target of a request.
///
/// If a target has more than they can express, the request fails before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetBy {
    /// `audience` and `resource`, each as often as the target has them (RFC 8693 section 2.1).
    #[default]
    AudienceAndResource,
    /// `audience`, as often as the target has them.
    Audience,
    /// One `audience`.
    OneAudience,
    /// `resource`, as often as the target has them (RFC 8707).
    Resource,
    /// Only `scope`. The target's audiences are the `aud` of the token; they are not sent.
    Scope,
}

/// All settings that shape what is requested or accepted, except extra parameters.
///
/// The debug form is part of the dialect's identity, so no setting can be missing there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) grant: GrantType,
    pub(super) target: TargetBy,
    pub(super) client_target: Option<TargetBy>,
    pub(super) require_scope: bool,
    pub(super) subject_type: Option<TokenType>,
    pub(super) requested_type: Option<TokenType>,
    pub(super) without_requested_type: bool,
    pub(super) offered: Option<Vec<TokenType>>,
    pub(super) actor: Actor,
    pub(super) actor_types: Option<Vec<TokenType>>,
    pub(super) require_user: bool,
    pub(super) max_actors: Option<usize>,
    pub(super) require_client_in_audience: bool,
    pub(super) allow_claims: bool,
    pub(super) allow_missing_token_type: bool,
    pub(super) allow_missing_issued_type: bool,
    pub(super) other_issued_types: Vec<TokenType>,
    pub(super) allow_text_expires_in: bool,
    pub(super) unstated_lifetime: Option<Duration>,
    pub(super) allow_wider_scope: bool,
    pub(super) allow_scope_text_or_array: bool,
    pub(super) pairwise_subject: bool,
    pub(super) user_claims: Vec<&'static str>,
    pub(super) danger_any_audience: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GrantType {
    #[default]
    TokenExchange,
    JwtBearer,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Actor {
    Forbidden,
    #[default]
    Optional,
    Required,
}

/// What is requested, and how.
impl Rfc8693 {
    /// Sets another name, which configuration and logs use.
    pub fn with_name(mut self, name: &'static str) -> Self {
        self.name = name;
        self.set(|_| {})
    }

    /// Uses the grant for JWT assertions (RFC 7523 section 2.1) with
    /// `requested_token_use=on_behalf_of`. The caller's token is the `assertion`.
    ///
    /// That grant has no actor tokens and no requested types.
    pub fn jwt_bearer(self) -> Self {
        self.set(|settings| settings.grant = GrantType::JwtBearer)
    }

    /// Sets the parameters that name the target. Default: `audience` and `resource`.
    pub fn target_by(self, parameters: TargetBy) -> Self {
        self.set(|settings| settings.target = parameters)
    }

    /// Sets the parameters that name the target of client credentials. Default: as in an exchange.
    pub fn client_target_by(self, parameters: TargetBy) -> Self {
        self.set(|settings| settings.client_target = Some(parameters))
    }

    /// Sets the type of every subject token. Default: an access token of this server, or a JWT of
    /// another issuer.
    pub fn subject_type(self, token_type: TokenType) -> Self {
        self.set(|settings| settings.subject_type = Some(token_type))
    }

    /// Sets the type of token to request if the request has none.
    pub fn requested_type(self, token_type: TokenType) -> Self {
        self.set(|settings| settings.requested_type = Some(token_type))
    }

    /// Rejects requests for other types than these, because the server does not issue them.
    pub fn offered_types(self, types: impl IntoIterator<Item = TokenType>) -> Self {
        let types = types.into_iter().collect();
        self.set(|settings| settings.offered = Some(types))
    }

    /// Rejects requests with an actor token: to the server, the authenticated client is the actor,
    /// or there is no actor.
    pub fn without_actor(self) -> Self {
        self.set(|settings| settings.actor = Actor::Forbidden)
    }

    /// Rejects requests without an actor token.
    pub fn require_actor(self) -> Self {
        self.set(|settings| settings.actor = Actor::Required)
    }

    /// Rejects actor tokens of other types than these.
    pub fn actor_types(self, types: impl IntoIterator<Item = TokenType>) -> Self {
        let types = types.into_iter().collect();
        self.set(|settings| settings.actor_types = Some(types))
    }

    /// Rejects a subject token that has this many actors: the server would not add another one.
    pub fn max_actors(self, actors: usize) -> Self {
        self.set(|settings| settings.max_actors = Some(actors))
    }

    /// Sends a further parameter with every request.
    ///
    /// # Errors
    ///
    /// Fails if the exchange itself sets the parameter, or if it is set already: none may repeat
    /// (RFC 6749 section 3.2).
    pub fn extra_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let name = name.into();
        extra_parameter(&name)?;
        if self.extra.iter().any(|(own, _)| *own == name) {
            return Err(ConfigError::new(
                "extra_parameters",
                format!("{name:?} is set twice"),
            ));
        }
        self.extra.push((name, Secret::new(value)));
        Ok(self.set(|_| {}))
    }
}

/// What a response may be.
impl Rfc8693 {
    /// Also accepts a token of this type: some servers have their own spelling.
    pub fn allow_issued_type(self, token_type: TokenType) -> Self {
        self.set(|settings| settings.other_issued_types.push(token_type))
    }

    /// Sets how long a token is used if the server does not state its lifetime. Default: 60 s.
    pub fn unstated_lifetime(self, lifetime: Duration) -> Self {
        self.set(|settings| settings.unstated_lifetime = Some(lifetime))
    }

    /// Rejects an issued JWT in which one of these claims differs from the caller's. A server with
    /// pairwise subjects identifies users by them.
    ///
    /// A claim that only one token has is not compared.
    pub fn user_claims(self, names: impl IntoIterator<Item = &'static str>) -> Self {
        let names = names.into_iter().collect();
        self.set(|settings| settings.user_claims = names)
    }

    /// Decides the meaning of a refusal; `None` means as in the standard.
    ///
    /// It is not called for overload (429, `slow_down`, `too_many_requests`) and faults (5xx,
    /// `server_error`, `temporarily_unavailable`).
    ///
    /// In the standard, `invalid_request` means a subject token that is not accepted. Some servers
    /// also send it if this client may not exchange tokens at all. Distinguish them by the
    /// [description](Refusal::description).
    pub fn classify(mut self, classify: fn(&Refusal<'_>) -> Option<ErrorClass>) -> Self {
        self.classify = Some(classify as Classify);
        self
    }
}

/// Makes a setter for each boolean setting.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        impl Rfc8693 {$(
            $(#[$doc])*
            pub fn $name(self) -> Self {
                self.set(|settings| settings.$name = true)
            }
        )+}
    };
}

flags! {
    /// Rejects requests without scope, because the server does.
    require_scope;

    /// Never sends `requested_token_type`: the server issues access tokens. A request for another
    /// type is rejected.
    without_requested_type;

    /// Rejects subjects that are services: the server exchanges only users' tokens.
    require_user;

    /// Rejects a subject token that has this client neither in `aud` nor as its client.
    require_client_in_audience;

    /// Sends the claims of a request as `claims`. Without it, a request with claims is rejected.
    allow_claims;

    /// Accepts a response without `token_type`, which RFC 6749 section 5.1 requires, as a bearer
    /// token.
    allow_missing_token_type;

    /// Accepts a response without `issued_token_type`, which section 2.2.1 requires, as an access
    /// token.
    allow_missing_issued_type;

    /// Also reads `expires_in` from a string of digits.
    allow_text_expires_in;

    /// Accepts a token with more scope than requested: some servers always add default scopes, or
    /// spell the granted scope differently.
    allow_wider_scope;

    /// Reads `scope` of a response from a string or from an array of single values.
    allow_scope_text_or_array;

    /// Does not compare the subject of an issued token: the user has a different name in each
    /// audience.
    pairwise_subject;

    /// Does not check the audience of an issued JWT, nor `audience` and `resource` of a response.
    ///
    /// If the server then uses a default audience, this service does not notice. If you know the
    /// name in `aud`, use [`Target::or_named`](crate::Target::or_named) instead.
    danger_any_audience;
}
