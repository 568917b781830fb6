//! Destinations as a configuration file spells them.

use obo_core::dialect::Rfc8693;
use obo_core::{Audience, ConfigError, Resource, Scope};
use serde::{Deserialize, Deserializer};

use super::registry::Registry;
use super::template::named;
use crate::outbound::destination::{Destination, Destinations};

/// [`Destinations`] as TOML, YAML or any other format that serde reads: a list of the following.
///
/// | key | meaning |
/// | --- | --- |
/// | `uri` | where the service is, as in [`Destination::new`] or [`Destination::template`] |
/// | `audience` or `audiences` | for whom its tokens are asked (RFC 8693) |
/// | `resource` or `resources` | the same as URIs (RFC 8707); a destination needs a name of either kind |
/// | `scopes` | the scope values to ask for; without it the authorization server decides |
/// | `required_scopes` | the same, where a token that was granted less is not used: [`Destination::required_scopes`] |
/// | `dialect` | the name of the [dialect](Destination::dialect) to ask in, one of [`dialect::names`](crate::dialect::names); that of the exchange unless set |
/// | `danger_plaintext` | `true` for `http` outside loopback, where the network encrypts: [`Destination::danger_plaintext`] |
///
/// Other keys are refused. A value that is wrong by itself is an error of the file's reader, which knows the place; one
/// that does not go with another is a [`ConfigError`] that names the field by its path.
///
/// ```
/// use obo::config::ResourceServerConfig;
/// use obo::destination::DestinationsConfig;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     resource_server: ResourceServerConfig,
///     destinations: DestinationsConfig,
/// }
///
/// let config: Config = toml::from_str(r#"
///     [resource_server]
///     audiences = ["service-a"]
///     issuers = [{ issuer = "https://idp.example.com/realms/corp" }]
///
///     [[destinations]]
///     uri = "https://stock.corp.example"
///     audience = "service-b"
///     scopes = ["stock:read"]
///
///     [[destinations]]
///     uri = "https://{service}.svc.example.com"
///     audience = "{service}"
/// "#)?;
/// let destinations = config.destinations.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct DestinationsConfig(Vec<DestinationConfig>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationConfig {
    uri: String,
    audience: Option<Audience>,
    audiences: Option<Vec<Audience>>,
    resource: Option<Resource>,
    resources: Option<Vec<Resource>>,
    scopes: Option<Scopes>,
    required_scopes: Option<Scopes>,
    dialect: Option<Rfc8693>,
    #[serde(default)]
    danger_plaintext: bool,
}

impl DestinationsConfig {
    /// The destinations, to make clients with or to [replace](Destinations::replace) others.
    ///
    /// # Errors
    ///
    /// What does not go together, such as two entries for one URI; the field is a path like `destinations[1].uri`.
    pub fn build(self) -> Result<Destinations, ConfigError> {
        let mut registry = Registry::default();
        for (i, entry) in self.0.into_iter().enumerate() {
            entry
                .build()
                .and_then(|destination| {
                    let twice = |problem| ConfigError::new("uri", problem);
                    registry.add(destination).map_err(twice)
                })
                .map_err(|error| error.within(&format!("destinations[{i}]")))?;
        }
        Destinations::of(registry)
    }
}

impl DestinationConfig {
    fn build(self) -> Result<Destination, ConfigError> {
        let target = named(
            one_or_many("audience", self.audience, self.audiences)?,
            one_or_many("resource", self.resource, self.resources)?,
        )?;
        let destination = if self.danger_plaintext {
            Destination::plaintext("uri", &self.uri, target)
        } else if self.uri.contains('{') {
            Destination::per_label("uri", &self.uri, target)
        } else {
            Destination::encrypted("uri", &self.uri, target)
        };
        let destination = match self.dialect {
            Some(dialect) => destination.map(|destination| destination.dialect(dialect)),
            None => destination,
        };
        match (self.scopes, self.required_scopes) {
            (None, None) => destination,
            (Some(Scopes(scope)), None) => destination?.change(|target| target.with_scope(scope)),
            (None, Some(Scopes(scope))) => {
                destination?.change(|target| target.with_required_scope(scope))
            }
            (Some(_), Some(_)) => {
                let problem = "is there beside `scopes`; write all into one of them";
                Err(ConfigError::new("required_scopes", problem))
            }
        }
    }
}

fn one_or_many<T>(
    field: &'static str,
    one: Option<T>,
    many: Option<Vec<T>>,
) -> Result<Vec<T>, ConfigError> {
    match (one, many) {
        (Some(_), Some(_)) => {
            let problem = format!("is there beside `{field}s`; write all into one of them");
            Err(ConfigError::new(field, problem))
        }
        (one, many) => Ok(one.into_iter().chain(many.into_iter().flatten()).collect()),
    }
}

#[derive(Clone, Debug)]
struct Scopes(Scope);

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scope = Scope::new(Vec::<String>::deserialize(deserializer)?);
        scope.map(Self).map_err(serde::de::Error::custom)
    }
}
