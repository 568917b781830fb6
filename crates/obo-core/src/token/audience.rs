use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::error::ConfigError;

/// An identifier of a resource server as tokens name it in `aud` (RFC 7519 section 4.1.3), compared exactly.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Takes an audience as it is.
    ///
    /// # Errors
    ///
    /// When it is empty or has a control character or a blank at either end.
    pub fn new(audience: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let audience = audience.into();
        if audience.is_empty() {
            return Err(ConfigError::new(
                "audience",
                "is empty; give the identifier that tokens for the service carry in `aud`",
            ));
        }
        if audience.trim() != &*audience || audience.chars().any(char::is_control) {
            return Err(ConfigError::new(
                "audience",
                format!("{audience:?} has blanks around it or control characters"),
            ));
        }
        Ok(Self(audience))
    }

    /// The identifier as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audience({:?})", self.0)
    }
}

/// A resource indicator: the absolute URI of a resource without fragment (RFC 8707 section 2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(Arc<str>);

impl Resource {
    /// Takes a resource indicator as it is.
    ///
    /// # Errors
    ///
    /// When it is not an absolute URI, or has a fragment or a query.
    pub fn new(resource: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let resource = resource.into();
        // A URL parser takes blanks away, and what was given is sent as it is.
        if resource
            .chars()
            .any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(ConfigError::new(
                "resource",
                format!("{resource:?} has blanks or control characters"),
            ));
        }
        let url = Url::parse(&resource).map_err(|_| {
            ConfigError::new(
                "resource",
                format!("{resource:?} is not an absolute URI (RFC 8707 section 2)"),
            )
        })?;
        if url.fragment().is_some() || url.query().is_some() {
            return Err(ConfigError::new(
                "resource",
                format!("{resource:?} must have neither fragment nor query"),
            ));
        }
        Ok(Self(resource))
    }

    /// The URI as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bc_01_an_empty_audience_is_a_configuration_error() {
        for bad in ["", " a", "a\n"] {
            assert_eq!(Audience::new(bad).unwrap_err().field(), "audience");
        }
    }

    #[test]
    fn tx_04_ri_01_a_resource_is_an_absolute_uri_without_fragment_or_query() {
        for bad in ["api", "https://a/#x", "https://a/?q=1", ""] {
            assert_eq!(Resource::new(bad).unwrap_err().field(), "resource");
        }
        Resource::new("urn:example:api").unwrap();
    }
}
