//! Where the store is, and how a connection to it is made.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::time::Duration;

use obo::ConfigError;
use obo::fleet::StoreError;
use redis::cluster::{ClusterClient, ClusterClientBuilder, ClusterConfig};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    PushInfo, RedisResult,
};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::{other_protocol, problem};

/// How long a new connection may take, with name resolution, TLS and authentication.
const CONNECT: Duration = Duration::from_secs(1);
/// As [`CONNECT`], of a cluster: some of its nodes may hang.
const CONNECT_CLUSTER: Duration = Duration::from_secs(3);
/// After this time without a response, a connection is replaced.
const SILENCE: Duration = Duration::from_millis(500);
/// As [`SILENCE`], of a node of a cluster, which another one may have replaced meanwhile.
/// Connections that close are replaced by the cluster's connection itself.
const SILENCE_CLUSTER: Duration = Duration::from_secs(5);
/// After this time without any sign of the other host, a connection closes.
#[cfg(any(target_os = "android", target_os = "linux"))]
const LOST: Duration = Duration::from_secs(2);
/// How long the store may take for a response. Callers have shorter deadlines of their own.
const RESPONSE: Duration = Duration::from_secs(5);
/// How long a node of a cluster may take, so that a hung node does not hold up the others.
const NODE: Duration = Duration::from_millis(500);
/// The commands that wait to be sent.
const QUEUE: usize = 1024;

type Clients = dyn Fn() -> Pin<Box<dyn Future<Output = RedisResult<Client>> + Send>> + Send + Sync;

pub(crate) struct Source {
    kind: Kind,
    /// Empty if a client was handed in.
    urls: Vec<ConnectionInfo>,
    /// The host and port of each URL, without its user, password and database.
    address: Option<String>,
}

enum Kind {
    /// One server, which may be another one for each connection.
    Server(Box<Clients>),
    Cluster(Box<ClusterClient>),
}

impl Source {
    pub(crate) fn server(url: ConnectionInfo) -> Result<Self, ConfigError> {
        let client = Client::open(url.clone());
        let client = client.map_err(|_| ConfigError::new("redis", UNUSABLE))?;
        Ok(Self::servers(move || ready(Ok(client.clone()))).of(vec![url]))
    }

    pub(crate) fn servers<F>(clients: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = RedisResult<Client>> + Send + 'static,
    {
        Self {
            kind: Kind::Server(Box::new(move || Box::pin(clients()))),
            urls: Vec::new(),
            address: None,
        }
    }

    pub(crate) fn cluster(client: ClusterClient) -> Self {
        Self {
            kind: Kind::Cluster(Box::new(client)),
            urls: Vec::new(),
            address: None,
        }
    }

    pub(crate) fn nodes(urls: Vec<ConnectionInfo>) -> Result<Self, ConfigError> {
        let client = ClusterClientBuilder::new(urls.iter().cloned())
            .use_protocol(ProtocolVersion::RESP3)
            .overall_response_timeout(Some(RESPONSE))
            .tcp_settings(tcp_settings())
            .retries(5)
            .min_retry_wait(10)
            .max_retry_wait(100)
            .build();
        let client = client.map_err(|_| {
            let problem = "must be one URL or more, with one user, password, database and scheme in all of them, \
                           and no socket";
            ConfigError::new("redis", problem)
        })?;
        Ok(Self::cluster(client).of(urls))
    }

    fn of(self, urls: Vec<ConnectionInfo>) -> Self {
        let addresses = urls.iter().map(|url| url.addr().to_string());
        let address = Some(addresses.collect::<Vec<_>>().join(", "));
        Self {
            urls,
            address,
            ..self
        }
    }

    /// The same servers, whose certificates are issued by these authorities.
    #[cfg(feature = "tls")]
    pub(crate) fn trusting(&self, authorities: &[u8]) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::new("ca_file", problem);
        let trusting = |url: &ConnectionInfo| {
            if !matches!(url.addr(), redis::ConnectionAddr::TcpTls { .. }) {
                return Err(wrong("requires a URL that starts with rediss://"));
            }
            let certificates = redis::TlsCertificates {
                client_tls: None,
                root_cert: Some(authorities.to_vec()),
            };
            let client = Client::build_with_tls(url.clone(), certificates);
            let client = client.map_err(|_| wrong("has a certificate that cannot be read"))?;
            Ok(client.get_connection_info().clone())
        };
        let urls = self.urls.iter().map(trusting);
        let mut urls: Vec<_> = urls.collect::<Result<_, _>>()?;
        match (&self.kind, urls.pop()) {
            (_, None) => Err(wrong("is for URLs; a client has its authorities already")),
            (Kind::Server(_), Some(url)) => Self::server(url),
            (Kind::Cluster(_), Some(url)) => {
                urls.push(url);
                Self::nodes(urls)
            }
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.kind, Kind::Cluster(_))
    }

    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// An error that says of which store it is.
    pub(crate) fn named(&self, error: StoreError) -> StoreError {
        match &self.address {
            Some(address) => error.at(address),
            None => error,
        }
    }

    /// How long a connection may be without any response.
    pub(crate) fn responds_within(&self) -> Duration {
        match self.kind {
            Kind::Server(_) => SILENCE,
            Kind::Cluster(_) => SILENCE_CLUSTER,
        }
    }

    /// Waits for a step of a connection.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        step: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreError> {
        let step = timeout(limit, step).await;
        let step = step.map_err(|_| self.named(problem::silent()))?;
        step.map_err(|error| self.named(problem::of(&error, self.is_cluster())))
    }

    /// Connects. `pushed` is called with what the store sends unasked, such as announcements.
    pub(crate) async fn connect(
        &self,
        pushed: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Connection, StoreError> {
        let limit = match self.kind {
            Kind::Server(_) => CONNECT,
            Kind::Cluster(_) => CONNECT_CLUSTER,
        };
        let error = match timeout(limit, self.connection(pushed)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        if let Some(url) = self.urls.first()
            && let Some(problem) = other_protocol::problem(url.addr(), error.as_ref()).await
        {
            return Err(self.named(problem));
        }
        Err(self.named(match error {
            Some(error) => problem::of_connecting(&error, self.is_cluster()),
            None => problem::silent(),
        }))
    }

    async fn connection(
        &self,
        pushed: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<Connection> {
        let pushed = move |push| {
            pushed(push);
            Ok::<_, ()>(())
        };
        match &self.kind {
            Kind::Server(clients) => {
                let client = clients().await?;
                let info = client.get_connection_info();
                let settings = info.redis_settings().clone();
                // Without it, the end of a connection would be noticed by the next command only.
                let settings = settings.set_protocol(ProtocolVersion::RESP3);
                let settings = settings.set_skip_set_lib_name();
                let client = Client::open(info.clone().set_redis_settings(settings))?;
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(Some(RESPONSE))
                    .set_pipeline_buffer_size(QUEUE)
                    .set_push_sender(pushed);
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                Ok(Connection::Server(connection.await?))
            }
            Kind::Cluster(client) => {
                let config = ClusterConfig::new()
                    .set_connection_timeout(NODE)
                    .set_response_timeout(NODE)
                    .set_push_sender(pushed);
                let connection = client.get_async_connection_with_config(config);
                Ok(Connection::Cluster(connection.await?))
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address().unwrap_or("a client"))
    }
}

const UNUSABLE: &str =
    "is not a usable URL; in a password, write characters such as `@` and `/` as `%40` and `%2F`";

/// Reads a URL. The error does not quote it, because it may contain a password.
pub(crate) fn parse(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::new("redis", problem));
    let Some(parsed) = redis::parse_redis_url(url) else {
        return wrong(
            "is not a URL of the form redis://host:port/database, rediss://host:port/database (TLS) or \
             unix:///path?db=database",
        );
    };
    if parsed.fragment() == Some("insecure") {
        return wrong(
            "must not end in `#insecure`: the certificate of the store is always verified",
        );
    }
    let is_tls = matches!(parsed.scheme(), "rediss" | "valkeys");
    if is_tls && cfg!(not(feature = "tls")) {
        return wrong("asks for TLS, which requires the feature `tls` of obo-redis");
    }
    let info = parsed.into_connection_info().or_else(|error| {
        // The details may quote a part of the URL; the text does not.
        let text = error.to_string();
        wrong(match &*text {
            text if text.starts_with("Invalid database") => {
                "has a path that is not the number of a database, such as redis://host:port/0"
            }
            text if text.starts_with("Missing hostname") => "lacks the host",
            text if text.starts_with("Missing path") => "lacks the path of the socket",
            text if text.starts_with("Cannot connect to a wildcard") => {
                "has a wildcard address as its host; write the address of the server"
            }
            _ => UNUSABLE,
        })
    })?;
    if is_tls {
        choose_cryptography();
    }
    Ok(info.set_tcp_settings(tcp_settings()))
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    // A host that is gone closes no connection, so the kernel does.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let settings = settings.set_user_timeout(LOST);
    settings
}

/// Without a choice, a program that contains two libraries of cryptography would panic.
fn choose_cryptography() {
    #[cfg(feature = "tls")]
    {
        use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
        if CryptoProvider::get_default().is_none() {
            // The program may have chosen at the same moment.
            let _ = aws_lc_rs::default_provider().install_default();
        }
    }
}
