use std::sync::Arc;

use obo_core::metadata::ServerMetadata;
use obo_core::{ConfigError, Issuer};

use super::AuthorizationServer;
use crate::idp::http::HttpService;

/// Makes an [`AuthorizationServer`]. It keeps the first mistake, which [`build`](Self::build)
/// returns.
#[derive(Clone, Debug)]
#[must_use]
pub struct AuthorizationServerBuilder {
    issuer: Result<Issuer, ConfigError>,
    http: Option<HttpService>,
    metadata: Option<ServerMetadata>,
}

impl AuthorizationServer {
    /// Starts an authorization server of this issuer, a literal or an [`Issuer`]. By default its
    /// URLs are discovered when they are first needed, with the default client.
    pub fn builder<I>(issuer: I) -> AuthorizationServerBuilder
    where
        I: TryInto<Issuer, Error: Into<ConfigError>>,
    {
        AuthorizationServerBuilder {
            issuer: issuer.try_into().map_err(Into::into),
            http: None,
            metadata: None,
        }
    }
}

impl AuthorizationServerBuilder {
    /// Sends every request to this server through `http` instead of the default client.
    pub fn with_http(mut self, http: HttpService) -> Self {
        self.http = Some(http);
        self
    }

    /// Uses this metadata instead of discovery.
    pub fn with_metadata(mut self, metadata: ServerMetadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Builds the authorization server. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// Fails with `issuer` if it is not an issuer identifier, and with `http` if there is no client
    /// and this build has no default client.
    pub fn build(self) -> Result<AuthorizationServer, ConfigError> {
        let issuer = self.issuer?;
        let http = self.http.map_or_else(default_client, Ok)?;
        let metadata = self.metadata.map(Arc::new);
        Ok(AuthorizationServer::new(issuer, http, metadata))
    }
}

#[cfg(feature = "default-client")]
fn default_client() -> Result<HttpService, ConfigError> {
    Ok(HttpService::default_client())
}

#[cfg(not(feature = "default-client"))]
fn default_client() -> Result<HttpService, ConfigError> {
    Err(ConfigError::new(
        "http",
        "there is no HTTP client; set one by `with_http`, or enable the feature `default-client`",
    ))
}

#[cfg(feature = "default-client")]
impl From<Issuer> for AuthorizationServer {
    /// Discovers the URLs with the default client.
    fn from(issuer: Issuer) -> Self {
        Self::new(issuer, HttpService::default_client(), None)
    }
}

#[cfg(feature = "default-client")]
impl TryFrom<&str> for AuthorizationServer {
    type Error = ConfigError;

    /// Discovers the URLs with the default client.
    fn try_from(issuer: &str) -> Result<Self, ConfigError> {
        Issuer::new(issuer).map(Self::from)
    }
}
