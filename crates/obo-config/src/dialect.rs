use std::collections::BTreeMap;

use obo::ConfigError;
use obo::dialect::{Rfc8693, TargetBy};
use obo::token::TokenType;
use serde::Deserialize;

use crate::form::{Flag, Form, Span, True, set, set_flags};
use crate::interned::interned;
use crate::setup::{Known, Setup};

/// A dialect over a named one. Each key is the method of [`Rfc8693`] of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DialectConfig {
    base: Option<String>,
    name: Option<String>,
    jwt_bearer: Option<True>,
    target_by: Option<By>,
    client_target_by: Option<By>,
    requires_scope: Option<True>,
    subject_type: Option<Type>,
    requests_type: Option<Type>,
    omits_requested_type: Option<True>,
    offers: Option<Vec<Type>>,
    without_actor: Option<True>,
    requires_actor: Option<True>,
    actor_types: Option<Vec<Type>>,
    users_only: Option<True>,
    max_actors: Option<usize>,
    client_in_audience: Option<True>,
    sends_claims: Option<True>,
    extra_parameters: BTreeMap<String, String>,
    token_type_may_be_missing: Option<True>,
    issued_type_may_be_missing: Option<True>,
    or_issued_types: Vec<Type>,
    expires_in_may_be_text: Option<True>,
    unstated_lifetime: Option<Span>,
    scope_may_be_wider: Option<True>,
    scope_text_or_array: Option<True>,
    pairwise_subject: Option<True>,
    user_claims: Option<Vec<String>>,
    danger_any_audience: Option<True>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    AudienceAndResource,
    Audience,
    OneAudience,
    Resource,
    Scope,
}

/// The name of a type that RFC 8693 section 3 defines, such as `"access_token"`, or any URI.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Type(pub(crate) TokenType);

impl DialectConfig {
    pub(crate) fn named(base: String) -> Self {
        Self {
            base: Some(base),
            ..Self::default()
        }
    }

    /// The dialect of a table's `dialect`.
    pub(crate) fn of(form: Form<Self>, setup: &Setup) -> Result<Known, ConfigError> {
        let built = form.table(Self::named).build(setup);
        built.map_err(|error| match error.field() {
            "dialect" => error,
            _ => error.within("dialect"),
        })
    }

    pub(crate) fn danger_any_audience(mut self) -> Self {
        self.danger_any_audience = Some(True);
        self
    }

    fn build(mut self, setup: &Setup) -> Result<Known, ConfigError> {
        let base = self.base.take();
        let known = setup.find_dialect(base.as_deref().unwrap_or("rfc8693"))?;
        match known {
            Known::Data(dialect) => Ok(Known::Data(Box::new(self.over(*dialect)?))),
            Known::Own(_) if self == Self::default() => Ok(known),
            Known::Own(_) => {
                let problem = "is an implementation of its own, which has no settings in a file; write its name alone";
                Err(ConfigError::new("base", problem))
            }
        }
    }

    fn over(self, dialect: Rfc8693) -> Result<Rfc8693, ConfigError> {
        let flags: [Flag<Rfc8693>; 15] = [
            (self.jwt_bearer, Rfc8693::jwt_bearer),
            (self.requires_scope, Rfc8693::requires_scope),
            (self.omits_requested_type, Rfc8693::omits_requested_type),
            (self.without_actor, Rfc8693::without_actor),
            (self.requires_actor, Rfc8693::requires_actor),
            (self.users_only, Rfc8693::users_only),
            (self.client_in_audience, Rfc8693::client_in_audience),
            (self.sends_claims, Rfc8693::sends_claims),
            (
                self.token_type_may_be_missing,
                Rfc8693::token_type_may_be_missing,
            ),
            (
                self.issued_type_may_be_missing,
                Rfc8693::issued_type_may_be_missing,
            ),
            (self.expires_in_may_be_text, Rfc8693::expires_in_may_be_text),
            (self.scope_may_be_wider, Rfc8693::scope_may_be_wider),
            (self.scope_text_or_array, Rfc8693::scope_text_or_array),
            (self.pairwise_subject, Rfc8693::pairwise_subject),
            (self.danger_any_audience, Rfc8693::danger_any_audience),
        ];
        let dialect = set_flags(dialect, flags);
        let types = |types: Vec<Type>| types.into_iter().map(|Type(token_type)| token_type);
        let one = |Type(token_type)| token_type;
        let dialect = set(dialect, self.name.map(interned), Rfc8693::with_name);
        let dialect = set(dialect, self.target_by.map(By::into), Rfc8693::target_by);
        let by = self.client_target_by.map(By::into);
        let dialect = set(dialect, by, Rfc8693::client_target_by);
        let dialect = set(dialect, self.subject_type.map(one), Rfc8693::subject_type);
        let dialect = set(dialect, self.requests_type.map(one), Rfc8693::requests_type);
        let dialect = set(dialect, self.offers.map(types), Rfc8693::offers);
        let dialect = set(dialect, self.actor_types.map(types), Rfc8693::actor_types);
        let dialect = set(dialect, self.max_actors, Rfc8693::max_actors);
        let dialect = types(self.or_issued_types).fold(dialect, Rfc8693::or_issued_type);
        let lifetime = self.unstated_lifetime.map(Span::into);
        let dialect = set(dialect, lifetime, Rfc8693::unstated_lifetime);
        let claims = self
            .user_claims
            .map(|names| names.into_iter().map(interned));
        let dialect = set(dialect, claims, Rfc8693::user_claims);
        let mut extra = self.extra_parameters.into_iter();
        extra.try_fold(dialect, |dialect, (name, value)| {
            dialect.extra_parameter(name, value)
        })
    }
}

impl From<By> for TargetBy {
    fn from(by: By) -> Self {
        match by {
            By::AudienceAndResource => Self::AudienceAndResource,
            By::Audience => Self::Audience,
            By::OneAudience => Self::OneAudience,
            By::Resource => Self::Resource,
            By::Scope => Self::Scope,
        }
    }
}

impl From<String> for Type {
    fn from(name: String) -> Self {
        Self(match name.contains(':') {
            true => TokenType::new(name),
            false => TokenType::new(format!("urn:ietf:params:oauth:token-type:{name}")),
        })
    }
}
