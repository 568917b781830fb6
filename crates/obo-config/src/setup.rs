use std::fmt;
use std::sync::Arc;

use obo::audit::AuditSubjects;
use obo::authorization_server::{HttpService, ServerMetadata, TlsIdentity};
use obo::binding::BoundTokens;
use obo::client::{ClientAuth, DpopKey};
use obo::dialect::{self, Dialect, Rfc8693};
use obo::fleet::Fleet;
use obo::{AuthorizationServer, Client, ConfigError, Issuer, Profile, Trust};
use url::Url;

use crate::client_auth::{Method, method, methods};
use crate::named_dialect::NamedDialect;
use crate::names::Names;
use crate::settings::Settings;

/// Everything that building a configuration requires besides the file.
///
/// It has the HTTP client, the names that files can use in addition to those of [`obo`], and what
/// both sides share: one [`AuthorizationServer`] and one [`Client`] for each issuer. A name that is
/// built in or registered twice is an error of every `build`.
///
/// ```
/// use obo::dialect::Rfc8693;
/// use obo::Profile;
/// use obo_config::Setup;
///
/// // A file can write `profile = "corp"` and `dialect = { base = "corp", require_scope = true }`.
/// let setup = Setup::new()
///     .profile("corp", Profile::LENIENT.client_from(["azp"]))
///     .dialect("corp", Rfc8693::new().allow_missing_issued_type());
/// ```
#[derive(Clone)]
pub struct Setup {
    http: HttpService,
    /// Whether it is the client of `obo`, which can present a certificate.
    #[cfg(feature = "default-client")]
    is_default_http: bool,
    map_http: Option<Arc<MapHttp>>,
    pub(crate) profiles: Names<Profile>,
    pub(crate) dialects: Names<NamedDialect>,
    pub(crate) methods: Names<Arc<Method>>,
    trust: Option<Arc<ChangeTrust>>,
    pub(crate) audit_subjects: Option<AuditSubjects>,
    pub(crate) fleet: Option<Fleet>,
    pub(crate) bound_tokens: Option<BoundTokens>,
    servers: Vec<AuthorizationServer>,
    pub(crate) clients: Vec<(Issuer, Client)>,
    /// The client for the first authorization server that needs one.
    pub(crate) unclaimed: Option<Client>,
    /// The key of its tokens.
    pub(crate) unclaimed_key: Option<DpopKey>,
    /// The keys to which tokens of these servers are bound.
    pub(crate) dpop_keys: Vec<(Issuer, DpopKey)>,
    /// The certificates of this service at these servers, and the clients that present them.
    identities: Vec<(Issuer, TlsIdentity, Option<HttpService>)>,
    /// The server that uses it.
    claimed_by: Option<Issuer>,
    /// Whether no secret is read.
    pub(crate) is_without_secrets: bool,
    /// The first mistake in the registered names.
    mistake: Option<ConfigError>,
}

type MapHttp = dyn Fn(HttpService) -> HttpService + Send + Sync;
type ChangeTrust = dyn Fn(&Issuer, Trust) -> Trust + Send + Sync;

impl Setup {
    /// Creates a setup with the default HTTP client.
    #[cfg(feature = "default-client")]
    pub fn new() -> Self {
        Self {
            is_default_http: true,
            ..Self::with_http(HttpService::default_client())
        }
    }

    /// Creates a setup with an HTTP client for discovery, key sets, exchanges and introspection.
    pub fn with_http(http: HttpService) -> Self {
        Self {
            http,
            #[cfg(feature = "default-client")]
            is_default_http: false,
            map_http: None,
            profiles: Names::new(
                Profile::names().filter_map(|name| Some((name, Profile::named(name).ok()?))),
            ),
            dialects: Names::new(dialect::names().filter_map(|name| {
                Some((
                    name,
                    NamedDialect::Data(Box::new(dialect::named(name).ok()?)),
                ))
            })),
            methods: Names::new(methods()).reserve(["id", "issuer", "dpop_key", "certificate"]),
            trust: None,
            audit_subjects: None,
            fleet: None,
            bound_tokens: None,
            servers: Vec::new(),
            clients: Vec::new(),
            unclaimed: None,
            unclaimed_key: None,
            dpop_keys: Vec::new(),
            identities: Vec::new(),
            claimed_by: None,
            is_without_secrets: false,
            mistake: None,
        }
    }

    /// Changes each HTTP client, for example to record requests. This includes the clients that
    /// present the certificate of a file. The last function counts.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Request;
    /// use obo::authorization_server::HttpService;
    /// use obo_config::Setup;
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let setup = Setup::new().map_http(|inner| {
    ///     HttpService::new(service_fn(move |request: Request<Bytes>| {
    ///         println!("{} {}", request.method(), request.uri());
    ///         inner.clone().oneshot(request)
    ///     }))
    /// });
    /// ```
    #[must_use]
    pub fn map_http(
        mut self,
        map: impl Fn(HttpService) -> HttpService + Send + Sync + 'static,
    ) -> Self {
        self.map_http = Some(Arc::new(map));
        self
    }

    /// Registers a profile that files can name.
    #[must_use]
    pub fn profile(mut self, name: &'static str, profile: Profile) -> Self {
        let added = self.profiles.add("profile", name, profile);
        self.note(added)
    }

    /// Registers a dialect that files can name, also as the `base` of a table.
    #[must_use]
    pub fn dialect(mut self, name: &'static str, dialect: Rfc8693) -> Self {
        let added = self
            .dialects
            .add("dialect", name, NamedDialect::Data(Box::new(dialect)));
        self.note(added)
    }

    /// Registers an implementation of [`Dialect`] that files can name. It has no settings in a
    /// file.
    #[must_use]
    pub fn own_dialect(mut self, name: &'static str, dialect: impl Dialect + Clone) -> Self {
        let added = self
            .dialects
            .add("own_dialect", name, NamedDialect::Own(Arc::new(dialect)));
        self.note(added)
    }

    /// Registers a client authentication method that files can name. `build` reads its settings.
    ///
    /// [`SecretConfig`](crate::SecretConfig) reads a secret from a string, a file or a variable.
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
        let added = self.methods.add("client_auth", name, method(build));
        self.note(added)
    }

    /// Changes how each issuer of a file is trusted. For example, it adds your own claims type,
    /// which a file cannot name.
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

    /// Sets the client for the first authorization server that needs one and has none. A client is
    /// registered at one server, so no other server gets its credentials.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.unclaimed = Some(client);
        self
    }

    /// Sets the client for an authorization server.
    #[must_use]
    pub fn client_at(mut self, issuer: Issuer, client: Client) -> Self {
        self.clients.push((issuer, client));
        self
    }

    /// Reads no secret, for tools that look at a file where its secrets are not: no client
    /// authenticates, so what is built requests and introspects no token.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.is_without_secrets = true;
        self
    }

    /// Sets what replicas share, over a store of your own. A file with the table `shared` is then
    /// an error. Start it with [`Fleet::start`].
    ///
    /// ```
    /// use obo::fleet::Fleet;
    /// use obo_config::Setup;
    ///
    /// let setup = Setup::new().fleet(Fleet::builder().build()?);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    #[must_use]
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(fleet);
        self
    }

    /// The key to which tokens of this server are bound.
    pub(crate) fn dpop_key_at(&self, issuer: &Issuer) -> Option<&DpopKey> {
        let mut keys = self.dpop_keys.iter();
        keys.find(|(at, _)| at == issuer).map(|(_, key)| key)
    }

    /// Returns the certificates of the clients in the file, by their authorization servers.
    pub fn identities(&self) -> impl Iterator<Item = (&Issuer, &TlsIdentity)> {
        let identities = self.identities.iter();
        identities.map(|(issuer, identity, _)| (issuer, identity))
    }

    /// Returns the certificate of the client at this authorization server.
    pub fn identity_at(&self, issuer: &Issuer) -> Option<&TlsIdentity> {
        let mut identities = self.identities();
        identities.find_map(|(at, identity)| (at == issuer).then_some(identity))
    }

    pub(crate) fn add_identity(
        &mut self,
        issuer: Issuer,
        identity: TlsIdentity,
    ) -> Result<(), ConfigError> {
        #[cfg(feature = "default-client")]
        let http = match self.is_default_http {
            true => Some(HttpService::with_identity(&identity)?),
            false => None,
        };
        #[cfg(not(feature = "default-client"))]
        let http = None;
        self.identities.push((issuer, identity, http));
        Ok(())
    }

    /// The HTTP client for an authorization server.
    fn http_at(&self, issuer: &Issuer) -> HttpService {
        let mut identities = self.identities.iter();
        let own = identities.find(|(at, ..)| at == issuer);
        let own = own.and_then(|(_, _, http)| http.as_ref());
        let http = own.unwrap_or(&self.http).clone();
        match &self.map_http {
            Some(map) => map(http),
            None => http,
        }
    }

    pub(crate) fn has_client_at(&self, issuer: &Issuer) -> bool {
        self.clients.iter().any(|(at, _)| at == issuer)
    }

    /// Returns the client for an authorization server.
    ///
    /// # Errors
    ///
    /// Fails if there is no client for it. The field is empty.
    pub fn client_of(&mut self, issuer: &Issuer) -> Result<Client, ConfigError> {
        if let Some((_, client)) = self.clients.iter().find(|(at, _)| at == issuer) {
            return Ok(client.clone());
        }
        if let Some(client) = self.unclaimed.take() {
            self.claimed_by = Some(issuer.clone());
            let key = self.unclaimed_key.take();
            self.dpop_keys.extend(key.map(|key| (issuer.clone(), key)));
            self.clients.push((issuer.clone(), client.clone()));
            return Ok(client);
        }
        let problem = match &self.claimed_by {
            Some(owner) => format!(
                "[client] is for one authorization server, but clients are needed at {owner} and at {issuer}; \
                 write `issuer = \"{owner}\"` into [client], and add [[clients]] with `issuer = \"{issuer}\"`"
            ),
            None if self.clients.is_empty() => {
                format!("needs a [client]: how this service authenticates at {issuer}")
            }
            None => format!(
                "there is no client for {issuer}, and the client of another authorization server is never used there; \
                 add [[clients]] with `issuer = \"{issuer}\"`"
            ),
        };
        Err(ConfigError::new("", problem))
    }

    /// Returns the authorization server of an issuer. It is shared unless URLs are given.
    pub(crate) fn server(
        &mut self,
        issuer: &Issuer,
        jwks_uri: Option<&str>,
        token_endpoint: Option<&str>,
    ) -> Result<AuthorizationServer, ConfigError> {
        let builder =
            || AuthorizationServer::builder(issuer.clone()).with_http(self.http_at(issuer));
        if jwks_uri.is_some() || token_endpoint.is_some() {
            let mut urls = [jwks_uri, token_endpoint].into_iter().flatten();
            let metadata = match urls.any(|url| is_on_plain_host(issuer, url)) {
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

    /// Fails if a registered name is wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.mistake.clone().map_or(Ok(()), Err)
    }

    /// Records the first mistake.
    fn note(mut self, outcome: Result<(), ConfigError>) -> Self {
        self.mistake = self.mistake.or(outcome.err());
        self
    }

    pub(crate) fn change_trust(&self, issuer: &Issuer, trust: Trust) -> Trust {
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

/// Whether a URL is on the host of a `danger_http` issuer, so that plain `http` is allowed.
fn is_on_plain_host(issuer: &Issuer, url: &str) -> bool {
    let host = |url: &str| Url::parse(url).ok()?.host().map(|host| host.to_owned());
    issuer.is_plain_http() && host(issuer.as_str()) == host(url)
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("servers", &self.servers)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
