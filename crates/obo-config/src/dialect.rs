use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use obo::ConfigError;
use obo::dialect::{Rfc8693, TargetBy};
use obo::token::TokenType;

use crate::form::{Form, Name, Span, True, table_over};
use crate::named_dialect::{ApplyDialect, NamedDialect};
use crate::secret::SecretConfig;
use crate::setup::Setup;

table_over!(Rfc8693, DialectConfig {
    jwt_bearer
    require_scope
    without_requested_type
    without_actor
    require_actor
    require_user
    require_client_in_audience
    allow_claims
    allow_missing_token_type
    // An earlier name of the key.
    #[serde(alias = "issued_type_may_be_missing")]
    allow_missing_issued_type
    allow_text_expires_in
    allow_wider_scope
    allow_scope_text_or_array
    pairwise_subject
    danger_any_audience
} {
    name: Name => |dialect, Name(name)| dialect.with_name(name),
    target_by: TargetBy => Rfc8693::target_by,
    client_target_by: TargetBy => Rfc8693::client_target_by,
    subject_type: TokenType => Rfc8693::subject_type,
    requested_type: TokenType => Rfc8693::requested_type,
    offered_types: Vec<TokenType> => Rfc8693::offered_types,
    actor_types: Vec<TokenType> => Rfc8693::actor_types,
    max_actors: usize => Rfc8693::max_actors,
    allow_issued_types: Vec<TokenType> => |dialect, types| types.into_iter().fold(dialect, Rfc8693::allow_issued_type),
    unstated_lifetime: Span => |dialect, lifetime| dialect.unstated_lifetime(Duration::from(lifetime)),
    user_claims: Vec<Name> => |dialect, names| dialect.user_claims(names.into_iter().map(|Name(name)| name)),
    // `build` applies them, because that can fail.
    extra_parameters: BTreeMap<String, SecretConfig> => |dialect, _| dialect,
});

impl DialectConfig {
    /// Builds the dialect of the key `dialect`.
    pub(crate) fn of(
        form: Form<Self>,
        setup: &Setup,
    ) -> Result<Arc<dyn ApplyDialect>, ConfigError> {
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

    fn build(mut self, setup: &Setup) -> Result<Arc<dyn ApplyDialect>, ConfigError> {
        let base = self.base.take();
        let base = base.as_deref().unwrap_or("rfc8693");
        match setup.dialects.get("dialect", base)?.clone() {
            NamedDialect::Data(dialect) => {
                let extra = self.extra_parameters.take();
                let extra = extra.filter(|_| !setup.is_without_secrets);
                let mut extra = extra.unwrap_or_default().into_iter();
                let dialect = self.over(*dialect);
                let dialect = extra.try_fold(dialect, |dialect, (name, value)| {
                    let value = value.read().map_err(|error| error.within(&name));
                    let value = value.map_err(|error| error.within("extra_parameters"))?;
                    dialect.extra_parameter(name, value.expose())
                });
                Ok(Arc::new(dialect?))
            }
            NamedDialect::Own(own) if self == Self::default() => Ok(own),
            NamedDialect::Own(_) => {
                let problem = "is registered as an implementation, which has no settings; write its name alone";
                Err(ConfigError::new("base", problem))
            }
        }
    }
}
