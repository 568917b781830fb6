use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use obo::authorization_server::TlsIdentity;
use obo::client::{DpopKey, SigningKey};
use obo::policy::Algorithm;
use obo::{Client, ConfigError, Issuer, Secret};
use serde::Deserialize;

use crate::client_auth::WithoutSecret;
use crate::secret::{SecretConfig, read_file};
use crate::settings::{Settings, named, step};
use crate::setup::Setup;

/// A [`Client`] in a file: its identifier and exactly one client authentication method.
///
/// | key | value |
/// | --- | --- |
/// | `id` | the client identifier at the authorization server |
/// | `issuer` | the authorization server; no other server gets the credentials |
/// | `client_secret_basic` | the secret: a [`SecretConfig`](crate::SecretConfig) |
/// | `client_secret_post` | likewise |
/// | `client_secret_jwt` | likewise; `file` or `env` may stand with `alg` (`"HS256"` by default) |
/// | `private_key_jwt` | a table, see below |
/// | `client_assertion_file` | a table, see below |
/// | `tls_client_auth` | `true`: the HTTP client presents the certificate |
/// | `self_signed_tls_client_auth` | `true`: likewise |
/// | `dpop_key` | besides the method: a table, see below |
/// | `certificate` | besides the method: a table, see below; it needs `issuer` |
///
/// The table `private_key_jwt` has `key` (the path of a PEM or JWK file, or `{ env = "…" }`) and
/// `alg`. It may have `kid`, `certificate` (the path of a PEM file), and the flags `plain_typ` and
/// `danger_audience_token_endpoint`.
///
/// The table `client_assertion_file` has `file`. It may have `type` (`"jwt-bearer"`, the default,
/// or `"jwt-spiffe"`), `audience`, and the flag `with_client_id`.
///
/// The table `dpop_key` has `key` and `alg` as `private_key_jwt` has. An exchange with this client
/// [binds tokens](obo::exchange::TokenExchangeBuilder::dpop) to this key for destinations with
/// `bind = "dpop"`.
///
/// The table `certificate` has the certificate of this service for mutual TLS: `chain` (the path of
/// a PEM file), `key` (as above), and perhaps `roots` (a PEM file with the authorities of the
/// servers, by default those of the system). It is read when the file is built. Connections to the
/// authorization server present it; an HTTP client of your own ([`Setup::with_http`]) must present
/// it itself. Exchanges [bind tokens](obo::exchange::TokenExchangeBuilder::bound_to_certificate) to
/// it for destinations with `bind = "certificate"`.
///
/// Other files are read at each attempt. The methods are described at their types in
/// [`obo::client`].
/// [`Setup::client_auth`] adds your own methods. Unknown keys are rejected. Errors name the field
/// by its path and quote no value.
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
    pub(crate) dpop_key: Option<DpopKeyConfig>,
    pub(crate) certificate: Option<IdentityConfig>,
    #[serde(flatten)]
    methods: BTreeMap<String, Settings>,
}

/// The key to which tokens are bound.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DpopKeyConfig {
    /// A string is a path here, not the key itself.
    key: SecretConfig,
    alg: Algorithm,
}

/// The certificate of this service for mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityConfig {
    chain: PathBuf,
    /// A string is a path here, not the key itself.
    key: SecretConfig,
    roots: Option<PathBuf>,
}

/// The place of a key, its path, and its text. A string is a path.
fn read_key(key: &SecretConfig) -> (&'static str, Option<PathBuf>, Result<Secret, ConfigError>) {
    let (place, path) = match key {
        SecretConfig::Text(path) => ("key", Some(PathBuf::from(path.expose()))),
        SecretConfig::File(path) => ("key.file", Some(path.clone())),
        SecretConfig::Env(_) => ("key.env", None),
    };
    let text = match &path {
        Some(path) => read_file(path).map_err(|problem| ConfigError::new("", problem)),
        None => key.clone().read(),
    };
    (place, path, text)
}

impl IdentityConfig {
    fn build(self) -> Result<TlsIdentity, ConfigError> {
        let read = |field: &'static str, path: &Path| {
            read_file(path).map_err(|problem| ConfigError::new(field, problem).of_secret())
        };
        let chain = read("chain", &self.chain)?;
        let (place, _, key) = read_key(&self.key);
        let key = key.map_err(|error| error.at(place).of_secret())?;
        let identity = TlsIdentity::from_pem(chain.expose(), key);
        let identity = identity.map_err(|error| match error.field() {
            "key" => error.at(place),
            _ => error,
        })?;
        match &self.roots {
            Some(roots) => identity.with_roots(read("roots", roots)?.expose()),
            None => Ok(identity),
        }
    }
}

impl DpopKeyConfig {
    fn build(self) -> Result<DpopKey, ConfigError> {
        let alg = self.alg;
        // A file is read now too, so that an error has its place.
        let (place, path, text) = read_key(&self.key);
        let key = text.and_then(|text| DpopKey::new(SigningKey::parse(alg, &text)?));
        let key = key.map_err(|error| error.at(place).within("dpop_key").of_secret())?;
        Ok(path.map_or(key, |path| DpopKey::from_file(alg, path)))
    }
}

impl ClientConfig {
    /// Builds the key to which the client's tokens are bound.
    pub(crate) fn build_dpop_key(&mut self, setup: &Setup) -> Result<Option<DpopKey>, ConfigError> {
        let key = self.dpop_key.take().filter(|_| !setup.is_without_secrets);
        key.map(DpopKeyConfig::build).transpose()
    }

    /// Builds the certificate of this service.
    fn build_identity(&mut self, setup: &Setup) -> Result<Option<TlsIdentity>, ConfigError> {
        let Some(certificate) = self.certificate.take() else {
            return Ok(None);
        };
        if self.issuer.is_none() {
            let problem =
                "needs the `issuer` of this client: no other server may see the certificate";
            return Err(ConfigError::new("certificate", problem));
        }
        let certificate = Some(certificate).filter(|_| !setup.is_without_secrets);
        let identity = certificate.map(IdentityConfig::build).transpose();
        identity.map_err(|error| error.within("certificate"))
    }

    /// Builds the client. Files and variables are read now, and files again at each attempt.
    ///
    /// # Errors
    ///
    /// Fails if a value is wrong or there is not exactly one method. The field is a path such as
    /// `private_key_jwt.key`, or `client` for the whole table.
    pub fn build(self, setup: &Setup) -> Result<Client, ConfigError> {
        setup.check()?;
        let known = &setup.methods;
        let mut methods = Vec::new();
        for (name, settings) in self.methods {
            let Some(method) = known.find(&name) else {
                let known = known.list();
                let unknown = named(&name, '`');
                let problem = format!(
                    "unknown field{unknown}, expected one of id, issuer, dpop_key, certificate, {known}"
                );
                return Err(ConfigError::new("", problem).within(step(&name)));
            };
            methods.push((name, method, settings));
        }
        let mut methods = methods.into_iter();
        let Some((name, method, settings)) = methods.next() else {
            let problem = format!(
                "has no client authentication method, expected one of {}",
                known.list()
            );
            return Err(ConfigError::new("client", problem));
        };
        if let Some((another, ..)) = methods.next() {
            let problem = format!("`{name}` is set too; a client has exactly one method");
            return Err(ConfigError::new("", problem).within(&another));
        }
        if setup.is_without_secrets {
            let client = Client::new(&*self.id, WithoutSecret);
            client.check().map_err(|error| error.at("id"))?;
            return Ok(client);
        }
        method(&self.id, settings).map_err(|error| match error.field() {
            "client_id" => error.at("id"),
            _ => error.within(&name),
        })
    }

    /// Builds the client of the table at `place`.
    fn build_at(self, place: &str, setup: &Setup) -> Result<Client, ConfigError> {
        self.build(setup).map_err(|error| match error.field() {
            "client" => error.at(place.to_owned()),
            _ => error.within(place),
        })
    }

    /// Builds the client of the table at `place`, for `server`.
    pub(crate) fn build_for(
        self,
        server: &Issuer,
        place: &str,
        setup: &Setup,
    ) -> Result<Client, ConfigError> {
        if let Some(other) = self.issuer.as_ref().filter(|issuer| *issuer != server) {
            let problem =
                format!("is {other}, but this client is for {server}; leave `issuer` out");
            return Err(ConfigError::new("issuer", problem).within(place));
        }
        self.build_at(place, setup)
    }
}

impl Setup {
    /// Adds the clients of a file. Each of `clients` names its issuer. A `client` without an issuer
    /// is for the first authorization server that needs one.
    ///
    /// # Errors
    ///
    /// Fails if a client is wrong, or an issuer is missing or has two clients. The field is a path
    /// such as `clients[1].issuer`.
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
            let key = client.build_dpop_key(self);
            let key = key.map_err(|error| error.within(&place))?;
            let identity = client.build_identity(self);
            let identity = identity.map_err(|error| error.within(&place))?;
            match client.issuer.take() {
                None if place == "client" => {
                    self.unclaimed = Some(client.build_at(&place, self)?);
                    self.unclaimed_key = key;
                }
                None => {
                    return wrong(
                        "is missing; write the authorization server where this client is registered"
                            .to_owned(),
                    );
                }
                Some(issuer) if self.has_client_at(&issuer) => {
                    return wrong(format!("{issuer} has two clients; remove one"));
                }
                Some(issuer) => {
                    let client = client.build_at(&place, self)?;
                    self.dpop_keys.extend(key.map(|key| (issuer.clone(), key)));
                    if let Some(identity) = identity {
                        let added = self.add_identity(issuer.clone(), identity);
                        added.map_err(|error| error.within("certificate").within(&place))?;
                    }
                    self.clients.push((issuer, client));
                }
            }
        }
        Ok(())
    }
}
