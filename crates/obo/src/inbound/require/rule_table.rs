mod found;

use http::Method;
use obo_core::{Caller, ConfigError};

pub use found::{RuleMatch, Shadow};

use super::Rule;
use crate::inbound::by_method::{ByMethod, Entry};
use crate::inbound::public_paths::PublicPaths;
use crate::path::{PathMatch, PathPattern, PathTable};
use crate::refusal::rejection::Rejection;

/// The [`Rule`]s of an HTTP or gRPC server by path, or by method and path. Requests that are not
/// listed are denied.
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
/// An entry is `"/path"` for any method, or `"METHOD /path"`, which takes precedence. HEAD uses the
/// entry of GET unless it has its own. A path that is listed only for other methods is denied, even
/// if there is a rule for [all other paths](RuleTableBuilder::otherwise). The method is that of the
/// request; a layer that lets a header override it must be outside.
///
/// Paths may have parameters (see [`PathPattern`]): `{id}` for one segment, `{*rest}` at the end
/// for everything below. An exact path takes precedence over a pattern, and a more specific pattern
/// over a wider one. The path of a gRPC method is `/package.Service/Method`. gRPC uses only POST,
/// so its entries need no method.
///
/// Paths are compared as they were sent, never as a prefix and never decoded. `//admin`,
/// `/public/../admin` and `/%61dmin` are denied even if `/admin` or a `{*rest}` is listed. A path
/// that some server may read as another, listed path is denied too, if they differ by letter case,
/// escapes or a slash at the end: `/Orders/7` and `/orders/7/` are near `/orders/{id}`, and so are
/// `/orders/` and `/orders` if only `/orders/{id}` is listed. To serve such a path, list it. Inside
/// a nested axum router, paths are without the prefix that the router has stripped.
#[derive(Clone, Debug)]
pub struct RuleTable {
    /// An entry without a rule is public.
    rules: PathTable<ByMethod<Option<Rule>>>,
    otherwise: Option<Rule>,
    public: PublicPaths,
}

/// Builds a [`RuleTable`]. Keeps the first mistake, which [`build`](Self::build) returns.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RuleTableBuilder {
    entries: Vec<(PathPattern, ByMethod<Option<Rule>>)>,
    otherwise: Option<Rule>,
    public: PublicPaths,
    mistake: Option<ConfigError>,
}

impl RuleTableBuilder {
    /// Requires `rule` for an entry: `"/path"` or `"METHOD /path"`, with or without parameters.
    pub fn route(mut self, entry: impl AsRef<str>, rule: Rule) -> Self {
        let entry = entry.as_ref();
        let mistake = rule.mistake().cloned();
        self.note(mistake.map(|error| error.within(&format!("rule_table[{entry:?}]"))));
        let listed = self.list(entry, PathPattern::new, Some(rule));
        self.note(listed.err().map(|error| error.at("rule_table")));
        self
    }

    /// Requires nothing for an entry, not even a caller. The entry has no parameters.
    ///
    /// To admit such requests without a token, pass [the table's public
    /// paths](RuleTable::public_paths) to the [`BearerAuthLayer`](crate::BearerAuthLayer).
    pub fn public(mut self, entry: impl AsRef<str>) -> Self {
        let listed = self.list(entry.as_ref(), PathPattern::exact, None);
        self.note(listed.err().map(|error| error.at("rule_table")));
        self
    }

    /// Requires `rule` for every path that is not listed, instead of denying it.
    ///
    /// A path that servers may read differently, or that is near a listed one, is still denied.
    pub fn otherwise(mut self, rule: Rule) -> Self {
        let mistake = rule.mistake().cloned();
        self.note(mistake.map(|error| error.within("rule_table.otherwise")));
        if self.otherwise.replace(rule).is_some() {
            let problem = "is set twice; combine both into one rule";
            self.note(Some(ConfigError::new("rule_table.otherwise", problem)));
        }
        self
    }

    /// Builds the table.
    ///
    /// # Errors
    ///
    /// Returns the first mistake: that of a rule, an [invalid path](PathPattern::new), an unknown
    /// method such as `get`, an entry that is listed twice, or two patterns that
    /// [overlap](PathTable::new).
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
    /// Starts a table without entries, which denies everything.
    pub fn builder() -> RuleTableBuilder {
        RuleTableBuilder::default()
    }

    /// Returns the public entries, for
    /// [`BearerAuthLayer::public_paths`](crate::BearerAuthLayer::public_paths).
    ///
    /// ```
    /// use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule, RuleTable};
    ///
    /// # let issuer = "https://idp.example.com";
    /// # let server = ResourceServer::builder("service-a").trust(issuer).build()?;
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

    /// Checks the caller of a request with this method and path, which is the URI's path without
    /// the query.
    ///
    /// # Errors
    ///
    /// Returns the rejection of the entry's rule, or [`Rejection::NoRule`] if there is no entry.
    pub fn check<'c, C: 'c>(
        &self,
        method: &Method,
        path: &str,
        caller: impl Into<Option<&'c Caller<C>>>,
    ) -> Result<(), Rejection> {
        self.check_found(self.rules.find(path), method, caller.into())
    }

    /// Checks the caller of a request with this method, for which a router has matched `route`: the
    /// text of an entry's path, such as `/orders/{id}`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check). Also [`Rejection::NoRule`] if there is no route, or if its text
    /// is near an entry, such as `/orders/{order}` if `/orders/{id}` is listed. A rule for all
    /// other paths does not change that.
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
