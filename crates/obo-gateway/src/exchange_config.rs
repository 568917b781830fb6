use obo::destination::Target;
use obo::dialect::Rfc8693;
use obo::{Audience, ConfigError, Destination, Issuer, Resource, Scope};
use serde::Deserialize;

/// How a token for the upstream is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeConfig {
    pub(super) issuer: Issuer,
    audience: Option<Audience>,
    resource: Option<Resource>,
    #[serde(default)]
    scopes: Vec<String>,
    dialect: Option<Rfc8693>,
    /// Instead of what the issuer's metadata names.
    pub(super) token_endpoint: Option<String>,
    /// Other issuers whose tokens may be sent to this one.
    #[serde(default)]
    pub(super) subject_issuers: Vec<Issuer>,
    #[serde(default)]
    danger_any_audience: bool,
}

impl ExchangeConfig {
    /// The place that callers' tokens are exchanged for.
    pub(super) fn destination(
        self,
        uri: &str,
        danger_plaintext: bool,
    ) -> Result<Destination, ConfigError> {
        let target: Target = match (self.audience, self.resource) {
            (Some(audience), None) => audience.into(),
            (None, Some(resource)) => resource.into(),
            (Some(audience), Some(resource)) => Target::audience(audience).and_resource(resource),
            (None, None) => {
                let problem = "is not told; name the upstream as the authorization server knows it, \
                               by `audience` or by `resource`";
                return Err(ConfigError::new("exchange.audience", problem));
            }
        };
        let scope = Scope::new(self.scopes).map_err(|error| error.at("exchange.scopes"))?;
        let target = target.with_scope(scope);
        let at = if danger_plaintext {
            Destination::danger_plaintext(uri, target)
        } else {
            Destination::new(uri, target)
        };
        let at = at.map_err(|error| error.at("upstream"))?;
        Ok(match (self.dialect, self.danger_any_audience) {
            (Some(dialect), false) => at.dialect(dialect),
            (dialect, true) => at.dialect(dialect.unwrap_or_default().danger_any_audience()),
            (None, false) => at,
        })
    }
}
