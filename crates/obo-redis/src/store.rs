use std::fmt;
use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join_all;
use obo::ConfigError;
use obo::fleet::{Announce, Finding, Page, Store, StoreFuture, StoreKey};
use redis::cluster::ClusterClient;
use redis::{Client, RedisError, RedisResult, cmd};

use crate::connection::Connection;
use crate::line::Line;
use crate::log::{Position, Record};
use crate::source::{self, Source};
use crate::watch;
use crate::{examine, script};

/// A Redis or Valkey server, or a cluster, as the store of a [`Fleet`](obo::fleet::Fleet).
///
/// Building one does no I/O. The first command connects, and after a loss the next command connects
/// again. All commands share one connection, and announcements have a second one.
///
/// See the [crate page](crate) for a program.
pub struct RedisStore {
    line: Line,
}

impl RedisStore {
    /// One server: `redis://user:password@host:port/database`, `rediss://…` for TLS, or
    /// `unix:///path?db=database`.
    ///
    /// With replicas behind it, give the address that always leads to the primary.
    ///
    /// # Errors
    ///
    /// Fails if the URL is wrong. The error does not quote it.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Source::server(source::parse(url)?).map(Self::of)
    }

    /// A cluster, by the URLs of some of its nodes. The other nodes are found.
    ///
    /// # Errors
    ///
    /// Fails if a URL is wrong, or if they differ in more than the host and the port.
    pub fn cluster<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        let nodes = urls.into_iter().enumerate();
        let nodes = nodes.map(|(i, url)| {
            source::parse(url.as_ref()).map_err(|error| error.at(format!("redis[{i}]")))
        });
        Source::nodes(nodes.collect::<Result<_, _>>()?).map(Self::of)
    }

    /// Trusts the certificate authorities of this PEM file, instead of those of the system.
    ///
    /// # Errors
    ///
    /// Fails if the file has no usable certificate, or if a URL is not `rediss://`.
    #[cfg(feature = "tls")]
    pub fn ca_file(self, path: impl AsRef<std::path::Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let wrong =
            |problem: String| ConfigError::new("ca_file", format!("{} {problem}", path.display()));
        let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(BEGIN.len()).any(|part| part == BEGIN) {
            return Err(wrong("has no certificate in PEM form".to_owned()));
        }
        self.line.source().trusting(&pem).map(Self::of)
    }

    /// One server, by a client with settings that a URL cannot express, such as a client
    /// certificate.
    pub fn from_client(client: Client) -> Self {
        Self::from_clients(move || ready(Ok(client.clone())))
    }

    /// The server of the moment: `client` is called for each new connection, for example to ask
    /// Sentinel for the primary, or to read a password that changes.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use obo_redis::RedisStore;
    /// use redis::sentinel::SentinelClient;
    /// use tokio::sync::Mutex;
    ///
    /// # fn of(sentinel: SentinelClient) -> RedisStore {
    /// let sentinel = Arc::new(Mutex::new(sentinel));
    /// RedisStore::from_clients(move || {
    ///     let sentinel = Arc::clone(&sentinel);
    ///     async move { sentinel.lock().await.async_get_client().await }
    /// })
    /// # }
    /// ```
    pub fn from_clients<F>(client: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = RedisResult<Client>> + Send + 'static,
    {
        Self::of(Source::servers(client))
    }

    /// A cluster, by a client with settings of your own. Its protocol has to be
    /// [`RESP3`](redis::ProtocolVersion::RESP3).
    pub fn from_cluster(client: ClusterClient) -> Self {
        Self::of(Source::cluster(client))
    }

    fn of(source: Source) -> Self {
        Self {
            line: Line::new(source),
        }
    }
}

impl Store for RedisStore {
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let Some(first) = names.first() else {
                return Ok(Vec::new());
            };
            let get = |connection: Connection| get(connection, names);
            self.line.run(first, get).await
        })
    }

    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()> {
        Box::pin(async move {
            let put = |mut connection: Connection| async move {
                let mut command = cmd("SET");
                command.arg(name.as_str()).arg(&*value);
                command.arg("PX").arg(milliseconds(lifetime));
                connection.query(&command).await
            };
            self.line.run(name, put).await
        })
    }

    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool> {
        Box::pin(async move {
            let Some(first) = names.first() else {
                return Ok(true);
            };
            let take = |mut connection: Connection| async move {
                for name in names {
                    let mut command = cmd("SET");
                    command.arg(name.as_str()).arg("").arg("NX");
                    command.arg("PX").arg(milliseconds(lifetime));
                    // `OK`, or nothing if the name is taken.
                    if connection.query::<Option<()>>(&command).await?.is_none() {
                        return Ok(false);
                    }
                }
                Ok(true)
            };
            self.line.run(first, take).await
        })
    }

    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()> {
        Box::pin(async move {
            let Some(first) = names.first() else {
                return Ok(());
            };
            let remove = |connection: Connection| remove(connection, names);
            self.line.run(first, remove).await
        })
    }

    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool> {
        Box::pin(async move {
            let (log, news) = (StoreKey::log(), StoreKey::announcements());
            let keys = [log.as_str()].into_iter();
            let keys: Vec<&str> = keys.chain(once.iter().map(StoreKey::as_str)).collect();
            let retention = milliseconds(retention);
            let append = |connection: Connection| {
                script::append(connection, &keys, &record, retention, news.as_str())
            };
            self.line.run(&log, append).await
        })
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page> {
        Box::pin(async move {
            let (position, log) = (Position::parse(after), StoreKey::log());
            let command = position.command(log.as_str());
            let read = |mut connection: Connection| async move {
                match connection.query::<Vec<Record>>(&command).await {
                    Err(error) if is_other_type(&error) => Ok(Page {
                        is_last: true,
                        ..Page::default()
                    }),
                    read => read.map(|read| position.page(read)),
                }
            };
            self.line.run(&log, read).await
        })
    }

    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()> {
        Box::pin(watch::watch(self.line.source(), announce))
    }

    fn address(&self) -> Option<&str> {
        self.line.source().address()
    }

    fn examine<'s>(&'s self) -> StoreFuture<'s, Vec<Finding>> {
        Box::pin(examine::examine(&self.line))
    }
}

/// In a cluster, each name is a command of its own, and all of them are under way at once.
async fn get(mut connection: Connection, names: &[StoreKey]) -> RedisResult<Vec<Option<Bytes>>> {
    if !connection.is_cluster() {
        let mut command = cmd("MGET");
        command.arg(names.iter().map(StoreKey::as_str).collect::<Vec<_>>());
        return connection.query(&command).await;
    }
    let gets = names.iter().map(|name| {
        let mut connection = connection.clone();
        async move {
            let mut command = cmd("GET");
            command.arg(name.as_str());
            match connection.query(&command).await {
                Err(error) if is_other_type(&error) => Ok(None),
                value => value,
            }
        }
    });
    try_join_all(gets).await
}

async fn remove(connection: Connection, names: &[StoreKey]) -> RedisResult<()> {
    let removes = names.iter().map(|name| {
        let mut connection = connection.clone();
        async move {
            let mut command = cmd("DEL");
            command.arg(name.as_str());
            connection.query::<()>(&command).await
        }
    });
    try_join_all(removes).await.map(drop)
}

/// The name belongs to another kind of value, such as a list.
fn is_other_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
}

/// For `PX`: at least one, and at most a hundred years, because the server adds the time of day.
fn milliseconds(lifetime: Duration) -> u64 {
    const LONGEST: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
    let milliseconds = u64::try_from(lifetime.as_millis()).unwrap_or(LONGEST);
    milliseconds.clamp(1, LONGEST)
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({:?})", self.line.source())
    }
}
