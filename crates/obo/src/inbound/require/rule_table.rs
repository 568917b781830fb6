use http::Method;
use obo_core::{Caller, ConfigError};

use super::Rule;
use crate::inbound::by_method::{ByMethod, Entry};
use crate::inbound::public_paths::PublicPaths;
use crate::path::{PathMatch, PathPattern, PathTable};
use crate::refusal::rejection::Rejection;

/// Which [`Rule`] each request has by its path, or by its method and path, for the whole of an HTTP or gRPC server; a
/// request that is not listed is denied.
///
/// ```
/// use obo::{RequireLayer, Rule, RuleTable};
///
/// let table = RuleTable::builder()
///     .route("GET /orders", Rule::scopes(["orders:read"]))
///     .route("GET /orders/{id}", Rule::scopes(["orders:read"]))
///     .route("POST /orders", Rule::scopes(["orders:write"]))
///     .route("/reports/{*rest}", Rule::roles(["auditor"]))
///     .route("/stock.Stock/{method}", Rule::actors(["service-a"]))
///     .public("GET /docs")
///     .public("/grpc.health.v1.Health/Check")
///     .build()?;
/// let layer = RequireLayer::by_path(table);
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// An entry is for `"/path"` with any method, or for `"METHOD /path"`, which goes first. HEAD takes the entry of GET
/// unless it has its own. A path that is listed for other methods alone is denied, also where there is a rule for
/// [all others](RuleTableBuilder::otherwise). The method is the request's own: what lets a header override it has to come
/// before this.
///
/// Paths have parameters as [`PathPattern`] says: `{id}` for one segment, `{*rest}` at the end for all that is below. An
/// exact path goes before a pattern, and a more specific pattern before a wider one. A gRPC method's path is
/// `/package.Service/Method`; gRPC knows POST alone, so its entries need no method.
///
/// Paths are compared as they were sent, never as a prefix and never decoded. `//admin`, `/public/../admin` and `/%61dmin`
/// are denied even where `/admin` or a `{*rest}` is listed. So is a path that a server may read as another one that is
/// listed, by letter case, escapes or a slash at the end: `/Orders/7` and `/orders/7/` of `/orders/{id}`, and `/orders/`
/// and `/orders` if only `/orders/{id}` is listed. To serve such a path, list it. Inside a nested axum router, paths are
/// what the router has left of them.
#[derive(Clone, Debug)]
pub struct RuleTable {
    /// Nothing is required where there is no rule.
    rules: PathTable<ByMethod<Option<Rule>>>,
    otherwise: Option<Rule>,
    public: PublicPaths,
}

/// Collects the entries of a [`RuleTable`], and keeps the first mistake for [`build`](Self::build).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RuleTableBuilder {
    entries: Vec<(PathPattern, ByMethod<Option<Rule>>)>,
    otherwise: Option<Rule>,
    public: PublicPaths,
    mistake: Option<ConfigError>,
}

impl RuleTableBuilder {
    /// Requires `rule` of the requests of an entry: `"/path"` or `"METHOD /path"`, with parameters or without.
    pub fn route(mut self, entry: impl AsRef<str>, rule: Rule) -> Self {
        let entry = entry.as_ref();
        let mistake = rule.mistake().cloned();
        self.note(mistake.map(|error| error.within(&format!("rule_table[{entry:?}]"))));
        let listed = self.list(entry, PathPattern::new, Some(rule));
        self.note(listed.err().map(|error| error.at("rule_table")));
        self
    }

    /// Requires nothing of the requests of an entry, not even a caller. It has no parameters.
    ///
    /// To serve such requests without a token, give [the table's public paths](RuleTable::public_paths) to the
    /// [`BearerAuthLayer`](crate::BearerAuthLayer).
    pub fn public(mut self, entry: impl AsRef<str>) -> Self {
        let listed = self.list(entry.as_ref(), PathPattern::exact, None);
        self.note(listed.err().map(|error| error.at("rule_table")));
        self
    }

    /// Requires `rule` of every path that is not listed, instead of denying it.
    ///
    /// A path that servers read in different ways, or that is near a listed one, is denied all the same.
    pub fn otherwise(mut self, rule: Rule) -> Self {
        let mistake = rule.mistake().cloned();
        self.note(mistake.map(|error| error.within("rule_table.otherwise")));
        if self.otherwise.replace(rule).is_some() {
            let problem = "is set twice; make it one rule";
            self.note(Some(ConfigError::new("rule_table.otherwise", problem)));
        }
        self
    }

    /// Makes the table.
    ///
    /// # Errors
    ///
    /// The first mistake: a rule's own, a path that [is not one](PathPattern::new), an unknown method such as `get`, an
    /// entry that is listed twice, or two patterns that [overlap](PathTable::new).
    pub fn build(self) -> Result<RuleTable, ConfigError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Ok(RuleTable {
                rules: PathTable::new(self.entries).map_err(|error| error.at("rule_table"))?,
                otherwise: self.otherwise,
                public: self.public,
            }),
        }
    }

    fn list(
        &mut self,
        text: &str,
        parse: fn(&str) -> Result<PathPattern, ConfigError>,
        rule: Option<Rule>,
    ) -> Result<(), ConfigError> {
        let entry = Entry::parse(text)?;
        let path = parse(entry.path)?;
        if rule.is_none() {
            self.public.insert(&path, &entry)?;
        }
        match self.entries.iter_mut().find(|(listed, _)| *listed == path) {
            Some((_, listed)) => listed.insert(&entry, rule),
            None => {
                let mut listed = ByMethod::default();
                listed.insert(&entry, rule)?;
                self.entries.push((path, listed));
                Ok(())
            }
        }
    }

    fn note(&mut self, mistake: Option<ConfigError>) {
        self.mistake = self.mistake.take().or(mistake);
    }
}

impl RuleTable {
    /// A table without entries, which denies everything.
    pub fn builder() -> RuleTableBuilder {
        RuleTableBuilder::default()
    }

    /// The public entries, for [`BearerAuthLayer::public_paths`](crate::BearerAuthLayer::public_paths).
    ///
    /// ```
    /// use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule, RuleTable};
    ///
    /// # let server = ResourceServer::builder("service-a").trust("https://idp.example.com").build()?;
    /// let table = RuleTable::builder()
    ///     .route("GET /orders", Rule::scopes(["orders:read"]))
    ///     .public("/healthz")
    ///     .build()?;
    /// let auth = BearerAuthLayer::new(server).public_paths(table.public_paths());
    /// let rules = RequireLayer::by_path(table);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn public_paths(&self) -> PublicPaths {
        self.public.clone()
    }

    /// Checks the caller of a request with this method to `path`, which is the URI's path without its query.
    ///
    /// # Errors
    ///
    /// What the entry's rule refuses; [`Rejection::NoRule`] if there is none.
    pub fn check<'c, C: 'c>(
        &self,
        method: &Method,
        path: &str,
        caller: impl Into<Option<&'c Caller<C>>>,
    ) -> Result<(), Rejection> {
        self.check_found(self.rules.find(path), method, caller.into())
    }

    /// Checks the caller of a request with this method, for which a router has found the route that is written as `route`:
    /// the very text of an entry's path, such as `/orders/{id}`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check). [`Rejection::NoRule`] also if there is no route, or its text is near an entry, such as
    /// `/orders/{order}` where `/orders/{id}` is listed; a rule for all others does not change that.
    pub fn check_route<'c, C: 'c>(
        &self,
        method: &Method,
        route: Option<&str>,
        caller: impl Into<Option<&'c Caller<C>>>,
    ) -> Result<(), Rejection> {
        let found = route.map_or(PathMatch::Ambiguous, |route| match self.rules.get(route) {
            Some(listed) => PathMatch::Listed(listed),
            None => match self.rules.find(route) {
                PathMatch::Unlisted => PathMatch::Unlisted,
                PathMatch::Listed(_) | PathMatch::Near | PathMatch::Ambiguous => PathMatch::Near,
            },
        });
        self.check_found(found, method, caller.into())
    }

    fn check_found<C>(
        &self,
        found: PathMatch<'_, ByMethod<Option<Rule>>>,
        method: &Method,
        caller: Option<&Caller<C>>,
    ) -> Result<(), Rejection> {
        let rule = match found {
            PathMatch::Listed(listed) => match listed.get(method) {
                Some(None) => return Ok(()),
                Some(Some(rule)) => Some(rule),
                None => None,
            },
            PathMatch::Unlisted => self.otherwise.as_ref(),
            PathMatch::Near | PathMatch::Ambiguous => None,
        };
        let caller = caller.ok_or(Rejection::MissingCredentials)?;
        rule.ok_or(Rejection::NoRule)?.check(caller)
    }
}
