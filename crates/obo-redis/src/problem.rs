//! What is said of an error of the store. Texts of the server are not quoted: they may contain
//! values.

use std::error::Error;
use std::io;
use std::sync::Arc;

use obo::fleet::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The store did not respond in time.
pub(crate) fn silent() -> StoreError {
    StoreError::new("does not respond")
}

/// A URL of TLS leads to a port without it.
pub(crate) fn no_tls() -> StoreError {
    let problem =
        "does not speak TLS on this port; write `redis://` in its URL, or the port that has TLS";
    StoreError::new(problem).of_setup()
}

/// A URL without TLS leads to a port that requires it.
pub(crate) fn only_tls() -> StoreError {
    let problem = "speaks only TLS on this port; write `rediss://` in its URL";
    StoreError::new(problem).of_setup()
}

pub(crate) fn of(error: &RedisError, is_cluster: bool) -> StoreError {
    let setup = |problem: &str| StoreError::new(problem).of_setup();
    match error.code().or_else(|| code_of_node(error)) {
        Some("WRONGPASS") => return setup(PASSWORD),
        Some("NOAUTH") => {
            return setup(
                "requires a password; add it to the URL, as redis://user:password@host:port/0",
            );
        }
        Some("NOPERM") => return setup(&forbidden(error)),
        Some("DENIED") => {
            return setup(
                "accepts no other hosts, because it has no password (protected mode); set one, and add it to the URL",
            );
        }
        Some(CERTIFICATE) => return setup(UNTRUSTED),
        Some("OOM") => return StoreError::new("is out of memory"),
        Some("MISCONF") => return StoreError::new("takes no changes, because it cannot save them"),
        Some("NOREPLICAS") => {
            return StoreError::new("takes no changes, because it has too few replicas");
        }
        Some("BUSY") => return StoreError::new("is busy with a script of another program"),
        _ => {}
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => setup(PASSWORD),
        ErrorKind::RESP3NotSupported => setup("is older than Redis 7, or is not Redis or Valkey"),
        ErrorKind::InvalidClientConfig => setup("cannot be used with these settings of its client"),
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::ReadOnly => {
                StoreError::new("is read-only: it is a replica of another server")
            }
            ServerErrorKind::BusyLoading => StoreError::new("is still loading its data"),
            ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown => {
                StoreError::new("has lost a part of its cluster")
            }
            ServerErrorKind::Moved | ServerErrorKind::Ask if is_cluster => {
                StoreError::new("is moving a part of its data to another node")
            }
            ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot => {
                setup("is a cluster; give the URLs of its nodes to `RedisStore::cluster`")
            }
            ServerErrorKind::ResponseError => of_text(error),
            _ => StoreError::new("refuses a command"),
        },
        ErrorKind::Io | ErrorKind::Client => of_io(error),
        ErrorKind::ClusterConnectionNotFound => StoreError::new("has no node that responds"),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            StoreError::new("sent a response of an unexpected form")
        }
        _ => StoreError::new("refuses a command"),
    }
}

/// As [`of`], of a connection that is being made.
pub(crate) fn of_connecting(error: &RedisError, is_cluster: bool) -> StoreError {
    if error.kind() == ErrorKind::Parse {
        let problem = "does not speak Redis on this port; correct the port in its URL";
        return StoreError::new(problem).of_setup();
    }
    of(error, is_cluster)
}

/// A cluster says in words why it has no connection to any node.
fn code_of_node(error: &RedisError) -> Option<&'static str> {
    let text = error.detail().filter(|_| error.is_io_error())?;
    let marks = [
        ("AuthenticationFailed", "WRONGPASS"),
        ("WRONGPASS", "WRONGPASS"),
        ("NOAUTH", "NOAUTH"),
        ("NOPERM", "NOPERM"),
        ("invalid peer certificate", CERTIFICATE),
    ];
    let mark = marks.into_iter().find(|(mark, _)| text.contains(mark));
    mark.map(|(_, code)| code)
}

/// The commands that a store needs.
const COMMANDS: [&str; 20] = [
    "hello",
    "select",
    "cluster|slots",
    "get",
    "mget",
    "set",
    "del",
    "exists",
    "type",
    "pttl",
    "pexpire",
    "time",
    "evalsha",
    "eval",
    "xadd",
    "xrange",
    "publish",
    "spublish",
    "subscribe",
    "ssubscribe",
];

/// What the server forbids. Of its text, only the name of a command that is known is quoted.
fn forbidden(error: &RedisError) -> String {
    let text = error.detail().unwrap_or_default();
    let is_named = |command: &&&str| text.contains(&format!("'{command}'"));
    match COMMANDS.iter().find(is_named) {
        Some(command) => forbids(&format!("the command {}", command.to_uppercase())),
        None if text.contains("channel") => forbids("the channels obo:*"),
        None if text.contains("key") => forbids("the keys obo:*"),
        None => forbids("a command, a key or a channel that it needs"),
    }
}

fn forbids(what: &str) -> String {
    format!("forbids its user {what}; grant the rights that the page of obo-redis lists")
}

/// Not a code of the server.
const CERTIFICATE: &str = "certificate";
const UNTRUSTED: &str =
    "has a certificate that is not trusted; `ca_file` names the authority that has issued it";
const PASSWORD: &str = "rejects the user name or the password; correct them in its URL";

/// Errors with the general code `ERR` differ in their texts only.
fn of_text(error: &RedisError) -> StoreError {
    let text = error.to_string();
    let has = |part: &str| text.contains(part);
    if has("refused to switch database") {
        let problem = "lacks the database of its URL, or forbids its user the command SELECT; a cluster and many servers \
                       have only database 0";
        return StoreError::new(problem).of_setup();
    }
    if has("ACL failure in script") || has("user executing the script can't run") {
        let what = "a command of the script that appends a logout, such as XADD";
        return StoreError::new(forbids(what)).of_setup();
    }
    if has("max number of clients") {
        return StoreError::new("has too many clients");
    }
    if has("cluster support disabled") {
        return StoreError::new("is no cluster; use `RedisStore::new`").of_setup();
    }
    if has("unknown command") {
        let problem =
            "lacks a command that is needed: it is older than Redis 7, or the command is renamed";
        return StoreError::new(problem).of_setup();
    }
    StoreError::new("refuses a command")
}

fn of_io(error: &RedisError) -> StoreError {
    if error.is_connection_refusal() {
        return StoreError::new("does not accept connections");
    }
    if error.is_timeout() {
        return silent();
    }
    let io = io(error);
    #[cfg(feature = "tls")]
    if let Some(inner) = io.and_then(io::Error::get_ref)
        && let Some(tls) = inner.downcast_ref::<tokio_rustls::rustls::Error>()
    {
        use tokio_rustls::rustls::Error as TlsError;
        return match tls {
            TlsError::InvalidCertificate(_) => StoreError::new(UNTRUSTED).of_setup(),
            TlsError::AlertReceived(_) => StoreError::new(
                "refuses TLS with this process; it may require a certificate of the client",
            )
            .of_setup(),
            _ => no_tls(),
        };
    }
    if error.is_connection_dropped() {
        return StoreError::new("closed the connection; it has ended, or has too many clients");
    }
    match io {
        Some(io) if io.kind() == io::ErrorKind::PermissionDenied => {
            StoreError::new("has a socket that this process may not open").of_setup()
        }
        _ => StoreError::new("cannot be reached; is its host name known?"),
    }
}

/// Whether another connection may help. A cluster replaces the connections of its nodes itself.
pub(crate) fn ends_connection(error: &RedisError, is_cluster: bool) -> bool {
    if is_cluster {
        let is_over = io(error).is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe);
        return is_over || error.kind() == ErrorKind::ClusterConnectionNotFound;
    }
    let is_demoted = matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly));
    is_demoted
        || error.is_io_error()
        || error.is_unrecoverable_error()
        || error.code() == Some("NOAUTH")
}

fn io(error: &RedisError) -> Option<&io::Error> {
    // The source is the `Arc` around the error.
    let source = error.source()?;
    let source = source.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    source.downcast_ref()
}
