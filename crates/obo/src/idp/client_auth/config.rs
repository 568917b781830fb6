//! A client as a configuration file spells it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use obo_core::{ConfigError, Secret};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Client, ClientAuth, METHODS};

/// A [`Client`] as TOML, YAML or any other format that serde reads: its identifier, and exactly one method.
///
/// | key | meaning |
/// | --- | --- |
/// | `id` | the identifier this service is registered under |
/// | `tls_client_auth`, `self_signed_tls_client_auth` | `true`: the certificate is that of the HTTP client |
/// | `client_assertion_file` | `file`, read at each attempt; `type`, `"jwt-bearer"` unless it is `"jwt-spiffe"`; `audience`, where the server wants another than itself; `with_client_id`, if `true` |
/// | `private_key_jwt` | `key`, a file in PEM or JWK form, read at each attempt, or `{ env = "…" }`; `alg`; `kid`; `certificate`, a file in PEM form, read along with the key's; `plain_typ` and `danger_audience_token_endpoint`, if `true` |
/// | `client_secret_basic`, `client_secret_post` | the secret; or `{ file = "…" }`, read at each attempt; or `{ env = "…" }` |
/// | `client_secret_jwt` | the same, with `alg` beside `file` or `env` if it is not HS256 |
///
/// The methods are described at their types. Other keys are refused. What is wrong is a [`ConfigError`] that names the
/// field by its path and quotes no value.
///
/// ```no_run
/// # use obo::client::ClientConfig;
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
/// let client = config.client.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Deserialize)]
pub struct ClientConfig {
    id: String,
    #[serde(flatten)]
    methods: BTreeMap<String, MethodConfig>,
    #[serde(skip)]
    own: Vec<(&'static str, Arc<OwnConstructor>)>,
}

/// Makes a method of its settings; the field of an error is empty where it is the settings as a whole.
pub(super) type Constructor = fn(MethodConfig) -> Result<Arc<dyn ClientAuth>, ConfigError>;

type OwnConstructor =
    dyn Fn(MethodConfig) -> Result<Arc<dyn ClientAuth>, ConfigError> + Send + Sync;

impl ClientConfig {
    /// Knows a method of your own by this name too.
    ///
    /// ```
    /// # use obo::client::{Attempt, Authenticating, ClientAuth, ClientConfig};
    /// # use obo::token_endpoint::TokenRequest;
    /// #[derive(Debug, serde::Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Badge {
    ///     number: u32,
    /// }
    ///
    /// impl ClientAuth for Badge {
    ///     fn authenticate<'a>(
    ///         &'a self,
    ///         request: &'a mut TokenRequest,
    ///         _: Attempt<'a>,
    ///     ) -> Authenticating<'a> {
    ///         request.push("badge", self.number.to_string());
    ///         Box::pin(std::future::ready(Ok(())))
    ///     }
    /// }
    ///
    /// let config: ClientConfig = toml::from_str(r#"
    ///     id = "service-a"
    ///     badge = { number = 7 }
    /// "#)?;
    /// let client = config.method("badge", |settings| settings.read::<Badge>()).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn method<A: ClientAuth>(
        mut self,
        name: &'static str,
        build: impl Fn(MethodConfig) -> Result<A, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        self.own.push((
            name,
            Arc::new(move |settings| {
                let auth = build(settings)?;
                auth.check()?;
                Ok(Arc::new(auth) as Arc<dyn ClientAuth>)
            }),
        ));
        self
    }

    /// The client. Files and variables are read now, and files that are renewed later again.
    ///
    /// # Errors
    ///
    /// What is wrong or does not go together; the field is a path like `private_key_jwt.key`.
    pub fn build(mut self) -> Result<Client, ConfigError> {
        let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
        let own = self.own.iter().map(|(name, _)| *name);
        let known = names.into_iter().chain(own).collect::<Vec<_>>().join(", ");
        let unknown = self.methods.keys().find(|name| !self.knows(name));
        if let Some(name) = unknown {
            let problem = format!("is no key of a client; known are id, {known}");
            return Err(ConfigError::new("", problem).within(name));
        }
        let Some((name, settings)) = self.methods.pop_first() else {
            let problem = format!("has no way to authenticate; give one of {known}");
            return Err(ConfigError::new("client", problem));
        };
        if let Some((another, _)) = self.methods.first_key_value() {
            let problem = format!("there is `{name}` already; give exactly one method");
            return Err(ConfigError::new("", problem).within(another));
        }
        let auth = self.construct(&name, settings);
        let auth = auth.map_err(|error| error.within(&name))?;
        let client = Client::of(self.id.into(), auth);
        client.check_id().map_err(|error| error.at("id"))?;
        Ok(client)
    }

    fn knows(&self, name: &str) -> bool {
        METHODS.iter().any(|(known, _)| *known == name)
            || self.own.iter().any(|(known, _)| *known == name)
    }

    fn construct(
        &self,
        name: &str,
        settings: MethodConfig,
    ) -> Result<Arc<dyn ClientAuth>, ConfigError> {
        if let Some((_, build)) = self.own.iter().find(|(own, _)| *own == name) {
            return build(settings);
        }
        match METHODS.iter().find(|(known, _)| *known == name) {
            Some((_, build)) => build(settings),
            None => Err(ConfigError::new("", "is no method")),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("id", &self.id)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

/// What a configuration file says of one method: any value, which may hold secrets.
#[derive(Clone)]
pub struct MethodConfig(Value);

impl MethodConfig {
    /// Reads it as a type of the method's own.
    ///
    /// # Errors
    ///
    /// What does not fit; the field is the path inside of this value. No value is quoted, as far as serde writes the
    /// message.
    pub fn read<T: DeserializeOwned>(mut self) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(self.0.take()).map_err(|error| {
            let path = match error.path().iter().next() {
                Some(_) => error.path().to_string(),
                None => String::new(),
            };
            let error = ConfigError::unquoted("", &error.inner().to_string());
            match path.is_empty() {
                true => error,
                false => error.within(&path),
            }
        })
    }

    /// Takes a member out of a table.
    pub(super) fn remove(&mut self, member: &str) -> Option<Self> {
        self.0.as_object_mut()?.remove(member).map(Self)
    }
}

impl<'de> Deserialize<'de> for MethodConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl Drop for MethodConfig {
    fn drop(&mut self) {
        wipe(self.0.take());
    }
}

fn wipe(value: Value) {
    match value {
        Value::String(text) => drop(Secret::new(text)),
        Value::Array(values) => values.into_iter().for_each(wipe),
        Value::Object(members) => members.into_iter().for_each(|(_, value)| wipe(value)),
        _ => {}
    }
}

impl fmt::Debug for MethodConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MethodConfig([redacted])")
    }
}
