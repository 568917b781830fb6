use obo::{ConfigError, ProtectedResource, Resource, ResourceServer};
use serde::Deserialize;

use crate::form::{Scopes, set};

/// A [`ProtectedResource`] as a file writes it.
///
/// | key | meaning |
/// | --- | --- |
/// | `resource` | the identifier that clients know this service by |
/// | `scopes` | the scopes that are of use here (`scopes_supported`) |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectedResourceConfig {
    resource: Resource,
    scopes: Option<Scopes>,
}

impl ProtectedResourceConfig {
    /// Builds the metadata of a service that accepts what `server` does.
    ///
    /// # Errors
    ///
    /// If `resource` is not an identifier that clients can look up.
    pub fn build(self, server: &ResourceServer) -> Result<ProtectedResource, ConfigError> {
        let resource = ProtectedResource::new(self.resource, server)?;
        Ok(set(resource, self.scopes, |resource, Scopes(scope)| {
            resource.scopes_supported(scope)
        }))
    }
}
