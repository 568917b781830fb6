//! Logouts in the store that no key opens, and logouts that the store has lost.

use std::time::Duration;

use bytes::Bytes;
use obo::Rejection;
use obo::fleet::{Fleet, FleetBuilder, Revoked, Store, StoreKey};

use crate::replicas::{Replica, Replicas, SECOND, now, ring, settle};

const HOUR: Duration = Duration::from_secs(3600);
const SILENCE: Duration = Duration::from_secs(30);

fn of(replicas: &Replicas, ids: &[&str]) -> FleetBuilder {
    Fleet::builder().store(replicas.store.clone(), ring(ids))
}

/// Lets so many seconds pass.
async fn pass(seconds: u32) {
    for _ in 0..seconds {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
}

fn logouts(replicas: &Replicas) -> usize {
    let written = replicas.store.written().into_iter();
    written
        .filter(|(name, _)| *name == StoreKey::log().as_str())
        .count()
}

#[tokio::test]
async fn unreadable_logouts_count_as_silence() {
    let replicas = Replicas::start().await;
    let strict = replicas.with(of(&replicas, &["k1"]).strict(SILENCE));
    let usual = replicas.with(of(&replicas, &["k1"]));
    let stranger = replicas.with(of(&replicas, &["k2"]));
    let token = replicas.older("bob", 5, "s1");
    strict.fleet.start().await.unwrap();
    for one in [&strict, &usual] {
        one.caller(&token).await;
    }
    settle().await;

    tokio::time::pause();
    stranger.log_out(&replicas.issuer(), "alice").await;
    pass(10).await;
    assert!(!strict.fleet.opens_logouts());
    assert_eq!(strict.refused(&token).await, None);
    pass(30).await;
    let refused = strict.refused(&token).await;
    assert_eq!(refused, Some(Rejection::RevocationUnknown));
    assert_eq!(usual.refused(&token).await, None);

    // One that it can open is the newest again.
    usual.log_out(&replicas.issuer(), "carol").await;
    pass(3).await;
    assert!(strict.fleet.opens_logouts());
    assert_eq!(strict.refused(&token).await, None);
}

#[tokio::test]
async fn strict_start_requires_readable_logouts() {
    let replicas = Replicas::start().await;
    let stranger = replicas.with(of(&replicas, &["k2"]));
    stranger.log_out(&replicas.issuer(), "alice").await;

    let strict = of(&replicas, &["k1"]).strict(SILENCE).build().unwrap();
    let error = strict.start().await.unwrap_err();
    assert!(error.is_of_setup());
    let expected = "the shared store has logouts that no key of this ring opens";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(!strict.is_ready());
    let usual = of(&replicas, &["k1"]).build().unwrap();
    usual.start().await.unwrap();
    assert!(!usual.opens_logouts() && !usual.is_ready());

    // With the key, all is well.
    let both = of(&replicas, &["k1", "k2"])
        .strict(SILENCE)
        .build()
        .unwrap();
    both.start().await.unwrap();
    assert!(both.opens_logouts() && both.is_ready());
}

#[tokio::test]
async fn records_of_no_form_count_too() {
    let replicas = Replicas::start().await;
    let record = Bytes::from_static(b"\x00\x05abc");
    assert!(replicas.store.append(record, &[], HOUR).await.unwrap());
    let strict = of(&replicas, &["k1"]).strict(SILENCE).build().unwrap();
    assert!(strict.start().await.unwrap_err().is_of_setup());
}

#[tokio::test]
async fn flushed_logouts_are_written_again() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    for replica in [&one, &other] {
        replica.fleet.start().await.unwrap();
    }
    tokio::time::pause();
    let users = ["alice", "bob", "carol"];
    for user in users {
        one.log_out(&replicas.issuer(), user).await;
    }
    pass(3).await;
    assert_eq!(logouts(&replicas), users.len());

    replicas.store.flush();
    pass(6).await;
    // A process that starts later knows them, and each was written by one of the two.
    let later = replicas.one();
    later.fleet.start().await.unwrap();
    for user in users {
        let token = replicas.older(user, 5, "s1");
        assert!(later.refused(&token).await.is_some(), "{user}");
    }
    assert_eq!(logouts(&replicas), 2 * users.len());
    let fresh: Replica = later;
    let dave = replicas.older("dave", 5, "s1");
    assert!(fresh.refused(&dave).await.is_none());
}

#[tokio::test]
async fn logout_lost_at_once_is_written_again() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    one.fleet.start().await.unwrap();
    settle().await;
    tokio::time::pause();
    // It is lost before this process has read it.
    one.log_out(&replicas.issuer(), "alice").await;
    replicas.store.flush();
    pass(4).await;
    let later = replicas.one();
    later.fleet.start().await.unwrap();
    let token = replicas.older("alice", 5, "s1");
    assert!(later.refused(&token).await.is_some());
}

#[tokio::test]
async fn kept_logouts_are_written_once() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    for replica in [&one, &other] {
        replica.fleet.start().await.unwrap();
    }
    tokio::time::pause();
    one.log_out(&replicas.issuer(), "alice").await;
    // An outage is no loss.
    replicas.store.fail(true);
    pass(20).await;
    replicas.store.fail(false);
    pass(20).await;
    assert_eq!(logouts(&replicas), 1);
}

#[tokio::test]
async fn many_owed_logouts_delay_no_other() {
    let replicas = Replicas::start().await;
    replicas.store.lose_announcements();
    let (one, other) = (replicas.one(), replicas.one());
    let token = replicas.older("alice", 5, "s1");
    for replica in [&one, &other] {
        replica.fleet.start().await.unwrap();
    }
    one.caller(&token).await;
    tokio::time::pause();
    replicas.store.fail(true);
    let (issuer, users) = (replicas.issuer(), 200);
    for user in 0..users {
        let user = Revoked::Subject(user.to_string());
        let revoked = one.fleet.revoke(&issuer, user, now()).await;
        revoked.unwrap_err();
    }
    replicas.store.fail(false);
    // All of them take eight seconds.
    replicas.store.slow(Duration::from_millis(40));
    tokio::time::sleep(2 * SECOND).await;
    other.log_out(&replicas.issuer(), "alice").await;
    tokio::time::sleep(3 * SECOND).await;
    assert!(one.refused(&token).await.is_some());
    assert!(logouts(&replicas) < users);
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!(logouts(&replicas), users + 1);
}
