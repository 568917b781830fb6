use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::error::ConfigError;

/// The identifier of a resource server, as tokens have it in `aud` (RFC 7519 section 4.1.3).
/// Compared exactly.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Takes an audience.
    ///
    /// # Errors
    ///
    /// Fails if it is empty, or has control characters or blanks at its ends.
    pub fn new(audience: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let audience = audience.into();
        if audience.is_empty() {
            return Err(ConfigError::new(
                "audience",
                "is empty; give the identifier that tokens for the service have in `aud`",
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

    /// The identifier as given.
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

/// A resource indicator: the absolute URI of a resource, without fragment (RFC 8707 section 2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(Arc<str>);

impl Resource {
    /// Takes a resource indicator.
    ///
    /// # Errors
    ///
    /// Fails if it is not an absolute URI, or has a fragment or a query.
    pub fn new(resource: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let resource = resource.into();
        // A URL parser removes blanks, but the resource is sent as given.
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

    /// The URI as given.
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

    /// BC-01
    #[test]
    fn empty_audience_is_rejected() {
        for bad in ["", " a", "a\n"] {
            assert_eq!(Audience::new(bad).unwrap_err().field(), "audience");
        }
    }

    /// TX-04, RI-01
    #[test]
    fn resource_is_absolute_uri() {
        for bad in ["api", "https://a/#x", "https://a/?q=1", ""] {
            assert_eq!(Resource::new(bad).unwrap_err().field(), "resource");
        }
        Resource::new("urn:example:api").unwrap();
    }
}
