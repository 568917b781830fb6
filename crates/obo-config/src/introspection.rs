use obo::{ConfigError, Introspection, Issuer};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::form::{Span, apply, set};
use crate::setup::Setup;

/// An [`Introspection`] in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionConfig {
    client: Option<ClientConfig>,
    #[serde(default, rename = "for")]
    purpose: Purpose,
    endpoint: Option<String>,
    max_age: Option<Span>,
    concurrency: Option<usize>,
    #[serde(alias = "signed")]
    require_signed: Option<bool>,
    #[serde(alias = "accepts_missing_audience")]
    allow_missing_audience: Option<bool>,
    #[serde(alias = "accepts_missing_expiry")]
    allow_missing_expiry: Option<Span>,
    #[serde(alias = "accepts_missing_subject")]
    allow_missing_subject: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    #[default]
    AllTokens,
    OpaqueTokens,
    Revocation,
}

impl IntrospectionConfig {
    /// Builds it with the client that is given here, or else with the client at `issuer`.
    pub(crate) fn build(
        self,
        issuer: &Issuer,
        setup: &mut Setup,
    ) -> Result<Introspection, ConfigError> {
        let client = match self.client {
            Some(client) => client.build_for(issuer, "client", setup)?,
            None => setup.client_of(issuer).map_err(|_| {
                let problem = format!(
                    "is missing: this service has no client at {issuer}, and the client of another authorization server \
                     is never used there; write `client = {{ id = \"…\", … }}` here"
                );
                ConfigError::new("client", problem)
            })?,
        };
        let built = Introspection::new(client);
        let built = match self.purpose {
            Purpose::AllTokens => built,
            Purpose::OpaqueTokens => built.for_opaque_tokens(),
            Purpose::Revocation => built.for_revocation(),
        };
        let built = set(built, self.endpoint, |built, url| built.endpoint(&url));
        Ok(apply!(self to built;
            max_age concurrency allow_missing_expiry;
            require_signed allow_missing_audience allow_missing_subject))
    }
}
