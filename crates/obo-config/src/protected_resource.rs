use obo::{ConfigError, ProtectedResource, Resource, ResourceServer};
use serde::Deserialize;

use crate::form::{Scopes, set};

/// A [`ProtectedResource`] in a file (RFC 9728).
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `resource` | required | the identifier of this service, an `https` URL |
/// | `scopes` | none | the scopes that clients can ask for (`scopes_supported`) |
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectedResourceConfig {
    resource: Resource,
    scopes: Option<Scopes>,
}

impl ProtectedResourceConfig {
    /// Builds the metadata of a service that validates tokens with `server`.
    ///
    /// # Errors
    ///
    /// Fails if clients cannot derive the metadata URL from `resource`.
    pub fn build(self, server: &ResourceServer) -> Result<ProtectedResource, ConfigError> {
        let resource = ProtectedResource::new(self.resource, server)?;
        Ok(set(resource, self.scopes, |resource, Scopes(scope)| {
            resource.scopes_supported(scope)
        }))
    }
}
