use std::collections::BTreeMap;

use obo::{Client, ConfigError, Issuer};
use serde::Deserialize;

use crate::settings::Settings;
use crate::setup::Setup;

/// A [`Client`] as a file writes it: its identifier, and exactly one method.
///
/// | key | meaning |
/// | --- | --- |
/// | `id` | the identifier this service is registered under |
/// | `issuer` | the authorization server where it is registered; no other server gets its credentials |
/// | `tls_client_auth`, `self_signed_tls_client_auth` | `true`: the certificate is that of the HTTP client |
/// | `client_assertion_file` | `file`, read at each attempt; `type`, `"jwt-bearer"` unless it is `"jwt-spiffe"`; `audience`, where the server wants another than itself; `with_client_id`, if `true` |
/// | `private_key_jwt` | `key`, a file in PEM or JWK form, read at each attempt, or `{ env = "…" }`; `alg`; `kid`; `certificate`, a file in PEM form, read along with the key's; `plain_typ` and `danger_audience_token_endpoint`, if `true` |
/// | `client_secret_basic`, `client_secret_post` | the secret; or `{ file = "…" }`, read at each attempt; or `{ env = "…" }` |
/// | `client_secret_jwt` | the same, with `alg` beside `file` or `env` if it is not HS256 |
///
/// The methods are described at their types in [`obo::client`]; [`Setup::client_auth`] adds more of them. Other keys are
/// rejected. A mistake is a [`ConfigError`] that names the field by its path and quotes no value.
///
/// ```no_run
/// use obo_config::{ClientConfig, Setup};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     client: ClientConfig,
/// }
///
/// let config: Config = toml::from_str(r#"
///     [client]
///     id = "service-a"
///     client_assertion_file = { file = "/var/run/secrets/tokens/idp" }
/// "#)?;
/// let client = config.client.build(&Setup::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClientConfig {
    id: String,
    issuer: Option<Issuer>,
    #[serde(flatten)]
    methods: BTreeMap<String, Settings>,
}

impl ClientConfig {
    /// Builds the client. Files and variables are read now, and files that are renewed later again.
    ///
    /// # Errors
    ///
    /// What is wrong or does not go together; the field is a path like `private_key_jwt.key`, or `client` for the whole.
    pub fn build(self, setup: &Setup) -> Result<Client, ConfigError> {
        setup.check()?;
        let known = &setup.methods;
        let mut methods = Vec::new();
        for (name, settings) in self.methods {
            let Some(method) = known.find(&name) else {
                let known = known.list();
                let problem =
                    format!("unknown field `{name}`, expected one of id, issuer, {known}");
                return Err(ConfigError::new("", problem).within(&name));
            };
            methods.push((name, method, settings));
        }
        let mut methods = methods.into_iter();
        let Some((name, method, settings)) = methods.next() else {
            let problem = format!("has no way to authenticate; give one of {}", known.list());
            return Err(ConfigError::new("client", problem));
        };
        if let Some((another, ..)) = methods.next() {
            let problem = format!("there is `{name}` already; give exactly one method");
            return Err(ConfigError::new("", problem).within(&another));
        }
        method(&self.id, settings).map_err(|error| match error.field() {
            "client_id" => error.at("id"),
            _ => error.within(&name),
        })
    }

    /// The client of the table at `place`.
    fn build_at(self, place: &str, setup: &Setup) -> Result<Client, ConfigError> {
        self.build(setup).map_err(|error| match error.field() {
            "client" => error.at(place.to_owned()),
            _ => error.within(place),
        })
    }

    /// The client of the table at `place`, which is about the client at one authorization server.
    pub(crate) fn build_for(
        self,
        server: &Issuer,
        place: &str,
        setup: &Setup,
    ) -> Result<Client, ConfigError> {
        if let Some(other) = self.issuer.as_ref().filter(|issuer| *issuer != server) {
            let problem =
                format!("is {other}, and this client is for {server}; leave `issuer` out");
            return Err(ConfigError::new("issuer", problem).within(place));
        }
        self.build_at(place, setup)
    }
}

impl Setup {
    /// Adds the clients of a file: `client`, which is for the first authorization server that needs one unless it names its
    /// issuer, and `clients`, each with its issuer.
    ///
    /// # Errors
    ///
    /// The mistake in one of them, an issuer that is missing or has two; the field is a path like `clients[1].issuer`.
    pub fn clients(
        &mut self,
        client: Option<ClientConfig>,
        clients: Vec<ClientConfig>,
    ) -> Result<(), ConfigError> {
        self.check()?;
        let first = client.map(|client| ("client".to_owned(), client));
        let more = clients.into_iter().enumerate();
        let more = more.map(|(i, client)| (format!("clients[{i}]"), client));
        for (place, mut client) in first.into_iter().chain(more) {
            let wrong = |problem| Err(ConfigError::new("issuer", problem).within(&place));
            match client.issuer.take() {
                None if place == "client" => {
                    self.unclaimed = Some(client.build_at(&place, self)?);
                }
                None => {
                    return wrong(
                        "is missing; name the authorization server that this client is registered at"
                            .to_owned(),
                    );
                }
                Some(issuer) if self.has_client_at(&issuer) => {
                    return wrong(format!("{issuer} has a client already; leave one out"));
                }
                Some(issuer) => {
                    let client = client.build_at(&place, self)?;
                    self.clients.push((issuer, client));
                }
            }
        }
        Ok(())
    }
}
