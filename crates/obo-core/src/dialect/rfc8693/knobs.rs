use std::time::Duration;

use super::Rfc8693;
use crate::dialect::refusal::{Classify, Refusal};
use crate::error::ConfigError;
use crate::grant::request::extra_parameter;
use crate::grant::token_endpoint::ErrorClass;
use crate::secret::Secret;
use crate::token::token_type::TokenType;

/// Which parameters tell the server for whom a token is (RI-04).
///
/// What a target has beyond these cannot be said to the server, so the request is refused before it is sent.
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
    /// `scope` alone. The target's audiences say what the token has in `aud`; they are not sent.
    Scope,
}

/// All that shapes what is asked for or accepted, save extra parameters.
///
/// Its debug form is part of the dialect's identity, so that no setting can be forgotten there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Knobs {
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

/// What is asked, and how.
impl Rfc8693 {
    /// Gives the dialect another name, by which configuration and logs tell it from others.
    pub fn with_name(mut self, name: &'static str) -> Self {
        self.name = name;
        self.set(|_| {})
    }

    /// Asks by the grant for JWT assertions (RFC 7523 section 2.1) with `requested_token_use=on_behalf_of`, of which the
    /// caller's token is the `assertion`.
    ///
    /// That grant knows neither actor tokens nor requested types.
    pub fn jwt_bearer(self) -> Self {
        self.set(|knobs| knobs.grant = GrantType::JwtBearer)
    }

    /// Names the target by these parameters.
    pub fn target_by(self, parameters: TargetBy) -> Self {
        self.set(|knobs| knobs.target = parameters)
    }

    /// Names the target by these parameters where this service asks for itself (client credentials); without it as in an
    /// exchange.
    pub fn client_target_by(self, parameters: TargetBy) -> Self {
        self.set(|knobs| knobs.client_target = Some(parameters))
    }

    /// Declares every subject token as of this type; without it, by who issued it (TX-23).
    pub fn subject_type(self, token_type: TokenType) -> Self {
        self.set(|knobs| knobs.subject_type = Some(token_type))
    }

    /// Asks for this type of token where the request asks for none.
    pub fn requested_type(self, token_type: TokenType) -> Self {
        self.set(|knobs| knobs.requested_type = Some(token_type))
    }

    /// Refuses requests for types that are none of these, since the server does not issue them.
    pub fn offered_types(self, types: impl IntoIterator<Item = TokenType>) -> Self {
        let types = types.into_iter().collect();
        self.set(|knobs| knobs.offered = Some(types))
    }

    /// Refuses requests with an actor token: the server takes the authenticated client for the actor, or has none (OT-02).
    pub fn without_actor(self) -> Self {
        self.set(|knobs| knobs.actor = Actor::Forbidden)
    }

    /// Refuses requests without an actor token.
    pub fn require_actor(self) -> Self {
        self.set(|knobs| knobs.actor = Actor::Required)
    }

    /// Refuses actor tokens of other types than these.
    pub fn actor_types(self, types: impl IntoIterator<Item = TokenType>) -> Self {
        let types = types.into_iter().collect();
        self.set(|knobs| knobs.actor_types = Some(types))
    }

    /// Refuses a subject whose token has this many actors already: the server would refuse to add one more.
    pub fn max_actors(self, actors: usize) -> Self {
        self.set(|knobs| knobs.max_actors = Some(actors))
    }

    /// Sends a further parameter with every request.
    ///
    /// # Errors
    ///
    /// When the exchange itself decides the parameter, or it is set already: none may repeat (RFC 6749 section 3.2).
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

/// What an answer may be.
impl Rfc8693 {
    /// Takes a token of this type too, whatever was asked for: some servers have a spelling of their own.
    pub fn allow_issued_type(self, token_type: TokenType) -> Self {
        self.set(|knobs| knobs.other_issued_types.push(token_type))
    }

    /// Uses a token for this long where the server does not say how long it lives, instead of 60 s (TX-16).
    pub fn unstated_lifetime(self, lifetime: Duration) -> Self {
        self.set(|knobs| knobs.unstated_lifetime = Some(lifetime))
    }

    /// Rejects an issued JWT in which one of these claims differs from the caller's: with them a server with pairwise
    /// subjects names a user everywhere.
    ///
    /// A claim that only one of the two tokens has is not compared.
    pub fn user_claims(self, names: impl IntoIterator<Item = &'static str>) -> Self {
        let names = names.into_iter().collect();
        self.set(|knobs| knobs.user_claims = names)
    }

    /// Decides what a refusal means; `None` leaves it to the standard.
    ///
    /// It is not asked about overload (429, `slow_down`, `too_many_requests`) and faults (5xx, `server_error`,
    /// `temporarily_unavailable`).
    ///
    /// By the standard `invalid_request` is a subject token that is not accepted. Some servers say so too where this client
    /// may not exchange at all; they are to be told by their [description](Refusal::description).
    pub fn classify(mut self, classify: fn(&Refusal<'_>) -> Option<ErrorClass>) -> Self {
        self.classify = Some(classify as Classify);
        self
    }
}

/// Makes a setter for each setting that is on or off.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        impl Rfc8693 {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(self) -> Self {
                self.set(|knobs| knobs.$name = true)
            }
        )+}
    };
}

flags! {
    /// Refuses a request without scope, since the server does.
    require_scope;

    /// Never sends `requested_token_type`: the server issues access tokens, and a request for another type is refused.
    without_requested_type;

    /// Refuses subjects that are a service: the server exchanges tokens of users alone (EN-02).
    require_user;

    /// Refuses a subject token that neither names this client in `aud` nor was issued to it (KC-04).
    require_client_in_audience;

    /// Sends the claims that a request asks for as `claims`; without it such a request is refused (EN-05).
    allow_claims;

    /// Takes an answer without `token_type`, which RFC 6749 section 5.1 requires, as a bearer token.
    allow_missing_token_type;

    /// Takes an answer without `issued_token_type`, which section 2.2.1 requires, as an access token.
    allow_missing_issued_type;

    /// Reads `expires_in` from a string of digits too (TE-07).
    allow_text_expires_in;

    /// Takes a token with more scope than was asked for: some servers always add the client's default scopes, or spell
    /// what they grant otherwise.
    allow_wider_scope;

    /// Reads `scope` of a response from a string and from an array of single values alike.
    allow_scope_text_or_array;

    /// Does not compare the subject of an issued token: the server gives a user another name in each audience (EN-09).
    pairwise_subject;

    /// Does not check to whom an issued JWT is addressed, nor what `audience` and `resource` of a response name.
    ///
    /// A server that falls back to a default audience is then not found out here. Where the name in `aud` is known, give
    /// it by [`Target::or_named`](crate::Target::or_named) instead.
    danger_any_audience;
}
