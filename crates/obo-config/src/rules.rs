use obo::caller::ActorId;
use obo::require::{Principal, RuleTableBuilder};
use obo::{ConfigError, Issuer, Rule, RuleTable};
use serde::Deserialize;

use crate::form::{Span, each, set};
use crate::settings::Settings;

/// A [`Rule`] as a file writes it: what a caller must be or have, all of it.
///
/// | key | meaning |
/// | --- | --- |
/// | `scopes` | all of these scope values |
/// | `roles`, `groups`, `entitlements` | all of these, as [`Caller::roles`](obo::Caller::roles) and its like |
/// | `clients` | a token that was issued to one of these clients: a name within the token's own issuer, or `{ iss, sub }` |
/// | `issuers` | a token of one of these issuers |
/// | `subjects` | one of these subjects: a name within the token's own issuer, or `{ iss, sub }` |
/// | `actors` | of the service that acts for the subject, one of these, likewise; a token without an actor passes |
/// | `require_actor` | `true`: a service acts for the subject, one of `actors` if they are there |
/// | `kind` | `"user"` or `"service"` |
/// | `acr` | one of these authentication context classes |
/// | `max_age` | how long ago the user authenticated at most |
/// | `any_of` | one of these rules |
///
/// Actors of another issuer than the token's count only where the rule names the token's issuer, as [`Rule::issuers`]
/// says. A single trusted issuer is named by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    scopes: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    entitlements: Option<Vec<String>>,
    clients: Option<Vec<Party>>,
    issuers: Option<Vec<Issuer>>,
    subjects: Option<Vec<Party>>,
    actors: Option<Vec<Party>>,
    require_actor: bool,
    kind: Option<Kind>,
    acr: Option<Vec<String>>,
    max_age: Option<Span>,
    any_of: Option<Vec<RuleConfig>>,
}

/// A party of the token's own issuer by its name, or any by its full identity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a name, or { iss, sub }")]
enum Party {
    Own(String),
    Of { iss: Issuer, sub: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    Service,
}

impl RuleConfig {
    /// Whether it requires nothing but a valid token.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Builds the rule for callers whose tokens are of one of the `trusted` issuers; `None` if any valid token is enough.
    ///
    /// # Errors
    ///
    /// An empty list, a name that is none, or an issuer that is not trusted; the field is its key.
    pub fn build(self, trusted: &[Issuer]) -> Result<Option<Rule>, ConfigError> {
        let mut listed = self.issuers.iter().flatten();
        if let Some(unknown) = listed.find(|issuer| !trusted.contains(issuer)) {
            let problem = format!("\"{unknown}\" is not an issuer of the [resource_server]");
            return Err(ConfigError::new("issuers", problem));
        }
        let actors = self.actors.map(Rule::actors);
        let actors = match (actors, self.require_actor) {
            // The list is for those who act; a user who calls without a service in between does not concern it.
            (Some(listed), false) => Some(Rule::any_of([listed, Rule::no_actor()])),
            (None, true) => Some(Rule::any_actor()),
            (listed, _) => listed,
        };
        // A single issuer is the only one that can say who acts.
        let issuers = match self.issuers {
            None if actors.is_some() && trusted.len() == 1 => Some(trusted.to_vec()),
            listed => listed,
        };
        let any_of = self.any_of.map(|rules| {
            let rules = each("any_of", rules, |rule| {
                let problem = "requires nothing, so that every valid token would pass";
                let rule = rule.build(trusted)?;
                rule.ok_or_else(|| ConfigError::new("", problem))
            });
            rules.map(Rule::any_of)
        });
        let rules = [
            issuers.map(Rule::issuers),
            self.scopes.map(Rule::scopes),
            self.roles.map(Rule::roles),
            self.groups.map(Rule::groups),
            self.entitlements.map(Rule::entitlements),
            self.clients.map(Rule::clients),
            self.subjects.map(Rule::subjects),
            actors,
            self.kind.map(|kind| match kind {
                Kind::User => Rule::user(),
                Kind::Service => Rule::service(),
            }),
            self.acr.map(Rule::acr),
            self.max_age.map(|age| Rule::max_age(age.into())),
            any_of.transpose()?,
        ];
        let all = rules.into_iter().flatten().reduce(Rule::and);
        let checked = all.map(Rule::checked).transpose();
        checked.map_err(|error| match error.field() {
            "scope" => error.at("scopes"),
            "acr_values" => error.at("acr"),
            _ => error,
        })
    }
}

impl From<Party> for Principal {
    fn from(party: Party) -> Self {
        match party {
            Party::Own(name) => name.into(),
            Party::Of { iss, sub } => ActorId::new(iss.as_str(), sub).into(),
        }
    }
}

/// A [`RuleTable`] as a file writes it: a list of paths, each with its rule. What is not listed is denied.
///
/// | key | meaning |
/// | --- | --- |
/// | `path` | such as `/orders/{id}` or `/orders/{*rest}`, as [`PathPattern`](obo::path::PathPattern) says |
/// | `methods` | the methods it is about; all unless set |
/// | `public` | `true`: it requires nothing, not even a token |
/// | `otherwise` | `true` instead of `path`: all paths that are not listed, as [`RuleTableBuilder::otherwise`] |
/// | the rest | a [`RuleConfig`]; without any of its keys a valid token is enough |
///
/// ```
/// use obo_config::RulesConfig;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     rules: RulesConfig,
/// }
///
/// let config: Config = toml::from_str(r#"
///     [[rules]]
///     path = "/orders/{id}"
///     methods = ["POST"]
///     scopes = ["orders:write"]
///     actors = ["service-a"]
///
///     [[rules]]
///     path = "/docs"
///     public = true
/// "#)?;
/// let issuers = [obo::Issuer::new("https://idp.example.com/realms/corp")?];
/// let rules = config.rules.build(&issuers)?;
/// assert_eq!(rules.public, ["/docs"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct RulesConfig(Vec<Settings>);

/// What a [`RulesConfig`] builds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rule of each path.
    pub table: RuleTable,
    /// The paths that need no token; [`RuleTable::public_paths`] has them too.
    pub public: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: Option<String>,
    methods: Option<Vec<String>>,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    otherwise: bool,
}

impl RulesConfig {
    /// Builds the table for callers whose tokens are of one of the `trusted` issuers.
    ///
    /// # Errors
    ///
    /// What is wrong or does not go together; the field is a path like `rules[1].scopes`.
    pub fn build(self, trusted: &[Issuer]) -> Result<Rules, ConfigError> {
        let (mut entries, mut public) = (Vec::new(), Vec::new());
        for (i, entry) in self.0.into_iter().enumerate() {
            let place = format!("rules[{i}]");
            let (entry, rule) = parts(entry, trusted).map_err(|error| error.within(&place))?;
            let listed = match (entry.path, entry.methods) {
                (None, _) => vec![None],
                (path, None) => vec![path],
                (Some(path), Some(methods)) => {
                    let listed = methods
                        .iter()
                        .map(|method| Some(format!("{method} {path}")));
                    listed.collect()
                }
            };
            for path in listed {
                if rule.is_none() {
                    public.extend(path.clone());
                }
                entries.push((place.clone(), path, rule.clone()));
            }
        }
        let table = |most: usize| {
            let first = entries.iter().take(most);
            let table = first.fold(RuleTable::builder(), |table, (_, path, rule)| {
                match (path, rule.clone()) {
                    (Some(path), Some(rule)) => table.route(path, rule),
                    (Some(path), None) => table.public(path),
                    (None, rule) => set(table, rule, RuleTableBuilder::otherwise),
                }
            });
            table.build()
        };
        let table = table(entries.len()).map_err(|error| {
            // The first entry that does not go with those before it.
            let wrong = (1..).zip(&entries).find(|(most, _)| table(*most).is_err());
            let place = wrong.map_or("rules", |(_, (place, ..))| place);
            let field = error.field().replacen("rule_table", place, 1);
            error.at(field)
        })?;
        Ok(Rules { table, public })
    }
}

/// An entry and its rule; `None` if it is public.
fn parts(mut settings: Settings, trusted: &[Issuer]) -> Result<(Entry, Option<Rule>), ConfigError> {
    let rule: RuleConfig = settings.take()?;
    let entry: Entry = settings.read()?;
    let mistake = match (&entry.path, entry.otherwise) {
        (None, false) => Some(("path", "is missing; write the path that this rule is about")),
        (Some(_), true) => Some(("otherwise", "is there beside `path`; leave one out")),
        (Some(path), false) if path.contains(' ') => {
            Some(("path", "has a blank in it; write methods in `methods`"))
        }
        _ if entry.otherwise && (entry.public || entry.methods.is_some()) => Some((
            "otherwise",
            "is there beside `public` or `methods`; leave one out",
        )),
        _ if entry.public && !rule.is_empty() => Some((
            "public",
            "is there beside what a caller must have; leave one out",
        )),
        _ if entry.methods.as_ref().is_some_and(Vec::is_empty) => Some((
            "methods",
            "is empty; name those that this rule is about, or leave it out",
        )),
        _ => None,
    };
    if let Some((field, problem)) = mistake {
        return Err(ConfigError::new(field, problem));
    }
    let rule = match entry.public {
        true => None,
        // A valid token is enough.
        false => Some(match rule.build(trusted)? {
            Some(rule) => rule,
            None => Rule::any_of([Rule::user(), Rule::service()]),
        }),
    };
    Ok((entry, rule))
}
