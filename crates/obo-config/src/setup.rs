use std::fmt;
use std::sync::Arc;

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::client::ClientAuth;
use obo::dialect::{self, Dialect, Rfc8693};
use obo::exchange::TokenExchangeBuilder;
use obo::{AuthorizationServer, Client, ConfigError, Destination, Issuer, Profile, Trust};
use url::Url;

use crate::client_auth::{METHODS, Method, client};
use crate::settings::Settings;

/// What a file is built with: the HTTP client, the names that a file may use besides those of [`obo`], and what both sides
/// share: one [`AuthorizationServer`] for each issuer, and one [`Client`] at each.
///
/// ```
/// use obo::dialect::Rfc8693;
/// use obo::Profile;
/// use obo_config::Setup;
///
/// // `profile = "corp"` and `dialect = { base = "corp", require_scope = true }` in a file.
/// let setup = Setup::new()
///     .profile("corp", Profile::LENIENT.client_from(["azp"]))
///     .dialect("corp", Rfc8693::new().allow_missing_issued_type());
/// ```
#[derive(Clone)]
pub struct Setup {
    http: HttpService,
    profiles: Vec<(&'static str, Profile)>,
    dialects: Vec<(&'static str, Known)>,
    methods: Vec<(&'static str, Arc<Method>)>,
    trust: Option<Arc<ChangeTrust>>,
    servers: Vec<AuthorizationServer>,
    clients: Vec<(Issuer, Client)>,
    /// For the first authorization server that needs one.
    unclaimed: Option<Client>,
    /// The server that had none of its own.
    claimed_by: Option<Issuer>,
}

type ChangeTrust = dyn Fn(&Issuer, Trust) -> Trust + Send + Sync;

/// A dialect that a file can name.
#[derive(Clone)]
pub(crate) enum Known {
    /// One whose settings a file can change.
    Data(Box<Rfc8693>),
    Own(Own),
}

/// An implementation of [`Dialect`], as what it makes of an exchange and of a destination.
#[derive(Clone)]
pub(crate) struct Own {
    exchange: Arc<dyn Fn(TokenExchangeBuilder) -> TokenExchangeBuilder + Send + Sync>,
    destination: Arc<dyn Fn(Destination) -> Destination + Send + Sync>,
}

impl Known {
    pub(crate) fn of_exchange(self, exchange: TokenExchangeBuilder) -> TokenExchangeBuilder {
        match self {
            Self::Data(dialect) => exchange.dialect(*dialect),
            Self::Own(own) => (own.exchange)(exchange),
        }
    }

    pub(crate) fn of_destination(self, destination: Destination) -> Destination {
        match self {
            Self::Data(dialect) => destination.dialect(*dialect),
            Self::Own(own) => (own.destination)(destination),
        }
    }
}

impl Setup {
    /// With the default HTTP client.
    #[cfg(feature = "default-client")]
    pub fn new() -> Self {
        Self::with_http(HttpService::default_client())
    }

    /// With an HTTP client for discovery, keys, exchanges and introspection.
    pub fn with_http(http: HttpService) -> Self {
        Self {
            http,
            profiles: Vec::new(),
            dialects: Vec::new(),
            methods: Vec::new(),
            trust: None,
            servers: Vec::new(),
            clients: Vec::new(),
            unclaimed: None,
            claimed_by: None,
        }
    }

    /// Adds a profile that files may name.
    #[must_use]
    pub fn profile(mut self, name: &'static str, profile: Profile) -> Self {
        self.profiles.push((name, profile));
        self
    }

    /// Adds a dialect that files may name, also as the base of a table.
    #[must_use]
    pub fn dialect(mut self, name: &'static str, dialect: Rfc8693) -> Self {
        self.dialects.push((name, Known::Data(Box::new(dialect))));
        self
    }

    /// Adds an implementation of [`Dialect`] that files may name.
    #[must_use]
    pub fn own_dialect(mut self, name: &'static str, dialect: impl Dialect + Clone) -> Self {
        let other = dialect.clone();
        let own = Own {
            exchange: Arc::new(move |exchange: TokenExchangeBuilder| {
                exchange.dialect(dialect.clone())
            }),
            destination: Arc::new(move |destination| destination.dialect(other.clone())),
        };
        self.dialects.push((name, Known::Own(own)));
        self
    }

    /// Adds a client authentication method that files may name.
    ///
    /// ```
    /// # use obo::client::{Attempt, Authenticating, ClientAuth};
    /// # use obo::token_endpoint::TokenRequest;
    /// use obo_config::{ClientConfig, Settings, Setup};
    ///
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
    /// let setup = Setup::new().client_auth("badge", Settings::read::<Badge>);
    /// let config: ClientConfig = toml::from_str(r#"
    ///     id = "service-a"
    ///     badge = { number = 7 }
    /// "#)?;
    /// let client = config.build(&setup)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn client_auth<A: ClientAuth>(
        mut self,
        name: &'static str,
        build: impl Fn(Settings) -> Result<A, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        let method = move |id: &str, settings| client(id, build(settings));
        self.methods.push((name, Arc::new(method)));
        self
    }

    /// Changes how each issuer is trusted, after the file: such as by claims of a type of your own, which no file can name.
    ///
    /// ```
    /// use obo_config::Setup;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Tenant {
    ///     tenant: String,
    /// }
    ///
    /// let setup = Setup::new().trust(|_issuer, trust| trust.claims::<Tenant>());
    /// ```
    #[must_use]
    pub fn trust(
        mut self,
        change: impl Fn(&Issuer, Trust) -> Trust + Send + Sync + 'static,
    ) -> Self {
        self.trust = Some(Arc::new(change));
        self
    }

    /// Uses this client at the first authorization server that needs one and has none. No other server gets it: a client is
    /// registered at one server, and its credentials are sent to no other.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.unclaimed = Some(client);
        self
    }

    /// Uses this client at this authorization server.
    #[must_use]
    pub fn client_at(mut self, issuer: Issuer, client: Client) -> Self {
        self.clients.push((issuer, client));
        self
    }

    /// Adds a client; without an issuer as [`client`](Self::client) does.
    pub(crate) fn add_client(&mut self, issuer: Option<Issuer>, client: Client) {
        match issuer {
            Some(issuer) => self.clients.push((issuer, client)),
            None => self.unclaimed = Some(client),
        }
    }

    pub(crate) fn has_client_at(&self, issuer: &Issuer) -> bool {
        self.clients.iter().any(|(at, _)| at == issuer)
    }

    /// The client at an authorization server.
    ///
    /// # Errors
    ///
    /// If there is none for it; the field is empty.
    pub fn client_of(&mut self, issuer: &Issuer) -> Result<Client, ConfigError> {
        if let Some((_, client)) = self.clients.iter().find(|(at, _)| at == issuer) {
            return Ok(client.clone());
        }
        if let Some(client) = self.unclaimed.take() {
            self.claimed_by = Some(issuer.clone());
            self.clients.push((issuer.clone(), client.clone()));
            return Ok(client);
        }
        let problem = match &self.claimed_by {
            Some(owner) => format!(
                "[client] is registered at one authorization server, and one is needed at {owner} and at {issuer}; \
                 write `issuer = \"{owner}\"` into [client], and add [[clients]] with `issuer = \"{issuer}\"`"
            ),
            None => format!(
                "there is no client for {issuer}, and the client of another authorization server is never used there; \
                 add [[clients]] with `issuer = \"{issuer}\"`"
            ),
        };
        Err(ConfigError::new("", problem))
    }

    /// Whether there is a client at all.
    pub fn has_client(&self) -> bool {
        self.unclaimed.is_some() || !self.clients.is_empty()
    }

    /// The authorization server, one for all that name its issuer and give no places.
    pub(crate) fn server(
        &mut self,
        issuer: &Issuer,
        jwks_uri: Option<&str>,
        token_endpoint: Option<&str>,
    ) -> Result<AuthorizationServer, ConfigError> {
        let builder = || AuthorizationServer::builder(issuer.clone()).with_http(self.http.clone());
        if jwks_uri.is_some() || token_endpoint.is_some() {
            let mut places = [jwks_uri, token_endpoint].into_iter().flatten();
            let metadata = match places.any(|place| is_on_plain_host(issuer, place)) {
                true => ServerMetadata::danger_http(jwks_uri, token_endpoint)?,
                false => ServerMetadata::new(jwks_uri, token_endpoint)?,
            };
            return builder().with_metadata(metadata).build();
        }
        let mut known = self.servers.iter();
        if let Some(server) = known.find(|server| server.issuer() == issuer) {
            return Ok(server.clone());
        }
        let server = builder().build()?;
        self.servers.push(server.clone());
        Ok(server)
    }

    pub(crate) fn find_profile(&self, name: &str) -> Result<Profile, ConfigError> {
        let mut own = self.profiles.iter();
        let own = own.find(|(own, _)| *own == name);
        let found = own
            .map(|(_, profile)| profile.clone())
            .or_else(|| Profile::named(name).ok());
        found.ok_or_else(|| {
            let own = self.profiles.iter().map(|(name, _)| *name);
            let known = Profile::names().chain(own).collect::<Vec<_>>().join(", ");
            ConfigError::new("profile", format!("profile {name:?} is none of {known}"))
        })
    }

    pub(crate) fn find_dialect(&self, name: &str) -> Result<Known, ConfigError> {
        let mut own = self.dialects.iter();
        if let Some((_, known)) = own.find(|(own, _)| *own == name) {
            return Ok(known.clone());
        }
        let named = dialect::named(name).map(Box::new).map(Known::Data);
        named.map_err(|_| {
            let own = self.dialects.iter().map(|(name, _)| *name);
            let known = dialect::names().chain(own).collect::<Vec<_>>().join(", ");
            ConfigError::new("dialect", format!("dialect {name:?} is none of {known}"))
        })
    }

    pub(crate) fn find_client_auth(&self, name: &str) -> Option<&Method> {
        let mut own = self.methods.iter();
        let mut methods = METHODS.iter();
        let own = own
            .find(|(own, _)| *own == name)
            .map(|(_, method)| &**method);
        own.or_else(|| Some(methods.find(|(known, _)| *known == name)?.1))
    }

    pub(crate) fn client_auth_names(&self) -> impl Iterator<Item = &'static str> {
        let own = self.methods.iter().map(|(name, _)| *name);
        METHODS.iter().map(|(name, _)| *name).chain(own)
    }

    pub(crate) fn changed(&self, issuer: &Issuer, trust: Trust) -> Trust {
        match &self.trust {
            Some(change) => change(issuer, trust),
            None => trust,
        }
    }
}

#[cfg(feature = "default-client")]
impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a place is on the host of its issuer that is of `danger_http`, and so may be plain `http` too.
fn is_on_plain_host(issuer: &Issuer, place: &str) -> bool {
    let host = |url: &str| Url::parse(url).ok()?.host().map(|host| host.to_owned());
    issuer.is_plain_http() && host(issuer.as_str()) == host(place)
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("servers", &self.servers)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
