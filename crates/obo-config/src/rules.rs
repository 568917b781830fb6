use obo::caller::ActorId;
use obo::require::{Principal, RuleTableBuilder};
use obo::{ConfigError, Issuer, Rule, RuleTable};
use serde::Deserialize;

use crate::form::{Span, each, set};
use crate::settings::Settings;

/// A [`Rule`] in a file. A caller must satisfy every key.
///
/// | key | the caller must have |
/// | --- | --- |
/// | `scopes` | all of these scope values |
/// | `roles`, `groups`, `entitlements` | all of these: see [`Caller::roles`](obo::Caller::roles) |
/// | `clients` | a token that was issued to one of these clients |
/// | `issuers` | a token of one of these issuers |
/// | `subjects` | one of these subjects |
/// | `actors` | one of these actors; a token without an actor passes |
/// | `require_actor` | `true`: an actor; one of `actors` if that key is set |
/// | `kind` | the kind `"user"` or `"service"` |
/// | `acr` | one of these authentication context classes |
/// | `max_age` | an authentication that is no older than this |
/// | `require_bound` | `true`: a token that is [bound](crate::BindingConfig) |
/// | `any_of` | what one of these rules requires |
///
/// Clients, subjects and actors are names within the token's issuer, or `{ iss = "…", sub = "…" }`.
///
/// An actor of another issuer than the token's is accepted only if the rule names the token's
/// issuer: see [`Rule::issuers`]. With a single trusted issuer, the rule names it implicitly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    scopes: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    entitlements: Option<Vec<String>>,
    clients: Option<Vec<PrincipalConfig>>,
    issuers: Option<Vec<Issuer>>,
    subjects: Option<Vec<PrincipalConfig>>,
    actors: Option<Vec<PrincipalConfig>>,
    require_actor: bool,
    kind: Option<CallerKind>,
    acr: Option<Vec<String>>,
    max_age: Option<Span>,
    require_bound: bool,
    any_of: Option<Vec<RuleConfig>>,
}

/// A name within the token's issuer, or a full identity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a name, or { iss, sub }")]
enum PrincipalConfig {
    Name(String),
    Identity { iss: Issuer, sub: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallerKind {
    User,
    Service,
}

impl RuleConfig {
    /// Whether the rule requires nothing but a valid token.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Builds the rule. `trusted` are the issuers of the resource server. Returns `None` if any
    /// valid token is enough.
    ///
    /// # Errors
    ///
    /// Fails if a list or a name is empty, or an issuer is not trusted. The field is the key.
    pub fn build(self, trusted: &[Issuer]) -> Result<Option<Rule>, ConfigError> {
        let mut listed = self.issuers.iter().flatten();
        if let Some(unknown) = listed.find(|issuer| !trusted.contains(issuer)) {
            let problem = format!("\"{unknown}\" is not an issuer of the [resource_server]");
            return Err(ConfigError::new("issuers", problem));
        }
        let actors = self.actors.map(Rule::actors);
        let actors = match (actors, self.require_actor) {
            // The list restricts actors only: a token without an actor passes.
            (Some(listed), false) => Some(Rule::any_of([listed, Rule::no_actor()])),
            (None, true) => Some(Rule::any_actor()),
            (listed, _) => listed,
        };
        // With a single issuer, the rule names it implicitly.
        let issuers = match self.issuers {
            None if actors.is_some() && trusted.len() == 1 => Some(trusted.to_vec()),
            listed => listed,
        };
        let any_of = self.any_of.map(|rules| {
            let rules = each("any_of", rules, |rule| {
                let problem = "requires nothing, so every valid token would pass";
                let rule = rule.build(trusted)?;
                rule.ok_or_else(|| ConfigError::new("", problem))
            });
            rules.map(Rule::any_of)
        });
        let rules = [
            self.require_bound.then(Rule::bound),
            issuers.map(Rule::issuers),
            self.scopes.map(Rule::scopes),
            self.roles.map(Rule::roles),
            self.groups.map(Rule::groups),
            self.entitlements.map(Rule::entitlements),
            self.clients.map(Rule::clients),
            self.subjects.map(Rule::subjects),
            actors,
            self.kind.map(|kind| match kind {
                CallerKind::User => Rule::user(),
                CallerKind::Service => Rule::service(),
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

impl From<PrincipalConfig> for Principal {
    fn from(principal: PrincipalConfig) -> Self {
        match principal {
            PrincipalConfig::Name(name) => name.into(),
            PrincipalConfig::Identity { iss, sub } => ActorId::new(iss.as_str(), sub).into(),
        }
    }
}

/// A [`RuleTable`] in a file: a list of paths, each with its rule. Other paths are denied.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `path` | required | a [pattern](obo::path::PathPattern) such as `/orders/{id}` |
/// | `methods` | all methods | the HTTP methods of the rule |
/// | `public` | `false` | `true`: no token is required |
/// | `otherwise` | `false` | `true`, in place of `path`: the rule of all other paths |
/// | the keys of [`RuleConfig`] | none | the rule; without any of them, a valid token is enough |
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
/// assert_eq!(rules.public_paths(), obo::bearer::PublicPaths::new(["/docs"])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct RulesConfig(Vec<Settings>);

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
    /// Builds the table. `trusted` are the issuers of the resource server.
    ///
    /// # Errors
    ///
    /// Fails if a rule is wrong or two rules conflict. The field is a path such as
    /// `rules[1].scopes`.
    pub fn build(self, trusted: &[Issuer]) -> Result<RuleTable, ConfigError> {
        let mut entries = Vec::new();
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
        table(entries.len()).map_err(|error| {
            // Name the first entry that conflicts with an earlier one.
            let wrong = (1..).zip(&entries).find(|(most, _)| table(*most).is_err());
            let place = wrong.map_or("rules", |(_, (place, ..))| place);
            let field = error.field().replacen("rule_table", place, 1);
            error.at(field)
        })
    }
}

/// Reads an entry and its rule. The rule is `None` if the entry is public.
fn parts(mut settings: Settings, trusted: &[Issuer]) -> Result<(Entry, Option<Rule>), ConfigError> {
    let rule: RuleConfig = settings.take()?;
    let entry: Entry = settings.read()?;
    let mistake = match (&entry.path, entry.otherwise) {
        (None, false) => Some(("path", "is missing; write the path of this rule")),
        (Some(_), true) => Some(("otherwise", "cannot be combined with `path`; remove one")),
        (Some(path), false) if path.contains(' ') => {
            Some(("path", "has a space; write methods in `methods`"))
        }
        _ if entry.otherwise && (entry.public || entry.methods.is_some()) => Some((
            "otherwise",
            "cannot be combined with `public` or `methods`; remove one",
        )),
        _ if entry.public && !rule.is_empty() => Some((
            "public",
            "cannot be combined with what a caller must have; remove one",
        )),
        _ if entry.methods.as_ref().is_some_and(Vec::is_empty) => Some((
            "methods",
            "is empty; write the methods of this rule, or remove the key",
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
