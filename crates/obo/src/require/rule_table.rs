use std::collections::HashMap;

use super::Rule;
use crate::exact_path::{ExactPath, is_unambiguous};
use crate::{ConfigError, Rejection, Validated};

/// Which [`Rule`] each request path has, for the whole of an HTTP or gRPC server; a path that is not listed is denied.
///
/// A gRPC method's path is `/package.Service/Method`. Paths are compared whole and as they were sent, never as a prefix
/// and never decoded, so `//admin`, `/public/../admin` and `/%61dmin` are not listed even where `/admin` is. Inside a
/// nested axum router, they are what the router has left of them.
///
/// ```
/// use obo::{RequireLayer, Rule, RuleTable};
///
/// let table = RuleTable::new([
///     ("/stock.Stock/Level", Rule::scopes(["stock:read"])?),
///     ("/stock.Stock/Adjust", Rule::scopes(["stock:write"])?.and(Rule::actors(["service-a"])?)),
/// ])?
/// .public_paths(["/grpc.health.v1.Health/Check"])?;
/// let layer = RequireLayer::by_path(table);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuleTable {
    /// Nothing is required where there is no rule.
    paths: HashMap<ExactPath, Option<Rule>>,
    otherwise: Option<Rule>,
}

impl RuleTable {
    /// Requires of each path its own rule.
    ///
    /// # Errors
    ///
    /// When a path is listed twice, or is none: a pattern, an escape, a query, an empty or a dot segment.
    pub fn new<P: AsRef<str>>(
        rules: impl IntoIterator<Item = (P, Rule)>,
    ) -> Result<Self, ConfigError> {
        let table = Self {
            paths: HashMap::new(),
            otherwise: None,
        };
        rules.into_iter().try_fold(table, |table, (path, rule)| {
            table.with(path.as_ref(), Some(rule))
        })
    }

    /// Requires nothing of these paths, not even a caller; where they need no token, the
    /// [`BearerAuthLayer`](crate::BearerAuthLayer::public_paths) is to know as well.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn public_paths<P: AsRef<str>>(
        self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        paths
            .into_iter()
            .try_fold(self, |table, path| table.with(path.as_ref(), None))
    }

    /// Requires this of every path that is not listed, instead of denying it.
    ///
    /// A path that some servers take for another one (`//`, dot segments, `;`, needless escapes) is denied all the same.
    #[must_use]
    pub fn otherwise(mut self, rule: Rule) -> Self {
        self.otherwise = Some(rule);
        self
    }

    fn with(mut self, path: &str, rule: Option<Rule>) -> Result<Self, ConfigError> {
        let path_as_listed = ExactPath::parse("rule_table", path)?;
        if self.paths.insert(path_as_listed, rule).is_some() {
            return Err(ConfigError::new(
                "rule_table",
                format!("{path:?} is listed twice; combine rules by `Rule::and`"),
            ));
        }
        Ok(self)
    }

    /// Checks the caller of a request to `path`, which is the URI's path without its query.
    ///
    /// # Errors
    ///
    /// What the path's rule refuses; [`Rejection::NoRule`] where it has none.
    pub fn check<'c, C: 'c>(
        &self,
        path: &str,
        caller: impl Into<Option<&'c Validated<C>>>,
    ) -> Result<(), Rejection> {
        let rule = match self.paths.get(path) {
            Some(None) => return Ok(()),
            Some(Some(rule)) => Some(rule),
            None => self.otherwise.as_ref().filter(|_| is_unambiguous(path)),
        };
        let caller = caller.into().ok_or(Rejection::MissingCredentials)?;
        rule.ok_or(Rejection::NoRule)?.check(caller)
    }
}
