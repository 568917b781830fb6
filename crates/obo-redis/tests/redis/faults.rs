//! What a store does that hangs, ends, forgets, is full, or holds values of others.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use obo::fleet::{Store, StoreError, StoreKey};
use obo_redis::RedisStore;
use obo_test_support::{RedisServer, eventually, soon};
use redis::sentinel::{SentinelClient, SentinelServerType};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::contract::{MINUTE, get, heard, read, record};
use crate::names::{event, name, names};

/// How long a fleet waits for the store.
pub(crate) const DEADLINE: Duration = Duration::from_millis(25);

fn start() -> Option<(RedisServer, RedisStore)> {
    let server = RedisServer::start()?;
    let store = RedisStore::new(&server.url()).unwrap();
    Some((server, store))
}

/// Calls like a fleet, each with the deadline, until one succeeds.
pub(crate) async fn until_it_responds(store: &dyn Store, name: &StoreKey) {
    eventually("a response", async || {
        let get = store.get(std::slice::from_ref(name));
        matches!(timeout(DEADLINE, get).await, Ok(Ok(_)))
    })
    .await;
}

/// Waits until the runtime has this many tasks besides the test.
async fn until_tasks(count: usize) {
    let tasks = async || Handle::current().metrics().num_alive_tasks() == count;
    eventually("the end of tasks", tasks).await;
}

/// Runs `then` when the store listens. Returns how the listener ended after that.
async fn listening(
    server: &RedisServer,
    store: &RedisStore,
    then: impl Fn(&RedisServer),
) -> Result<(), StoreError> {
    let announce = |_| {};
    let channel = StoreKey::announcements();
    let count = ["PUBSUB", "NUMSUB", channel.as_str()];
    let listens = async || !server.command(&count).ends_with('0');
    soon("the end of a listener", async {
        loop {
            let listener = pin!(store.watch(&announce));
            let listens = pin!(eventually("a listener", listens));
            // A listener that ended before is of no interest.
            if let Either::Right(((), listener)) = select(listener, listens).await {
                then(server);
                return listener.await;
            }
        }
    })
    .await
}

async fn problem(store: &dyn Store) -> StoreError {
    store
        .put(&name(), "value".into(), MINUTE)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn continued_server_is_used_again() {
    let Some((server, store)) = start() else {
        return;
    };
    let names = names(2);
    store.put(&names[0], "first".into(), MINUTE).await.unwrap();
    store.put(&names[1], "second".into(), MINUTE).await.unwrap();
    // Shorter and longer than the time after which the connection is replaced.
    for pause in [Duration::from_millis(100), Duration::from_secs(2)] {
        server.pause();
        let start = Instant::now();
        while start.elapsed() < pause {
            let calls = (0..50).map(|_| timeout(DEADLINE, store.get(&names[..1])));
            let all = join_all(calls).await;
            assert!(all.iter().all(|call| !matches!(call, Ok(Ok(_)))));
        }
        server.resume();
        // A late response of the calls before would be the first value.
        let calls = (0..50).map(|_| get(&store, &names[1]));
        let values = soon("all responses", join_all(calls)).await;
        assert!(values.into_iter().all(|value| value.unwrap() == "second"));
    }
}

#[tokio::test]
async fn late_response_serves_no_other_call() {
    let Some((_server, store)) = start() else {
        return;
    };
    let names = names(100);
    for (i, name) in names.iter().enumerate() {
        store.put(name, i.to_string().into(), MINUTE).await.unwrap();
    }
    let mut given_up = 0;
    for round in 0..50_u64 {
        let calls = names.iter().enumerate().map(|(i, name)| {
            let limit = Duration::from_micros(round * 7 * (i as u64 % 5));
            timeout(limit, store.get(std::slice::from_ref(name)))
        });
        for (i, value) in join_all(calls).await.into_iter().enumerate() {
            match value {
                Ok(value) => assert_eq!(value.unwrap(), [Some(Bytes::from(i.to_string()))]),
                Err(_) => given_up += 1,
            }
        }
    }
    assert!(given_up > 100, "{given_up}");
}

#[tokio::test]
async fn restarted_server_is_used_soon() {
    let Some((server, store)) = start() else {
        return;
    };
    let name = name();
    for _ in 0..3 {
        assert!(get(&store, &name).await.is_none());
        server.stop();
        let start = Instant::now();
        let error = loop {
            if let Err(error) = store.get(std::slice::from_ref(&name)).await {
                break error;
            }
        };
        // A response that is only waited for takes longer.
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(!error.is_of_setup(), "{error}");
        let error = problem(&store).await.to_string();
        assert!(error.contains("does not accept connections"), "{error}");
        server.restart();
        until_it_responds(&store, &name).await;
        assert!(store.append(record(), &event(), MINUTE).await.unwrap());
    }
}

#[tokio::test]
async fn idle_restart_fails_no_call() {
    let Some((server, store)) = start() else {
        return;
    };
    let tasks = || Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 0);
    for _ in 0..5 {
        assert!(get(&store, &name()).await.is_none());
        let connected = tasks();
        server.restart();
        eventually("a lost connection", async || tasks() < connected).await;
    }
    assert!(get(&store, &name()).await.is_none());
}

#[tokio::test]
async fn no_task_is_left() {
    let Some((server, store)) = start() else {
        return;
    };
    let tasks = || Handle::current().metrics().num_alive_tasks();
    assert!(get(&store, &name()).await.is_none());
    let connected = tasks();
    for _ in 0..1000 {
        let _ = timeout(Duration::ZERO, store.get(&[name()])).await;
    }
    until_tasks(connected).await;
    server.pause();
    let _ = timeout(Duration::from_secs(1), store.get(&[name()])).await;
    let _ = timeout(Duration::from_secs(1), store.get(&[name()])).await;
    drop(store);
    until_tasks(0).await;
    server.resume();
}

#[tokio::test]
async fn earlier_failure_fails_no_call() {
    let Some((server, store)) = start() else {
        return;
    };
    assert!(get(&store, &name()).await.is_none());
    server.pause();
    let start = Instant::now();
    // The last of them makes a connection that fails when no call waits for it.
    while start.elapsed() < Duration::from_millis(600) {
        let _ = timeout(DEADLINE, store.get(&[name()])).await;
    }
    until_tasks(0).await;
    server.resume();
    assert!(get(&store, &name()).await.is_none());
}

#[tokio::test]
async fn flushed_server_is_read_anew() {
    let Some((server, store)) = start() else {
        return;
    };
    let (first, second, event) = (record(), record(), event());
    store.append(first, &event, MINUTE).await.unwrap();
    let (_, position) = read(&store, None).await;
    assert_eq!(server.command(&["FLUSHALL"]), "OK");
    let (records, empty) = read(&store, position.as_deref()).await;
    assert_eq!((records.len(), empty), (0, None));
    assert!(store.append(second.clone(), &event, MINUTE).await.unwrap());
    assert_eq!(read(&store, position.as_deref()).await.0, [second]);
}

#[tokio::test]
async fn clock_behind_loses_no_record() {
    let Some((server, store)) = start() else {
        return;
    };
    let (first, second, third) = (record(), record(), record());
    store.append(first, &[], MINUTE).await.unwrap();
    let (_, position) = read(&store, None).await;
    let position = position.unwrap();
    let (now, _) = position.split_once('-').unwrap();
    let log = StoreKey::log();
    // What a server that took over has written: without the last record, by an earlier clock.
    for (behind, record) in [(3_000, &second), (60_000, &third)] {
        let id = format!("{}-0", now.parse::<u64>().unwrap() - behind);
        let record = std::str::from_utf8(record).unwrap();
        let write = [
            &["DEL", log.as_str()][..],
            &["XADD", log.as_str(), &id, "r", record],
        ];
        assert_eq!(server.commands(&write)[1], id);
        assert_eq!(read(&store, Some(&position)).await.0, [record]);
    }
}

#[tokio::test]
async fn lost_script_is_sent_again() {
    let Some((server, store)) = start() else {
        return;
    };
    for _ in 0..3 {
        assert!(store.append(record(), &event(), MINUTE).await.unwrap());
        assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "OK");
    }
    assert_eq!(read(&store, None).await.0.len(), 3);
}

#[tokio::test]
async fn wrong_type_counts_as_miss() {
    let Some((server, store)) = start() else {
        return;
    };
    let names = names(2);
    server.command(&["RPUSH", names[0].as_str(), "x"]);
    store.put(&names[1], "value".into(), MINUTE).await.unwrap();
    let values = store.get(&names).await.unwrap();
    assert_eq!(values, [None, Some("value".into())]);
    assert!(!store.take(&names[..1], MINUTE).await.unwrap());
    store.put(&names[0], "value".into(), MINUTE).await.unwrap();
    assert_eq!(get(&store, &names[0]).await.unwrap(), "value");
}

#[tokio::test]
async fn log_of_another_type_is_replaced() {
    let Some((server, store)) = start() else {
        return;
    };
    let log = StoreKey::log();
    for write in [
        &["SET", log.as_str(), "x"][..],
        &["RPUSH", log.as_str(), "x"],
    ] {
        server.commands(&[&["DEL", log.as_str()], write]);
        let page = store.read(None).await.unwrap();
        assert!(page.records.is_empty() && page.position.is_none() && page.is_last);
        assert!(store.append(record(), &event(), MINUTE).await.unwrap());
        assert_eq!(read(&store, None).await.0.len(), 1);
    }
    let left: i64 = server.command(&["PTTL", log.as_str()]).parse().unwrap();
    assert!((1..=60_000).contains(&left));
}

#[tokio::test]
async fn log_is_trimmed_by_age() {
    let Some((server, store)) = start() else {
        return;
    };
    let log = StoreKey::log();
    let old: Vec<String> = (1..=500).map(|i| format!("{i}-0")).collect();
    let old: Vec<[&str; 5]> = old
        .iter()
        .map(|id| ["XADD", log.as_str(), id, "r", "old"])
        .collect();
    server.commands(&old.iter().map(|words| &words[..]).collect::<Vec<_>>());
    store.append(record(), &[], MINUTE).await.unwrap();
    let left: usize = server.command(&["XLEN", log.as_str()]).parse().unwrap();
    assert!(left <= 101, "{left}");
    // A replica with a shorter retention does not shorten the log's.
    store.append(record(), &[], MINUTE / 60).await.unwrap();
    let left: i64 = server.command(&["PTTL", log.as_str()]).parse().unwrap();
    assert!(left > 50_000, "{left}");
}

#[tokio::test]
async fn full_server_is_reported() {
    let Some((server, store)) = start() else {
        return;
    };
    let (kept, event) = (name(), event());
    store.put(&kept, "value".into(), MINUTE).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    for error in [
        problem(&store).await,
        store.take(&names(1), MINUTE).await.unwrap_err(),
        store.append(record(), &event, MINUTE).await.unwrap_err(),
    ] {
        let place = format!("the shared store at {}", store.address().unwrap());
        assert_eq!(error.to_string(), format!("{place} is out of memory"));
        assert!(!error.is_of_setup());
    }
    assert_eq!(get(&store, &kept).await.unwrap(), "value");
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    // The failed call has taken nothing.
    assert!(store.append(record(), &event, MINUTE).await.unwrap());
}

#[tokio::test]
async fn replica_is_reported_as_read_only() {
    let Some((server, store)) = start() else {
        return;
    };
    assert!(get(&store, &name()).await.is_none());
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    for error in [
        problem(&store).await,
        store.append(record(), &event(), MINUTE).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("is read-only"), "{error}");
    }
    server.command(&["REPLICAOF", "NO", "ONE"]);
    assert!(store.append(record(), &event(), MINUTE).await.unwrap());
}

#[tokio::test]
async fn refused_client_connects_later() {
    let Some(server) = RedisServer::start_with(&["--maxclients", "1"]) else {
        return;
    };
    let store = RedisStore::new(&server.url()).unwrap();
    assert!(get(&store, &name()).await.is_none());
    let other = RedisStore::new(&server.url()).unwrap();
    let error = problem(&other).await;
    assert!(
        error.to_string().contains("has too many clients"),
        "{error}"
    );
    drop(store);
    until_it_responds(&other, &name()).await;
}

#[tokio::test]
async fn killed_connection_is_replaced() {
    let Some((server, store)) = start() else {
        return;
    };
    for _ in 0..5 {
        assert!(get(&store, &name()).await.is_none());
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        until_it_responds(&store, &name()).await;
    }
}

#[tokio::test]
async fn killed_listener_ends() {
    let Some((server, store)) = start() else {
        return;
    };
    let kill = |server: &RedisServer| drop(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]));
    listening(&server, &store, kill).await.unwrap();
    heard(&store, async |_| {}).await;
}

#[tokio::test]
async fn listener_to_a_hung_server_ends() {
    let Some((server, store)) = start() else {
        return;
    };
    let error = listening(&server, &store, RedisServer::pause).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("does not respond"), "{error}");
    server.resume();
    heard(&store, async |_| {}).await;
}

#[tokio::test]
async fn promoted_replica_is_used() {
    let Some((primary, direct)) = start() else {
        return;
    };
    let port = primary.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let sentinel = RedisServer::start_sentinel(&primary).unwrap();
    let replicas = ["SENTINEL", "REPLICAS", "primary"];
    let knows = async || !sentinel.command(&replicas).is_empty();
    eventually("a replica that Sentinel knows", knows).await;
    let client = SentinelClient::build(
        vec![sentinel.url()],
        "primary",
        None,
        SentinelServerType::Master,
    );
    let client = Arc::new(tokio::sync::Mutex::new(client.unwrap()));
    let store = RedisStore::from_clients(move || {
        let client = Arc::clone(&client);
        async move { client.lock().await.async_get_client().await }
    });
    let (name, event) = (name(), event());
    store.put(&name, "value".into(), MINUTE).await.unwrap();
    assert!(store.append(record(), &event, MINUTE).await.unwrap());
    assert!(get(&direct, &name).await.is_some());
    let (_, position) = read(&store, None).await;
    let has_it = async || replica.command(&["XLEN", StoreKey::log().as_str()]) == "1";
    eventually("the record at the replica", has_it).await;

    primary.stop();
    until_it_responds(&store, &name).await;
    assert_eq!(get(&store, &name).await.unwrap(), "value");
    let next = record();
    assert!(!store.append(next.clone(), &event, MINUTE).await.unwrap());
    assert!(store.append(next.clone(), &[], MINUTE).await.unwrap());
    assert_eq!(
        read(&store, position.as_deref()).await.0.last(),
        Some(&next)
    );
    assert!(replica.command(&["ROLE"]).starts_with("master"));
}
