//! Mistakes of the set-up are named when the store is built or first used, without a secret.

use std::fs;

use obo::fleet::{Finding, FindingState, Store, StoreError};
use obo_redis::RedisStore;
use obo_test_support::{RedisCluster, RedisServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};

use crate::contract::{MINUTE, get, heard, read, record};
use crate::names::{event, name, names};

async fn refused(store: &RedisStore) -> StoreError {
    let error = store.get(&[name()]).await.unwrap_err();
    assert!(error.is_of_setup(), "{error}");
    let place = format!("the shared store at {} ", store.address().unwrap());
    assert!(error.to_string().starts_with(&place), "{error}");
    // The announcements need the same connection.
    assert_eq!(
        store.watch(&|_| {}).await.unwrap_err().to_string(),
        error.to_string()
    );
    error
}

fn url(server: &RedisServer, user: &str) -> String {
    server
        .url()
        .replace("redis://", &format!("redis://{user}@"))
}

#[test]
fn wrong_url_is_not_quoted() {
    for (url, expected) in [
        ("", "not a URL of the form redis://"),
        (
            "http://user:hunter2@127.0.0.1",
            "not a URL of the form redis://",
        ),
        ("redis://user:hunter2", "not a URL of the form redis://"),
        (
            "redis://user:hunter2/@127.0.0.1",
            "not a URL of the form redis://",
        ),
        (
            "redis://user:hunter2@127.0.0.1:port",
            "not a URL of the form redis://",
        ),
        (
            "redis://user:hunter2@127.0.0.1/hunter2",
            "not the number of a database",
        ),
        ("redis:///0", "lacks the host"),
        ("redis://user:hunter2@0.0.0.0/0", "wildcard address"),
        ("redis://user:%FFhunter2@127.0.0.1", "not a usable URL"),
        (
            "rediss://user:hunter2@127.0.0.1/#insecure",
            "must not end in `#insecure`",
        ),
        (
            "rediss://user:hunter2@127.0.0.1/#hunter2",
            "not a usable URL",
        ),
    ] {
        for (error, field) in [
            (RedisStore::new(url).unwrap_err(), "redis"),
            (
                RedisStore::cluster(["redis://127.0.0.1", url]).unwrap_err(),
                "redis[1]",
            ),
        ] {
            assert_eq!(error.field(), field);
            assert!(error.to_string().contains(expected), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
    for urls in [
        &[][..],
        &["redis://:hunter2@127.0.0.1", "redis://:hunter3@127.0.0.1"],
        &["redis://127.0.0.1", "rediss://127.0.0.1"],
        &["unix:///hunter2"],
    ] {
        let error = RedisStore::cluster(urls).unwrap_err();
        assert!(error.to_string().contains("one URL or more"), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[test]
fn debug_shows_only_addresses() {
    let url = "rediss://alice:hunter2@redis.example:7000/3";
    let shown = format!("{:?}", RedisStore::new(url).unwrap());
    assert_eq!(shown, "RedisStore(redis.example:7000)");
    let shown = format!("{:?}", RedisStore::cluster([url, url]).unwrap());
    assert_eq!(shown, "RedisStore(redis.example:7000, redis.example:7000)");
    let client = redis::Client::open(url).unwrap();
    assert_eq!(
        format!("{:?}", RedisStore::from_client(client)),
        "RedisStore(a client)"
    );
}

#[tokio::test]
async fn errors_name_the_address_only() {
    // Bound, so that no other process gets the port, and closed.
    let sockets = [(); 2].map(|()| TcpSocket::new_v4().unwrap());
    let ports = sockets.each_ref().map(|socket| {
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.local_addr().unwrap().port()
    });
    let urls = ports.map(|port| format!("redis://alice:hunter2@127.0.0.1:{port}/3"));
    let one = RedisStore::new(&urls[0]).unwrap();
    let error = one.get(&[name()]).await.unwrap_err();
    assert!(!error.is_of_setup());
    let expected = format!(
        "the shared store at 127.0.0.1:{} does not accept connections",
        ports[0]
    );
    assert_eq!(error.to_string(), expected);
    let nodes = RedisStore::cluster(&urls).unwrap();
    let error = nodes.get(&[name()]).await.unwrap_err();
    assert!(!error.is_of_setup());
    let [one, two] = ports;
    let expected = format!("the shared store at 127.0.0.1:{one}, 127.0.0.1:{two} ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(!error.to_string().contains("alice"), "{error}");
}

/// A server that sends this to each client, and closes the connection.
async fn other_server(greeting: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The client may have gone.
            let _ = stream.write_all(greeting.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("redis://alice:hunter2@{address}/0")
}

#[tokio::test]
async fn other_protocol_is_of_the_setup() {
    for greeting in [
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "220 mail.example ESMTP\r\n",
    ] {
        let store = RedisStore::new(&other_server(greeting).await).unwrap();
        let error = refused(&store).await.to_string();
        assert!(
            error.contains("does not speak Redis on this port"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
    // A proxy without a server behind it closes connections, too.
    let store = RedisStore::new(&other_server("").await).unwrap();
    let error = store.get(&[name()]).await.unwrap_err();
    assert!(!error.is_of_setup(), "{error}");
    assert!(
        error.to_string().contains("closed the connection"),
        "{error}"
    );
}

#[tokio::test]
async fn wrong_credentials_are_of_the_setup() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let right = RedisStore::new(&url(&server, ":hunter2")).unwrap();
    assert!(get(&right, &name()).await.is_none());
    let set = server.command(&["CONFIG", "SET", "requirepass", "hunter2"]);
    assert_eq!(set, "OK");
    for (user, expected) in [
        (":hunter3", "rejects the user name or the password"),
        ("bob:hunter2", "rejects the user name or the password"),
        ("", "requires a password"),
    ] {
        let store = RedisStore::new(&url(&server, user)).unwrap();
        let error = refused(&store).await.to_string();
        assert!(error.contains(expected), "{error}");
        assert!(
            !error.contains("hunter") && !error.contains("bob"),
            "{error}"
        );
    }
    assert!(get(&right, &name()).await.is_none());
    let corrected = RedisStore::new(&url(&server, ":hunter4")).unwrap();
    refused(&corrected).await;
    let set = [
        &["AUTH", "hunter2"][..],
        &["CONFIG", "SET", "requirepass", "hunter4"],
    ];
    assert_eq!(server.commands(&set), ["OK", "OK"]);
    assert!(get(&corrected, &name()).await.is_none());
}

#[tokio::test]
async fn wrong_cluster_credentials_are_too() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let urls = |user: &str| {
        let nodes = cluster.nodes().iter();
        nodes.map(|node| url(node, user)).collect::<Vec<_>>()
    };
    for node in cluster.nodes() {
        let set = node.command(&["CONFIG", "SET", "requirepass", "hunter2"]);
        assert_eq!(set, "OK");
    }
    for (user, expected) in [
        (":hunter3", "rejects the user name or the password"),
        ("bob:hunter2", "rejects the user name or the password"),
        ("", "requires a password"),
    ] {
        let store = RedisStore::cluster(urls(user)).unwrap();
        let error = refused(&store).await.to_string();
        assert!(error.contains(expected), "{error}");
    }
    let right = RedisStore::cluster(urls(":hunter2")).unwrap();
    assert!(get(&right, &name()).await.is_none());
}

#[tokio::test]
async fn unknown_database_is_of_the_setup() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let url = server.url();
    let at = |database: &str| RedisStore::new(&url.replace("/0", database)).unwrap();
    let error = refused(&at("/99")).await.to_string();
    assert!(error.contains("lacks the database"), "{error}");
    let (one, two, name) = (at("/1"), at("/2"), name());
    one.put(&name, "value".into(), MINUTE).await.unwrap();
    assert!(get(&one, &name).await.is_some());
    assert!(get(&two, &name).await.is_none());
}

#[tokio::test]
async fn cluster_and_server_are_not_confused() {
    let (Some(cluster), Some(server)) = (RedisCluster::start(), RedisServer::start()) else {
        return;
    };
    let store = RedisStore::cluster([server.url()]).unwrap();
    let error = refused(&store).await.to_string();
    assert!(
        error.contains("is no cluster; use `RedisStore::new`"),
        "{error}"
    );
    let node = RedisStore::new(&cluster.urls()[0]).unwrap();
    let mut errors = Vec::new();
    for name in names(20) {
        errors.extend(node.put(&name, "value".into(), MINUTE).await.err());
    }
    let error = errors.first().unwrap();
    assert!(error.is_of_setup());
    assert!(
        error.to_string().contains("give the URLs of its nodes"),
        "{error}"
    );
}

#[tokio::test]
async fn socket_is_used() {
    let Some(server) = RedisServer::start_with(&["--unixsocket", "redis.sock"]) else {
        return;
    };
    let path = server.folder().join("redis.sock");
    let url = format!("unix://{}?db=1", path.display());
    let (store, name) = (RedisStore::new(&url).unwrap(), name());
    store.put(&name, "value".into(), MINUTE).await.unwrap();
    assert!(get(&store, &name).await.is_some());
    server.stop();
    let error = RedisStore::new(&url)
        .unwrap()
        .get(&[name])
        .await
        .unwrap_err();
    assert!(!error.is_of_setup());
    assert!(
        error.to_string().contains("does not accept connections"),
        "{error}"
    );
}

#[tokio::test]
async fn certificate_is_verified() {
    let Some(plain) = RedisServer::start() else {
        return;
    };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| {
        let path = plain.folder().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let ca = write("ca.pem", authority.pem());
    let certificate = write("server.pem", certificate.pem());
    let key = write("server.key", key.serialize_pem());
    let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
    let clients = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"];
    let server = RedisServer::start_with_port("--tls-port", &[files, clients].concat()).unwrap();

    let url = format!("rediss://localhost:{}/0", server.second_port());
    let store = RedisStore::new(&url).unwrap().ca_file(&ca).unwrap();
    let name = name();
    store.put(&name, "value".into(), MINUTE).await.unwrap();
    assert!(get(&store, &name).await.is_some());
    heard(&store, async |_| {}).await;

    let error = refused(&RedisStore::new(&url).unwrap()).await.to_string();
    assert!(
        error.contains("a certificate that is not trusted; `ca_file`"),
        "{error}"
    );
    let error = refused(&RedisStore::cluster([&url]).unwrap())
        .await
        .to_string();
    assert!(
        error.contains("a certificate that is not trusted"),
        "{error}"
    );
    let other_name = RedisStore::new(&url.replace("localhost", "127.0.0.1")).unwrap();
    let error = refused(&other_name.ca_file(&ca).unwrap()).await.to_string();
    assert!(
        error.contains("a certificate that is not trusted"),
        "{error}"
    );
    let no_tls = RedisStore::new(&plain.url().replace("redis:", "rediss:")).unwrap();
    let error = refused(&no_tls.ca_file(&ca).unwrap()).await.to_string();
    assert!(
        error.contains("does not speak TLS on this port; write `redis://`"),
        "{error}"
    );
    for store in [
        RedisStore::new(&url.replace("rediss:", "redis:")),
        RedisStore::cluster([url.replace("rediss:", "redis:")]),
    ] {
        let error = refused(&store.unwrap()).await.to_string();
        assert!(
            error.contains("speaks only TLS on this port; write `rediss://`"),
            "{error}"
        );
    }

    let ca_file = |url: &str, path: &str| {
        let error = RedisStore::new(url).unwrap().ca_file(path).unwrap_err();
        assert_eq!(error.field(), "ca_file");
        error.to_string()
    };
    assert!(ca_file(&url, "/no/such/file").contains("cannot be read"));
    assert!(ca_file(&url, &key).contains("has no certificate"));
    assert!(ca_file(&plain.url(), &ca).contains("rediss://"));
}

/// The rights that the README grants.
fn rights() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let line = readme
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER obo on "));
    line.unwrap().split(' ').collect()
}

fn grant(server: &RedisServer) {
    let set = ["ACL", "SETUSER", "obo", "on"];
    let set = set.iter().chain(&rights()).copied().collect::<Vec<_>>();
    assert_eq!(server.command(&set), "OK");
    assert_eq!(
        server.command(&["ACL", "SETUSER", "default", "resetpass", "-@all"]),
        "OK"
    );
}

async fn everything_is_permitted(store: &RedisStore) {
    for finding in store.examine().await.unwrap() {
        assert_ne!(finding.state(), FindingState::Wrong, "{finding:?}");
    }
    let (names, event) = (names(5), event());
    assert!(store.take(&names, MINUTE).await.unwrap());
    store.put(&names[0], "value".into(), MINUTE).await.unwrap();
    assert!(store.get(&names).await.unwrap()[0].is_some());
    store.remove(&names).await.unwrap();
    assert!(store.append(record(), &event, MINUTE).await.unwrap());
    assert_eq!(read(store, None).await.0.len(), 1);
    heard(store, async |_| {}).await;
}

#[tokio::test]
async fn documented_rights_suffice() {
    let (Some(server), Some(cluster)) = (RedisServer::start(), RedisCluster::start()) else {
        return;
    };
    grant(&server);
    everything_is_permitted(&RedisStore::new(&url(&server, "obo:password")).unwrap()).await;
    cluster.nodes().iter().for_each(grant);
    let urls = cluster.nodes().iter().map(|node| url(node, "obo:password"));
    everything_is_permitted(&RedisStore::cluster(urls).unwrap()).await;
}

fn seen<'f>(findings: &'f [Finding], subject: &str) -> &'f Finding {
    let finding = findings.iter().find(|it| it.subject() == subject);
    assert!(finding.is_some(), "{subject}: {findings:?}");
    finding.unwrap()
}

#[tokio::test]
async fn missing_rights_are_listed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for (rights, expected) in [
        ("~obo:* &obo:* +@all", ""),
        (
            "~obo:* &obo:* +@all -xadd -time",
            "its user lacks +time +xadd",
        ),
        (
            "~obo:* &obo:* +@all -publish -subscribe",
            "its user lacks +publish +subscribe",
        ),
        ("~obo:* &obo:* +@all -evalsha", "its user lacks +evalsha"),
        ("~obo:* &obo:* +@all -eval", "its user may not run EVAL"),
        ("~other:* &obo:* +@all", "its user lacks ~obo:*"),
        ("~obo:* +@all", "its user lacks &obo:*"),
    ] {
        let set = ["ACL", "SETUSER", "obo", "reset", "on", ">password"];
        let set = set.into_iter().chain(rights.split(' ')).collect::<Vec<_>>();
        assert_eq!(server.command(&set), "OK");
        let store = RedisStore::new(&url(&server, "obo:password")).unwrap();
        let findings = store.examine().await.unwrap();
        let rights = seen(&findings, "rights");
        match expected {
            "" => assert_eq!(rights.state(), FindingState::Right, "{rights:?}"),
            _ => assert!(
                rights.seen().starts_with(expected),
                "{expected}: {rights:?}"
            ),
        }
    }
    let names = server.command(&["KEYS", "*"]);
    assert!(!names.contains(":doctor"), "{names}");
}

#[tokio::test]
async fn each_node_is_examined() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let set = ["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"];
    let [first, second, _] = cluster.nodes() else {
        panic!("{cluster:?}");
    };
    assert_eq!(second.command(&set), "OK");
    let store = RedisStore::cluster(cluster.urls()).unwrap();
    let findings = store.examine().await.unwrap();
    let eviction = |node: &RedisServer| {
        seen(&findings, &format!("127.0.0.1:{} eviction", node.port())).state()
    };
    assert_eq!(eviction(first), FindingState::Right);
    assert_eq!(eviction(second), FindingState::Wrong);
    for node in cluster.nodes() {
        let rights = seen(&findings, &format!("127.0.0.1:{} rights", node.port()));
        assert_eq!(rights.state(), FindingState::Right, "{rights:?}");
    }
}

#[tokio::test]
async fn forbidden_logout_is_named() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for (rights, expected) in [
        (
            "~obo:* &obo:* +@all -xadd",
            "a command of the script that appends a logout, such as XADD",
        ),
        ("~obo:* &obo:* +@all -evalsha", "the command EVALSHA"),
        ("~obo:* &obo:* +@all -xrange", "the command XRANGE"),
        ("~obo:* &obo:* +@all -subscribe", "the command SUBSCRIBE"),
        ("~obo:* &other:* +@all", "the channels obo:*"),
    ] {
        let set = ["ACL", "SETUSER", "obo", "reset", "on", ">password"];
        let set = set.into_iter().chain(rights.split(' ')).collect::<Vec<_>>();
        assert_eq!(server.command(&set), "OK");
        let store = RedisStore::new(&url(&server, "obo:password")).unwrap();
        let append = store.append(record(), &event(), MINUTE).await.map(drop);
        let read = store.read(None).await.map(drop);
        let error = match append.and(read) {
            Ok(()) => store.watch(&|_| {}).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.is_of_setup(), "{error}");
        assert!(error.to_string().contains(expected), "{rights}: {error}");
    }
}

#[tokio::test]
async fn missing_right_is_of_the_setup() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for (rights, expected) in [
        ("+@all &obo:* ~other:*", "forbids its user the keys obo:*"),
        ("~obo:* -@all +hello", "forbids its user the command SELECT"),
        ("~obo:* +@all -mget", "forbids its user the command MGET"),
    ] {
        let set = ["ACL", "SETUSER", "obo", "reset", "on", ">password"];
        let set = set.into_iter().chain(rights.split(' ')).collect::<Vec<_>>();
        assert_eq!(server.command(&set), "OK");
        let url = url(&server, "obo:password").replace("/0", "/1");
        let store = RedisStore::new(&url).unwrap();
        let error = store.get(&[name()]).await.unwrap_err();
        assert!(
            error.is_of_setup() && error.to_string().contains(expected),
            "{error}"
        );
    }
}
