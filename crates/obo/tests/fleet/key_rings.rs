use obo::Secret;
use obo::fleet::{Fleet, KeyRing, RingFiles, RingKey};

use crate::replicas::{Replicas, SECOND, ring, settle};

#[tokio::test]
async fn replicas_meet_under_a_common_key() {
    let replicas = Replicas::start().await;
    let with =
        |ids: &[&str]| replicas.with(Fleet::builder().store(replicas.store.clone(), ring(ids)));
    let (old, new) = (with(&["k1"]), with(&["k2", "k1"]));
    let token = replicas.older("alice", 5, "s1");
    let alice = old.caller(&token).await;
    let exchanged = old.token(&alice).await.unwrap();
    assert_eq!(new.token(&alice).await.unwrap(), exchanged);
    // The identifier is taken under both keys, in one order for all rings.
    let minute = std::time::Duration::from_secs(60);
    assert!(new.fleet.take_once("idp", "1", minute).await.unwrap());
    assert!(!old.fleet.take_once("idp", "1", minute).await.unwrap());
    assert!(
        !with(&["k1", "k2"])
            .fleet
            .take_once("idp", "1", minute)
            .await
            .unwrap()
    );

    new.log_out(&replicas.issuer(), "alice").await;
    assert!(old.refused(&token).await.is_some());
    old.log_out(&replicas.issuer(), "bob").await;
    assert!(new.refused(&replicas.older("bob", 5, "s2")).await.is_some());
}

#[tokio::test]
async fn removed_key_counts_as_miss() {
    let replicas = Replicas::start().await;
    let with =
        |ids: &[&str]| replicas.with(Fleet::builder().store(replicas.store.clone(), ring(ids)));
    let (old, new) = (with(&["k1"]), with(&["k2"]));
    let alice = old.caller(&replicas.token("alice")).await;
    let exchanged = old.token(&alice).await.unwrap();
    assert_ne!(new.token(&alice).await.unwrap(), exchanged);
    assert_eq!(replicas.idp.token_requests(), 2);
}

#[test]
fn wrong_keys_are_named() {
    let text = Secret::new("A".repeat(43));
    for (id, text, expected) in [
        ("", &text, "id: is not an id of 1 to 64"),
        ("k 1", &text, "id: is not an id of 1 to 64"),
        (
            "k1",
            &Secret::new("short"),
            "43 characters), but 5 characters",
        ),
        ("k1", &Secret::new("A".repeat(44)), "but 44 characters"),
        (
            "k1",
            &Secret::new(format!("{}=", "A".repeat(42))),
            "without padding",
        ),
        (
            "k1",
            &Secret::new("A".repeat(43) + "\n\n"),
            "but 44 characters",
        ),
    ] {
        let error = RingKey::parse(id, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    RingKey::parse("k1", &Secret::new("A".repeat(43) + "\n")).unwrap();
    let key = |id| RingKey::parse(id, &text).unwrap();
    for (keys, expected) in [
        (vec![], "has 0 keys"),
        (
            vec![key("a"), key("b")],
            "\"a\" and \"b\" have the same secret",
        ),
        (vec![key("a"), key("a")], "two keys with the id \"a\""),
    ] {
        let error = KeyRing::new(keys).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn files_are_read_again() {
    let folder = std::env::temp_dir().join(format!("obo-ring-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("k1");
    std::fs::write(&path, "A".repeat(43)).unwrap();
    let replicas = Replicas::start().await;
    let files = || RingFiles::new([("k1", path.clone())]);
    let of_files = || replicas.with(Fleet::builder().store(replicas.store.clone(), files()));
    let one = of_files();
    let alice = one.caller(&replicas.token("alice")).await;
    let exchanged = one.token(&alice).await.unwrap();

    // An unusable file changes nothing, a new key makes the old values misses.
    std::fs::write(&path, "B".repeat(42) + "A").unwrap();
    let other = of_files();
    assert_ne!(other.token(&alice).await.unwrap(), exchanged);
    std::fs::write(&path, "not a key").unwrap();
    let error = Fleet::builder()
        .store(replicas.store.clone(), files())
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "key_ring");
    assert!(!error.to_string().contains("not a key"), "{error}");

    // The running replica keeps its key while the file is unusable, and then takes the new one.
    std::fs::write(&path, "B".repeat(42) + "A").unwrap();
    tokio::time::pause();
    let mut is_renewed = false;
    for i in 0..100 {
        tokio::time::advance(SECOND).await;
        settle().await;
        let caller = one.caller(&replicas.token(&format!("user-{i}"))).await;
        let token = other.token(&caller).await.unwrap();
        is_renewed = one.token(&caller).await.unwrap() == token;
        if is_renewed {
            break;
        }
    }
    assert!(is_renewed);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn renewed_key_opens_earlier_logouts() {
    let folder = std::env::temp_dir().join(format!("obo-renewed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("k1");
    let (old, new) = ("A".repeat(43), "B".repeat(42) + "A");
    std::fs::write(&path, old).unwrap();
    let replicas = Replicas::start().await;
    let files = RingFiles::new([("k1", path.clone())]);
    let key = RingKey::parse("k1", &Secret::new(new.clone())).unwrap();
    let ring = KeyRing::new([key]).unwrap();
    let one = replicas.with(Fleet::builder().store(replicas.store.clone(), files));
    let other = replicas.with(Fleet::builder().store(replicas.store.clone(), ring));
    let token = replicas.older("alice", 5, "s1");
    other.log_out(&replicas.issuer(), "alice").await;
    one.caller(&token).await;
    tokio::time::pause();
    // The clock waits for a reading of the files.
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(one.refused(&token).await, None);
    std::fs::write(&path, new).unwrap();
    tokio::time::sleep(5 * SECOND).await;
    assert!(one.refused(&token).await.is_some());
    std::fs::remove_dir_all(folder).unwrap();
}
