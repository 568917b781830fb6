use obo::destination::Target;
use obo::{Audience, ConfigError, Destination, Destinations, Resource};
use serde::Deserialize;

use crate::dialect::DialectConfig;
use crate::form::{Form, Scopes, each};
use crate::setup::Setup;

/// [`Destinations`] as a file writes them: a list of [`DestinationConfig`].
///
/// ```
/// use obo_config::{DestinationsConfig, Setup};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     destinations: DestinationsConfig,
/// }
///
/// let config: Config = toml::from_str(r#"
///     [[destinations]]
///     uri = "https://stock.corp.example"
///     audience = "service-b"
///     scopes = ["stock:read"]
///
///     [[destinations]]
///     uri = "https://{service}.svc.example.com"
///     audience = "{service}"
/// "#)?;
/// let destinations = config.destinations.build(&Setup::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct DestinationsConfig(Vec<DestinationConfig>);

impl DestinationsConfig {
    /// Builds the destinations, to make clients with or to [replace](Destinations::replace) others.
    ///
    /// # Errors
    ///
    /// What does not go together, such as two entries for one URI; the field is a path like `destinations[1].uri`.
    pub fn build(self, setup: &Setup) -> Result<Destinations, ConfigError> {
        setup.check()?;
        let built = each("destinations", self.0, |destination| {
            destination.build(setup)
        })?;
        Destinations::new(built.iter().cloned()).map_err(|error| {
            // The first that does not go with those before it.
            let is_wrong =
                |n: &usize| Destinations::new(built.iter().take(n + 1).cloned()).is_err();
            match (0..built.len()).find(is_wrong) {
                Some(n) => error.at(format!("destinations[{n}].uri")),
                None => error,
            }
        })
    }
}

/// A [`Destination`] as a file writes it.
///
/// | key | meaning |
/// | --- | --- |
/// | `uri` | where the service is, as in [`Destination::new`] or [`Destination::template`] |
/// | `audience` or `audiences` | for whom its tokens are asked (RFC 8693) |
/// | `resource` or `resources` | the same as URIs (RFC 8707); a destination needs a name of either kind |
/// | `scopes` | the scope values to ask for; without it the authorization server decides |
/// | `required_scopes` | the same, where a token that was granted less is not used: [`Destination::required_scopes`] |
/// | `dialect` | the [dialect](Destination::dialect) to ask in, as in an [`ExchangeConfig`](crate::ExchangeConfig); that of the exchange unless set |
/// | `danger_any_audience` | `true`: its `dialect` with [`Rfc8693::danger_any_audience`](obo::dialect::Rfc8693::danger_any_audience) |
/// | `danger_plaintext` | `true` for `http` outside loopback, where the network encrypts: [`Destination::danger_plaintext`] |
///
/// Other keys are rejected. A value that is wrong by itself is an error of the file's reader, which knows the place; one
/// that does not go with another is a [`ConfigError`] that names the field.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    uri: String,
    audience: Option<Audience>,
    audiences: Option<Vec<Audience>>,
    resource: Option<Resource>,
    resources: Option<Vec<Resource>>,
    scopes: Option<Scopes>,
    required_scopes: Option<Scopes>,
    dialect: Option<Form<DialectConfig>>,
    #[serde(default)]
    danger_plaintext: bool,
    #[serde(default)]
    danger_any_audience: bool,
}

impl DestinationConfig {
    /// As `danger_plaintext = true`.
    #[must_use]
    pub fn danger_plaintext(mut self) -> Self {
        self.danger_plaintext = true;
        self
    }

    /// Builds the destination.
    ///
    /// # Errors
    ///
    /// What does not go together, with the field's name.
    pub fn build(self, setup: &Setup) -> Result<Destination, ConfigError> {
        setup.check()?;
        let target = named(
            one_or_many("audience", self.audience, self.audiences)?,
            one_or_many("resource", self.resource, self.resources)?,
        )?;
        let target = match (self.scopes, self.required_scopes) {
            (None, None) => target,
            (Some(Scopes(scope)), None) => target.with_scope(scope),
            (None, Some(Scopes(scope))) => target.with_required_scope(scope),
            (Some(_), Some(_)) => {
                let problem = "is there beside `scopes`; write all into one of them";
                return Err(ConfigError::new("required_scopes", problem));
            }
        };
        let destination = match (self.danger_plaintext, self.uri.contains('{')) {
            (true, _) => Destination::danger_plaintext(&self.uri, target),
            (false, true) => Destination::template(&self.uri, target),
            (false, false) => Destination::new(&self.uri, target),
        };
        let destination = destination.map_err(|error| match error.field() {
            "destination" => error.at("uri"),
            _ => error,
        })?;
        let dialect = match (self.dialect, self.danger_any_audience) {
            (None, false) => return Ok(destination),
            (Some(dialect), false) => dialect,
            (dialect, true) => {
                let dialect = dialect.map(|dialect| dialect.table(DialectConfig::named));
                Form::Table(dialect.unwrap_or_default().danger_any_audience())
            }
        };
        Ok(DialectConfig::of(dialect, setup)?.to_destination(destination))
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

/// The target of these names, of which there must be one at least.
fn named(audiences: Vec<Audience>, resources: Vec<Resource>) -> Result<Target, ConfigError> {
    let (mut audiences, mut resources) = (audiences.into_iter(), resources.into_iter());
    let first = audiences.next().map(Target::audience);
    let first = first.or_else(|| resources.next().map(Target::resource));
    let first = first.ok_or_else(|| {
        let problem =
            "is missing, and so is a resource; name the service for which tokens are asked";
        ConfigError::new("audience", problem)
    })?;
    let target = audiences.fold(first, Target::and_audience);
    Ok(resources.fold(target, Target::and_resource))
}
