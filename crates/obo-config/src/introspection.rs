use std::time::Duration;

use obo::{ConfigError, Introspection, Issuer};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::form::{Span, set};
use crate::setup::Setup;

/// An [`Introspection`] as a file writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionConfig {
    client: Option<ClientConfig>,
    #[serde(default, rename = "for")]
    purpose: Purpose,
    endpoint: Option<String>,
    max_age: Option<Span>,
    concurrency: Option<usize>,
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    accepts_missing_audience: bool,
    accepts_missing_expiry: Option<Span>,
    #[serde(default)]
    accepts_missing_subject: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
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
        let span = |span: Option<Span>| span.map(Duration::from);
        let asked = set(asked, self.endpoint.as_deref(), Introspection::endpoint);
        let asked = set(asked, span(self.max_age), Introspection::max_age);
        let asked = set(asked, self.concurrency, Introspection::concurrency);
        let lifetime = span(self.accepts_missing_expiry);
        let mut asked = set(asked, lifetime, Introspection::allow_missing_expiry);
        if self.signed {
            asked = asked.require_signed();
        }
        if self.accepts_missing_audience {
            asked = asked.allow_missing_audience();
        }
        if self.accepts_missing_subject {
            asked = asked.allow_missing_subject();
        }
        Ok(asked)
    }
}
