use obo_core::{ConfigError, Issuer};
use serde::Deserialize;

use super::Introspection;
use crate::idp::client_auth::{Client, ClientConfig};
use crate::inbound::config::Span;

/// An [`Introspection`] as a configuration file spells it.
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
    /// Whether it says as whom to ask.
    pub(crate) fn names_client(&self) -> bool {
        self.client.is_some()
    }

    /// Asks as the client that is named here, or else as the `known` one.
    pub(crate) fn build(
        self,
        issuer: &Issuer,
        known: Option<&Client>,
    ) -> Result<Introspection, ConfigError> {
        let client = match (self.client, known) {
            (Some(client), _) => client.build().map_err(|error| match error.field() {
                "client" => error,
                _ => error.within("client"),
            })?,
            (None, Some(known)) => known.clone(),
            (None, None) => {
                let problem = format!(
                    "is missing: this service has no client of its own at {issuer}, and the client of another \
                     authorization server is never used there; write `client = {{ id = \"…\", … }}` here"
                );
                return Err(ConfigError::new("client", problem));
            }
        };
        let asked = Introspection::new(client);
        let mut asked = match self.purpose {
            Purpose::AllTokens => asked,
            Purpose::OpaqueTokens => asked.for_opaque_tokens(),
            Purpose::Revocation => asked.for_revocation(),
        };
        if let Some(endpoint) = &self.endpoint {
            asked = asked.endpoint(endpoint);
        }
        if let Some(Span(age)) = self.max_age {
            asked = asked.max_age(age);
        }
        if let Some(most) = self.concurrency {
            asked = asked.concurrency(most);
        }
        if self.signed {
            asked = asked.require_signed();
        }
        if self.accepts_missing_audience {
            asked = asked.allow_missing_audience();
        }
        if self.accepts_missing_subject {
            asked = asked.allow_missing_subject();
        }
        if let Some(Span(lifetime)) = self.accepts_missing_expiry {
            asked = asked.allow_missing_expiry(lifetime);
        }
        Ok(asked)
    }
}
