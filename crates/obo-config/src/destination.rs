use obo::destination::Target;
use obo::{Audience, ConfigError, Destination, Destinations, Resource};
use serde::Deserialize;

use crate::dialect::DialectConfig;
use crate::exchange::ExchangeConfig;
use crate::form::{Form, Scopes, each};
use crate::setup::Setup;

/// [`Destinations`] in a file: a list of [`DestinationConfig`].
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
    /// Whether the tokens of a destination are bound to the certificate.
    pub(crate) fn binds_certificate(&self) -> bool {
        self.0.iter().any(DestinationConfig::binds_certificate)
    }

    /// Builds the destinations. Make clients with them, or [replace](Destinations::replace) others.
    ///
    /// # Errors
    ///
    /// Fails if an entry is wrong or two entries have the same URI. The field is a path such as
    /// `destinations[1].uri`.
    pub fn build(self, setup: &Setup) -> Result<Destinations, ConfigError> {
        self.built(|destination| destination.build_for_any(setup))
    }

    /// Builds the destinations of calls with tokens of `exchange`, which was built with this setup.
    pub(crate) fn build_for(
        self,
        exchange: &ExchangeConfig,
        setup: &Setup,
    ) -> Result<Destinations, ConfigError> {
        // One exchange makes the tokens of all.
        let binds = DestinationConfig::binds_certificate;
        let odd = (self.0.iter()).position(|other| binds(other) != self.binds_certificate());
        if let Some(odd) = odd {
            let problem = "is \"certificate\" at another destination; write it at all of them";
            return Err(ConfigError::new("bind", problem).within(&format!("destinations[{odd}]")));
        }
        self.built(|destination| destination.build(exchange, setup))
    }

    fn built(
        self,
        build: impl FnMut(DestinationConfig) -> Result<Destination, ConfigError>,
    ) -> Result<Destinations, ConfigError> {
        let built = each("destinations", self.0, build)?;
        Destinations::new(built.iter().cloned()).map_err(|error| {
            // Name the first entry that conflicts with an earlier one.
            let is_wrong =
                |n: &usize| Destinations::new(built.iter().take(n + 1).cloned()).is_err();
            match (0..built.len()).find(is_wrong) {
                Some(n) => error.at(format!("destinations[{n}].uri")),
                None => error,
            }
        })
    }
}

/// A [`Destination`] in a file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `uri` | required | the URI of the service; braces make it a [template] |
/// | `audience`, `audiences` | none | the audience of its tokens (RFC 8693), or several |
/// | `resource`, `resources` | none | the same as URIs (RFC 8707); one name is required |
/// | `or_named` | none | further [audiences][named] that its tokens may have |
/// | `scopes` | the server decides | the scope values to request |
/// | `required_scopes` | none | the same; a token with fewer scopes is [not used][scopes] |
/// | `dialect` | that of the exchange | as in an [`ExchangeConfig`](crate::ExchangeConfig) |
/// | `bind` | none | `"dpop"` or `"certificate"`: [binds][bound] its tokens to that of the client |
/// | `danger_any_audience` | `false` | `true` does not check the [audience][any] of issued tokens |
/// | `danger_plaintext` | `false` | `true` allows [`http`][http] beyond loopback |
///
/// [template]: Destination::template
/// [named]: obo::destination::Target::or_named
/// [scopes]: Destination::required_scopes
/// [http]: Destination::danger_plaintext
/// [bound]: Destination::bind_dpop
/// [any]: obo::dialect::Rfc8693::danger_any_audience
///
/// Unknown keys are rejected. The file's reader reports a wrong value with its line;
/// [`build`](Self::build) reports values that conflict.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    uri: String,
    audience: Option<Audience>,
    audiences: Option<Vec<Audience>>,
    resource: Option<Resource>,
    resources: Option<Vec<Resource>>,
    #[serde(default)]
    or_named: Vec<Audience>,
    scopes: Option<Scopes>,
    required_scopes: Option<Scopes>,
    dialect: Option<Form<DialectConfig>>,
    bind: Option<Bind>,
    #[serde(default)]
    danger_plaintext: bool,
    #[serde(default)]
    danger_any_audience: bool,
}

fn is_plain(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("http")
}

/// To what the tokens of a destination are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bind {
    Dpop,
    Certificate,
}

impl DestinationConfig {
    fn check(&self, exchange: &ExchangeConfig, setup: &Setup) -> Result<(), ConfigError> {
        let issuer = exchange.issuer();
        let problem = match self.bind {
            Some(Bind::Certificate) if is_plain(&self.uri) => {
                "is \"certificate\", which needs a service with `https`".to_owned()
            }
            _ if setup.is_without_secrets => return Ok(()),
            Some(Bind::Dpop) if !exchange.has_dpop_key(setup) => format!(
                "needs a key; write `dpop_key = {{ key = \"dpop.pem\", alg = \"ES256\" }}` into the client for {issuer}"
            ),
            Some(Bind::Certificate) if setup.identity_at(issuer).is_none() => format!(
                "needs a certificate; write `certificate = {{ chain = \"own.pem\", key = \"own.key\" }}` and the \
                 `issuer` into the client for {issuer}"
            ),
            _ => return Ok(()),
        };
        Err(ConfigError::new("bind", problem))
    }

    /// Whether its tokens are bound to the certificate of the client. Then the exchange needs
    /// [`ExchangeConfig::bind_certificate`], and the HTTP client that calls it must present the
    /// certificate, which is in the [`Setup`](Setup::identity_at).
    pub fn binds_certificate(&self) -> bool {
        self.bind == Some(Bind::Certificate)
    }

    /// Sets `danger_plaintext = true`.
    #[must_use]
    pub fn danger_plaintext(mut self) -> Self {
        self.danger_plaintext = true;
        self
    }

    /// Builds the destination of calls with tokens of `exchange`, which was built with this setup.
    ///
    /// # Errors
    ///
    /// Fails if values conflict, or if its tokens are bound to a key or a certificate and the
    /// client of the exchange has none. The field is a key of the table.
    pub fn build(
        self,
        exchange: &ExchangeConfig,
        setup: &Setup,
    ) -> Result<Destination, ConfigError> {
        self.check(exchange, setup)?;
        self.build_for_any(setup)
    }

    fn build_for_any(self, setup: &Setup) -> Result<Destination, ConfigError> {
        setup.check()?;
        let target = named(
            one_or_many("audience", self.audience, self.audiences)?,
            one_or_many("resource", self.resource, self.resources)?,
        )?;
        let target = self.or_named.into_iter().fold(target, Target::or_named);
        let target = match (self.scopes, self.required_scopes) {
            (None, None) => target,
            (Some(Scopes(scope)), None) => target.with_scope(scope),
            (None, Some(Scopes(scope))) => target.with_required_scope(scope),
            (Some(_), Some(_)) => {
                let problem = "cannot be combined with `scopes`; write all values into one of them";
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
        let destination = match self.bind {
            Some(Bind::Dpop) => destination.bind_dpop(),
            Some(Bind::Certificate) | None => destination,
        };
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
            let problem =
                format!("cannot be combined with `{field}s`; write all values into one of them");
            Err(ConfigError::new(field, problem))
        }
        (one, many) => Ok(one.into_iter().chain(many.into_iter().flatten()).collect()),
    }
}

/// Makes a target of the names. At least one is required.
fn named(audiences: Vec<Audience>, resources: Vec<Resource>) -> Result<Target, ConfigError> {
    let (mut audiences, mut resources) = (audiences.into_iter(), resources.into_iter());
    let first = audiences.next().map(Target::audience);
    let first = first.or_else(|| resources.next().map(Target::resource));
    let first = first.ok_or_else(|| {
        let problem = "is missing, and `resource` too; write the service that the tokens are for";
        ConfigError::new("audience", problem)
    })?;
    let target = audiences.fold(first, Target::and_audience);
    Ok(resources.fold(target, Target::and_resource))
}
