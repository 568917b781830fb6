use std::fmt;

use http::Method;

use super::RuleTable;
use crate::inbound::by_method::ByMethod;
use crate::inbound::require::rule::Rule;
use crate::path::{PathMatch, PathPattern};

/// What a [`RuleTable`] has for a method and a path. From [`RuleTable::find`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RuleMatch<'t> {
    /// The entry is public.
    Public(&'t PathPattern),
    /// The entry has this rule.
    Rule(&'t PathPattern, &'t Rule),
    /// No entry matches the path, so this rule of all other paths applies.
    Otherwise(&'t Rule),
    /// The path is listed for these other methods only, so it is denied.
    OtherMethods(&'t PathPattern, Vec<&'t Method>),
    /// The path is denied as [near a listed one](PathMatch::Near).
    Near,
    /// The path is denied, because [servers read it in different ways](PathMatch::Ambiguous).
    Ambiguous,
    /// No entry matches the path, so it is denied.
    Unlisted,
}

/// An entry of a [`RuleTable`] that does not apply to a request although its method and its path
/// match. From [`RuleTable::shadows`].
///
/// `Display` says what happens instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shadow {
    /// The text of the entry, such as `GET /orders/{*rest}`. For the rule of all other paths it is
    /// `otherwise`.
    pub entry: String,
    /// The text of the entry that applies instead.
    pub by: String,
    /// Whether the entry applies to no request at all.
    pub is_unreachable: bool,
    problem: String,
}

impl fmt::Display for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

/// How many methods an entry can have.
const ALL_METHODS: usize = 10;

impl RuleTable {
    /// Returns what decides about a request with this method and path, for tools that explain a
    /// refusal. [`check`](Self::check) decides in the same way.
    ///
    /// ```
    /// use http::Method;
    /// use obo::{Rule, RuleTable};
    /// use obo::require::RuleMatch;
    ///
    /// let table = RuleTable::builder().route("GET /orders", Rule::user()).build()?;
    /// assert!(matches!(table.find(&Method::GET, "/orders"), RuleMatch::Rule(..)));
    /// assert!(matches!(table.find(&Method::PUT, "/orders"), RuleMatch::OtherMethods(..)));
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn find(&self, method: &Method, path: &str) -> RuleMatch<'_> {
        match self.rules.find_entry(path) {
            PathMatch::Listed((pattern, listed)) => match listed.get(method) {
                Some(Some(rule)) => RuleMatch::Rule(pattern, rule),
                Some(None) => RuleMatch::Public(pattern),
                None => RuleMatch::OtherMethods(pattern, listed.methods().collect()),
            },
            PathMatch::Near => RuleMatch::Near,
            PathMatch::Ambiguous => RuleMatch::Ambiguous,
            PathMatch::Unlisted => match &self.otherwise {
                Some(rule) => RuleMatch::Otherwise(rule),
                None => RuleMatch::Unlisted,
            },
        }
    }

    /// Returns the entries: `"/path"` or `"METHOD /path"` and the rule, or `None` for a public
    /// entry.
    pub fn entries(&self) -> impl Iterator<Item = (String, Option<&Rule>)> {
        self.rules.iter().flat_map(|(pattern, listed)| {
            listed.iter().map(move |(method, rule)| {
                let entry = match method {
                    Some(method) => format!("{method} {pattern}"),
                    None => pattern.to_string(),
                };
                (entry, rule.as_ref())
            })
        })
    }

    /// Returns the paths of all entries that match a path, the one that [applies](Self::find)
    /// included.
    pub fn matching(&self, path: &str) -> impl Iterator<Item = &PathPattern> {
        let patterns = self.rules.iter().map(|(pattern, _)| pattern);
        patterns.filter(move |pattern| pattern.matches(path))
    }

    /// Returns the entries that never apply, and those that a more specific entry takes requests
    /// from and denies.
    ///
    /// ```
    /// use obo::{Rule, RuleTable};
    ///
    /// let table = RuleTable::builder()
    ///     .route("GET /orders/{*rest}", Rule::user())
    ///     .route("POST /orders/{id}", Rule::user())
    ///     .build()?;
    /// let shadows = table.shadows();
    /// assert_eq!(shadows[0].entry, "GET /orders/{*rest}");
    /// assert_eq!(shadows[0].by, "/orders/{id}");
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn shadows(&self) -> Vec<Shadow> {
        let mut shadows = Vec::new();
        for (pattern, listed) in self.rules.iter() {
            shadows.extend(never_applies(pattern, listed));
            let narrower = self.rules.iter();
            let narrower = narrower.filter(|(it, _)| *it != pattern && pattern.covers(it));
            for (narrow, instead) in narrower {
                shadows.extend(denied((pattern, listed), (narrow, instead)));
            }
        }
        let all = self
            .rules
            .iter()
            .find(|(it, _)| it.fixed_start().is_empty() && is_rest(it));
        if let Some((all, _)) = all.filter(|_| self.otherwise.is_some()) {
            shadows.push(Shadow {
                entry: "otherwise".to_owned(),
                by: all.to_string(),
                is_unreachable: true,
                problem: format!(
                    "the rule of all other paths never applies: `{all}` matches every path; remove one of them"
                ),
            });
        }
        shadows
    }
}

/// Whether it matches everything below `/`.
fn is_rest(pattern: &PathPattern) -> bool {
    pattern.as_str().starts_with("/{*")
}

/// The entry for all methods, if each method has an entry of its own.
fn never_applies<T>(pattern: &PathPattern, listed: &ByMethod<T>) -> Option<Shadow> {
    let has_any = listed.iter().any(|(method, _)| method.is_none());
    let is_unreachable = has_any && listed.methods().count() == ALL_METHODS;
    is_unreachable.then(|| Shadow {
        entry: pattern.to_string(),
        by: format!("GET {pattern}"),
        is_unreachable,
        problem: format!(
            "`{pattern}` never applies: each method has an entry of its own; remove it"
        ),
    })
}

/// The methods of a wide entry that a more specific one denies.
fn denied<T>(
    (wide, listed): (&PathPattern, &ByMethod<T>),
    (narrow, instead): (&PathPattern, &ByMethod<T>),
) -> Vec<Shadow> {
    let own = Vec::from_iter(instead.methods().map(Method::as_str)).join(", ");
    let is_denied = |method: &Option<&Method>| match method {
        Some(method) => instead.get(method).is_none(),
        None => instead.iter().all(|(method, _)| method.is_some()),
    };
    let methods = listed.iter().map(|(method, _)| method);
    let shadow = |method: Option<&Method>| {
        let (entry, others) = match method {
            Some(method) => (format!("{method} {wide}"), method.as_str()),
            None => (wide.to_string(), "another method"),
        };
        let problem = format!(
            "`{entry}` does not apply to `{narrow}`, which is more specific and lists only {own}; a request with \
             {others} is denied there; list it for `{narrow}` too"
        );
        Shadow {
            entry,
            by: narrow.to_string(),
            is_unreachable: false,
            problem,
        }
    };
    methods.filter(is_denied).map(shadow).collect()
}
