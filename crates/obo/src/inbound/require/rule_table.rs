use http::Method;
use obo_core::{Caller, ConfigError};

use super::Rule;
use crate::inbound::path_table::{Found, PathTable};
use crate::path::is_unambiguous;
use crate::refusal::rejection::Rejection;

/// Which [`Rule`] each request has by its path, or by its method and path, for the whole of an HTTP or gRPC server; one
/// that is not listed is denied.
///
/// An entry is for `"/path"` with any method, or for `"METHOD /path"`, which goes first. HEAD takes the entry of GET
/// unless it has its own. A path that is listed for other methods alone is denied, also where there is a rule for
/// [all others](Self::otherwise).
///
/// A gRPC method's path is `/package.Service/Method`; gRPC knows POST alone, so its entries need no method. Paths are
/// compared whole and as they were sent, never as a prefix and never decoded, so `//admin`, `/public/../admin` and
/// `/%61dmin` are not listed even where `/admin` is. Inside a nested axum router, they are what the router has left of
/// them. The method is the request's own: what lets a header override it has to come before this.
///
/// ```
/// use obo::{RequireLayer, Rule, RuleTable};
///
/// let table = RuleTable::new([
///     ("GET /orders", Rule::scopes(["orders:read"])?),
///     ("POST /orders", Rule::scopes(["orders:write"])?),
///     ("/stock.Stock/Adjust", Rule::scopes(["stock:write"])?.and(Rule::actors(["service-a"])?)),
/// ])?
/// .public_paths(["GET /docs", "/grpc.health.v1.Health/Check"])?;
/// let layer = RequireLayer::by_path(table);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuleTable {
    /// Nothing is required where there is no rule.
    rules: PathTable<Option<Rule>>,
    otherwise: Option<Rule>,
}

impl RuleTable {
    /// Requires of each entry its own rule.
    ///
    /// # Errors
    ///
    /// When an entry is listed twice, its path is none (a pattern, an escape, a query, an empty or a dot segment), or its
    /// method is none, such as `get`.
    pub fn new<P: AsRef<str>>(
        rules: impl IntoIterator<Item = (P, Rule)>,
    ) -> Result<Self, ConfigError> {
        let table = Self {
            rules: PathTable::default(),
            otherwise: None,
        };
        rules.into_iter().try_fold(table, |table, (entry, rule)| {
            table.with(entry.as_ref(), Some(rule))
        })
    }

    /// Requires nothing of these entries, not even a caller; where they need no token, the
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
            .try_fold(self, |table, entry| table.with(entry.as_ref(), None))
    }

    /// Requires this of every path that is not listed, instead of denying it.
    ///
    /// A path that some servers read as another one (`//`, dot segments, `;`, needless escapes) is denied all the same. So is
    /// one that differs from a listed path only by letter case, a slash at the end or escapes: list it, or send it as listed.
    #[must_use]
    pub fn otherwise(mut self, rule: Rule) -> Self {
        self.otherwise = Some(rule);
        self
    }

    fn with(mut self, entry: &str, rule: Option<Rule>) -> Result<Self, ConfigError> {
        self.rules.insert("rule_table", entry, rule)?;
        Ok(self)
    }

    /// Checks the caller of a request with this method to `path`, which is the URI's path without its query.
    ///
    /// # Errors
    ///
    /// What the entry's rule refuses; [`Rejection::NoRule`] where there is none.
    pub fn check<'c, C: 'c>(
        &self,
        method: &Method,
        path: &str,
        caller: impl Into<Option<&'c Caller<C>>>,
    ) -> Result<(), Rejection> {
        let rule = match self.rules.find(method, path) {
            Found::Value(None) => return Ok(()),
            Found::Value(Some(rule)) => Some(rule),
            Found::OtherMethods => None,
            Found::Nothing => self
                .otherwise
                .as_ref()
                .filter(|_| is_unambiguous(path) && !self.rules.is_near(path)),
        };
        let caller = caller.into().ok_or(Rejection::MissingCredentials)?;
        rule.ok_or(Rejection::NoRule)?.check(caller)
    }
}
