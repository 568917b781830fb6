//! What each store has to do, in one list: the one in the process, a server, and a cluster.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use obo::fleet::{InProcess, Store};
use obo_redis::RedisStore;
use obo_test_support::{RedisCluster, RedisServer, eventually, soon};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::names::{event, name, names, number};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn store_in_the_process_fulfils_contract() {
    check(Arc::new(InProcess::new())).await;
}

#[tokio::test]
async fn server_fulfils_contract() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    check(Arc::new(RedisStore::new(&server.url()).unwrap())).await;
    assert_all_expire(&server);
}

#[tokio::test]
async fn cluster_fulfils_contract() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    check(Arc::new(RedisStore::cluster(cluster.urls()).unwrap())).await;
    cluster.nodes().iter().for_each(assert_all_expire);
}

async fn check(store: Arc<dyn Store>) {
    let store = &*store;
    values_are_read_in_order(store).await;
    value_is_written_over(store).await;
    value_ends_after_its_lifetime(store).await;
    removed_value_is_gone(store).await;
    any_bytes_are_a_value(store).await;
    name_is_taken_once(store).await;
    taking_stops_at_the_first_taken_name(store).await;
    of_simultaneous_takes_one_succeeds(store).await;
    lease_can_be_given_back(store).await;
    records_are_read_in_order(store).await;
    event_is_appended_once(store).await;
    event_is_used_if_one_name_is(store).await;
    of_simultaneous_events_one_is_appended(store).await;
    every_listener_hears_each_record(store).await;
    long_log_is_read_to_its_end(store).await;
}

async fn values_are_read_in_order(store: &dyn Store) {
    assert!(store.get(&[]).await.unwrap().is_empty());
    let names = names(20);
    for (i, name) in names.iter().enumerate().filter(|(i, _)| i % 3 != 0) {
        store.put(name, i.to_string().into(), MINUTE).await.unwrap();
    }
    let values = store.get(&names).await.unwrap();
    for (i, value) in values.into_iter().enumerate() {
        let expected = (i % 3 != 0).then(|| Bytes::from(i.to_string()));
        assert_eq!(value, expected, "{i}");
    }
}

async fn value_is_written_over(store: &dyn Store) {
    let name = name();
    for value in ["old", "new"] {
        store.put(&name, value.into(), MINUTE).await.unwrap();
    }
    assert_eq!(get(store, &name).await.unwrap(), "new");
}

async fn value_ends_after_its_lifetime(store: &dyn Store) {
    let names = names(2);
    for (name, lifetime) in names
        .iter()
        .zip([Duration::from_millis(20), Duration::ZERO])
    {
        store.put(name, "value".into(), lifetime).await.unwrap();
        eventually("its end", async || get(store, name).await.is_none()).await;
    }
    let long = Duration::MAX / 1_000_000;
    store.put(&names[0], "value".into(), long).await.unwrap();
    assert!(get(store, &names[0]).await.is_some());
}

async fn removed_value_is_gone(store: &dyn Store) {
    let names = names(3);
    for name in &names {
        store.put(name, "value".into(), MINUTE).await.unwrap();
    }
    store.remove(&names[..2]).await.unwrap();
    store.remove(&names[..2]).await.unwrap();
    store.remove(&[]).await.unwrap();
    let values = store.get(&names).await.unwrap();
    assert_eq!(values.iter().filter(|it| it.is_some()).count(), 1);
}

async fn any_bytes_are_a_value(store: &dyn Store) {
    let name = name();
    let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for value in [Bytes::new(), all.into()] {
        store.put(&name, value.clone(), MINUTE).await.unwrap();
        assert_eq!(get(store, &name).await.unwrap(), value);
    }
}

async fn name_is_taken_once(store: &dyn Store) {
    let names = names(2);
    assert!(store.take(&names, MINUTE).await.unwrap());
    assert!(!store.take(&names, MINUTE).await.unwrap());
    assert!(store.take(&[name()], MINUTE).await.unwrap());
    let short = [name()];
    assert!(store.take(&short, Duration::from_millis(20)).await.unwrap());
    let is_free = async || store.take(&short, MINUTE).await.unwrap();
    eventually("its end", is_free).await;
}

async fn taking_stops_at_the_first_taken_name(store: &dyn Store) {
    let names = names(3);
    assert!(store.take(&names[1..2], MINUTE).await.unwrap());
    assert!(!store.take(&names, MINUTE).await.unwrap());
    assert!(!store.take(&names[..1], MINUTE).await.unwrap());
    assert!(store.take(&names[2..], MINUTE).await.unwrap());
}

async fn of_simultaneous_takes_one_succeeds(store: &dyn Store) {
    for _ in 0..20 {
        let names = names(2);
        let takes = (0..10).map(|_| store.take(&names, MINUTE));
        let taken = join_all(takes).await;
        let taken = taken.into_iter().filter(|it| *it.as_ref().unwrap());
        assert_eq!(taken.count(), 1);
    }
}

async fn lease_can_be_given_back(store: &dyn Store) {
    let names = names(2);
    assert!(store.take(&names, MINUTE).await.unwrap());
    store.remove(&names).await.unwrap();
    assert!(store.take(&names, MINUTE).await.unwrap());
}

async fn records_are_read_in_order(store: &dyn Store) {
    let records: Vec<Bytes> = (0..5).map(|_| record()).collect();
    for record in &records[..3] {
        assert!(store.append(record.clone(), &[], MINUTE).await.unwrap());
    }
    let (read, position) = read(store, None).await;
    assert!(read.ends_with(&records[..3]), "{read:?}");
    for record in &records[3..] {
        assert!(store.append(record.clone(), &[], MINUTE).await.unwrap());
    }
    let (read_later, later) = self::read(store, position.as_deref()).await;
    assert!(read_later.ends_with(&records[3..]), "{read_later:?}");
    // It may return records twice, but not lose one.
    let (again, _) = self::read(store, later.as_deref()).await;
    assert!(records.ends_with(&again) || again.ends_with(&records));
    let (all, _) = self::read(store, None).await;
    assert!(all.ends_with(&records));
}

async fn event_is_appended_once(store: &dyn Store) {
    let (event, first, second) = (event(), record(), record());
    assert!(store.append(first.clone(), &event, MINUTE).await.unwrap());
    assert!(!store.append(second.clone(), &event, MINUTE).await.unwrap());
    let (all, _) = read(store, None).await;
    assert_eq!(all.iter().filter(|it| **it == first).count(), 1);
    assert!(!all.contains(&second));
}

async fn event_is_used_if_one_name_is(store: &dyn Store) {
    let (event, refused) = (event(), record());
    assert!(store.append(record(), &event[1..], MINUTE).await.unwrap());
    assert!(!store.append(refused, &event, MINUTE).await.unwrap());
    // It took no name.
    assert!(store.append(record(), &event[..1], MINUTE).await.unwrap());
}

async fn of_simultaneous_events_one_is_appended(store: &dyn Store) {
    for _ in 0..20 {
        let event = event();
        let appends = (0..10).map(|_| store.append(record(), &event, MINUTE));
        let appended = join_all(appends).await;
        let appended = appended.into_iter().filter(|it| *it.as_ref().unwrap());
        assert_eq!(appended.count(), 1);
    }
}

async fn every_listener_hears_each_record(store: &dyn Store) {
    heard(store, async |mut first| {
        heard(store, async |mut second| {
            let records: Vec<Bytes> = (0..10).map(|_| record()).collect();
            for record in &records {
                store.append(record.clone(), &[], MINUTE).await.unwrap();
            }
            for heard in [&mut first, &mut second] {
                // The first listener also hears how the second one began.
                while heard.recv().await.as_ref() != records.first() {}
                for next in &records[1..] {
                    assert_eq!(heard.recv().await.as_ref(), Some(next));
                }
            }
        })
        .await;
    })
    .await;
}

async fn long_log_is_read_to_its_end(store: &dyn Store) {
    let records: Vec<Bytes> = (0..2500).map(|_| record()).collect();
    for some in records.chunks(100) {
        let appends = some
            .iter()
            .map(|record| store.append(record.clone(), &[], MINUTE));
        join_all(appends).await;
    }
    let (all, position) = read(store, None).await;
    assert!(records.iter().all(|record| all.contains(record)));
    let last = record();
    store.append(last.clone(), &[], MINUTE).await.unwrap();
    let (new, _) = read(store, position.as_deref()).await;
    assert_eq!(new.last(), Some(&last));
}

/// Runs `during` while a listener hears. It starts when the listener hears for sure.
pub(crate) async fn heard(
    store: &dyn Store,
    during: impl AsyncFnOnce(mpsc::UnboundedReceiver<Bytes>),
) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let announce = |record| drop(sender.send(record));
    // A listener may end before it hears. As a fleet does, it starts again.
    let listen = async {
        loop {
            let _ = store.watch(&announce).await;
            tokio::task::yield_now().await;
        }
    };
    let run = async {
        // What was sent before the subscription is not heard, so it is sent until it is.
        let mut patience = Duration::from_millis(20);
        loop {
            let probe = record();
            store.append(probe.clone(), &[], MINUTE).await.unwrap();
            let hears = async { while receiver.recv().await.unwrap() != probe {} };
            if timeout(patience, hears).await.is_ok() {
                break;
            }
            patience *= 2;
        }
        during(receiver).await;
    };
    let (run, listen) = (pin!(run), pin!(listen));
    match soon("what a listener hears", select(run, listen)).await {
        Either::Left(((), _)) => {}
        Either::Right((never, _)) => never,
    }
}

pub(crate) async fn get(store: &dyn Store, name: &obo::fleet::StoreKey) -> Option<Bytes> {
    let values = store.get(std::slice::from_ref(name)).await.unwrap();
    values.into_iter().next().unwrap()
}

/// Reads the log to its end.
pub(crate) async fn read(store: &dyn Store, after: Option<&str>) -> (Vec<Bytes>, Option<String>) {
    let (mut records, mut position) = (Vec::new(), after.map(str::to_owned));
    loop {
        let page = store.read(position.as_deref()).await.unwrap();
        records.extend(page.records);
        position = page.position;
        if page.is_last {
            return (records, position);
        }
    }
}

/// A record that no other call returns.
pub(crate) fn record() -> Bytes {
    format!("record {}", number()).into()
}

/// Each value of this server ends by itself.
pub(crate) fn assert_all_expire(server: &RedisServer) {
    let keys = server.command(&["KEYS", "*"]);
    assert!(!keys.is_empty());
    for key in keys.lines() {
        let left: i64 = server.command(&["PTTL", key]).parse().unwrap();
        // -2: it has ended meanwhile.
        assert!(left > 0 || left == -2, "{key} does not expire");
    }
}
