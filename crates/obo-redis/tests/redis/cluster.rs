//! Nodes of a cluster that hang, end, and hand over their slots.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use obo::fleet::{Store, StoreKey};
use obo_redis::RedisStore;
use obo_test_support::{RedisCluster, RedisServer, eventually};
use tokio::time::{Instant, timeout};

use crate::contract::{MINUTE, get, heard, read, record};
use crate::faults::{DEADLINE, until_it_responds};
use crate::names::{event, name};

fn start() -> Option<(RedisCluster, RedisStore)> {
    let cluster = RedisCluster::start()?;
    let store = RedisStore::cluster(cluster.urls()).unwrap();
    Some((cluster, store))
}

/// A name of each node.
fn name_of_each(cluster: &RedisCluster) -> Vec<StoreKey> {
    let of = |port: u16| {
        let mut names = std::iter::repeat_with(name);
        names
            .find(|name| cluster.node_of(name.as_str()).port() == port)
            .unwrap()
    };
    cluster.nodes().iter().map(|node| of(node.port())).collect()
}

#[tokio::test]
async fn one_hung_node_leaves_the_others() {
    let Some((cluster, store)) = start() else {
        return;
    };
    let names = name_of_each(&cluster);
    for name in &names {
        store.put(name, "value".into(), MINUTE).await.unwrap();
    }
    cluster.notice_failures();
    cluster.nodes()[0].pause();
    let start = Instant::now();
    // Longer than the time after which the connection is replaced.
    while start.elapsed() < Duration::from_secs(7) {
        let mut hung = store.get(&names[..1]);
        let waited = timeout(DEADLINE, &mut hung).await;
        assert!(!matches!(waited, Ok(Ok(_))));
        let others = async {
            for name in &names[1..] {
                assert_eq!(get(&store, name).await.unwrap(), "value");
            }
        };
        // They get their values while the call to the hung node still waits.
        match select(pin!(others), hung).await {
            Either::Left(((), _)) => {}
            Either::Right((failed, _)) => panic!("{failed:?}"),
        }
    }
    cluster.nodes()[0].resume();
    cluster.wait();
    for name in &names {
        until_it_responds(&store, name).await;
        assert_eq!(get(&store, name).await.unwrap(), "value");
    }
}

#[tokio::test]
async fn restarted_nodes_are_used_again() {
    let Some((cluster, store)) = start() else {
        return;
    };
    cluster.notice_failures();
    let names = name_of_each(&cluster);
    for which in [&cluster.nodes()[1..2], cluster.nodes()] {
        for name in &names {
            store.put(name, "value".into(), MINUTE).await.unwrap();
        }
        for node in which {
            node.stop();
        }
        let error = store.get(&names[1..2]).await.unwrap_err();
        assert!(!error.is_of_setup(), "{error}");
        for node in which {
            node.restart();
        }
        cluster.wait();
        for name in &names {
            until_it_responds(&store, name).await;
        }
        assert!(store.append(record(), &event(), MINUTE).await.unwrap());
    }
}

#[tokio::test]
async fn moved_slot_is_followed() {
    let Some((cluster, store)) = start() else {
        return;
    };
    assert!(store.append(record(), &event(), MINUTE).await.unwrap());
    heard(&store, async |_| {}).await;
    let log = StoreKey::log();
    let from = cluster.node_of(log.as_str());
    let to = cluster
        .nodes()
        .iter()
        .find(|node| node.port() != from.port())
        .unwrap();
    let slot = from.command(&["CLUSTER", "KEYSLOT", log.as_str()]);
    let id = to.command(&["CLUSTER", "MYID"]);
    from.command(&["FLUSHALL"]);
    // The new owner first, so that the slot has one at all times.
    for node in [to, from] {
        assert_eq!(
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]),
            "OK"
        );
    }
    let moved = record();
    assert!(store.append(moved.clone(), &event(), MINUTE).await.unwrap());
    assert_eq!(read(&store, None).await.0, [moved]);
    heard(&store, async |_| {}).await;
}

#[tokio::test]
async fn promoted_replica_is_used() {
    let Some((cluster, store)) = start() else {
        return;
    };
    let log = StoreKey::log();
    let first = cluster.node_of(log.as_str());
    let mut others = name_of_each(&cluster);
    others.retain(|name| cluster.node_of(name.as_str()).port() != first.port());
    let second = cluster.add_replica(first);
    is_followed(&store, &others[0], [first, &second], RedisServer::stop).await;
    let third = cluster.add_replica(&second);
    is_followed(&store, &others[0], [&second, &third], RedisServer::pause).await;
}

/// The second node gets what the first one has, and takes over when that one fails.
async fn is_followed(
    store: &RedisStore,
    other: &StoreKey,
    [from, to]: [&RedisServer; 2],
    fail: fn(&RedisServer),
) {
    let log = StoreKey::log();
    let kept = record();
    assert!(store.append(kept.clone(), &event(), MINUTE).await.unwrap());
    let length = |node: &RedisServer| {
        let length = node.commands(&[&["READONLY"], &["XLEN", log.as_str()]]);
        length[1].clone()
    };
    let has_all = async || length(to) == length(from);
    eventually("all records at the second node", has_all).await;
    fail(from);
    eventually("a read from the second node", async || {
        let read = timeout(DEADLINE, store.read(None)).await;
        // Other calls get responses meanwhile.
        until_it_responds(store, other).await;
        matches!(read, Ok(Ok(_)))
    })
    .await;
    assert!(to.command(&["ROLE"]).starts_with("master"));
    assert!(read(store, None).await.0.contains(&kept));
    assert!(store.append(record(), &event(), MINUTE).await.unwrap());
    heard(store, async |_| {}).await;
}
