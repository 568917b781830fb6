use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use obo_core::ConfigError;

use crate::inbound::by_method::{ByMethod, Entry};
use crate::path::PathPattern;

/// Paths that need no token: health checks, gRPC reflection, public documents.
///
/// A path is compared whole, without its query and as it was sent: never as a prefix, never
/// decoded, and inside a nested axum router without what the router has stripped. As `"GET /docs"`
/// a path is public for that method alone, and HEAD follows GET.
///
/// ```
/// use obo::bearer::PublicPaths;
///
/// let paths = PublicPaths::new(["/healthz", "GET /docs", "/grpc.health.v1.Health/Check"])?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// A [`RuleTable`](crate::RuleTable) with public entries has [its
/// own](crate::RuleTable::public_paths).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicPaths(Arc<HashMap<String, ByMethod<()>>>);

impl PublicPaths {
    /// Parses entries such as `"/path"` and `"METHOD /path"`.
    ///
    /// # Errors
    ///
    /// If an entry is listed twice, its path is not an exact one ([`PathPattern::exact`]), or its
    /// method is unknown.
    pub fn new<P: AsRef<str>>(entries: impl IntoIterator<Item = P>) -> Result<Self, ConfigError> {
        let mut paths = Self::default();
        for entry in entries {
            let added = Entry::parse(entry.as_ref()).and_then(|entry| {
                let path = PathPattern::exact(entry.path)?;
                paths.insert(&path, &entry)
            });
            added.map_err(|error| error.at("public_paths"))?;
        }
        Ok(paths)
    }

    /// Adds an entry, which has this path.
    pub(super) fn insert(
        &mut self,
        path: &PathPattern,
        entry: &Entry<'_>,
    ) -> Result<(), ConfigError> {
        let paths = Arc::make_mut(&mut self.0);
        let listed = paths.entry(path.as_str().to_owned()).or_default();
        listed.insert(entry, ())
    }

    pub(super) fn contains(&self, method: &Method, path: &str) -> bool {
        let listed = self.0.get(path);
        listed.is_some_and(|listed| listed.get(method).is_some())
    }
}
