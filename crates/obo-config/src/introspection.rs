use obo::{ConfigError, Introspection, Issuer};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::form::{Span, apply, set};
use crate::setup::Setup;

/// An [`Introspection`] as a file writes it.
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
    /// Introspects as the client that is named here, or else as the client at `issuer`.
    pub(crate) fn build(
        self,
        issuer: &Issuer,
        setup: &mut Setup,
    ) -> Result<Introspection, ConfigError> {
        let client = match self.client {
            Some(client) => client.build_for(issuer, "client", setup)?,
            None => setup.client_of(issuer).map_err(|_| {
                let problem = format!(
                    "is missing: this service has no client of its own at {issuer}, and the client of another \
                     authorization server is never used there; write `client = {{ id = \"…\", … }}` here"
                );
                ConfigError::new("client", problem)
            })?,
        };
        let asked = Introspection::new(client);
        let asked = match self.purpose {
            Purpose::AllTokens => asked,
            Purpose::OpaqueTokens => asked.for_opaque_tokens(),
            Purpose::Revocation => asked.for_revocation(),
        };
        let asked = set(asked, self.endpoint, |asked, url| asked.endpoint(&url));
        Ok(apply!(self to asked;
            max_age concurrency allow_missing_expiry;
            require_signed allow_missing_audience allow_missing_subject))
    }
}
