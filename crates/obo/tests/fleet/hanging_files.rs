//! Files of the key ring on a file system that hangs.

use std::io::Write as _;
use std::process::Command;
use std::{env, fs, process};

use obo::Secret;
use obo::fleet::{Fleet, KeyRing, RingFiles, RingKey};

use crate::replicas::{Replicas, SECOND, settle};

#[tokio::test]
async fn hanging_key_file_delays_no_logout() {
    let folder = env::temp_dir().join(format!("obo-pipe-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("k1");
    let key = "A".repeat(43);
    fs::write(&path, &key).unwrap();
    let replicas = Replicas::start().await;
    replicas.store.lose_announcements();
    let ring = RingKey::parse("k1", &Secret::new(key.clone())).unwrap();
    let ring = KeyRing::new([ring]).unwrap();
    let files = RingFiles::new([("k1", path.clone())]);
    let one = replicas.with(Fleet::builder().store(replicas.store.clone(), files));
    let other = replicas.with(Fleet::builder().store(replicas.store.clone(), ring));
    fs::remove_file(&path).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );

    let token = replicas.older("alice", 5, "s1");
    one.caller(&token).await;
    settle().await;
    tokio::time::pause();
    other.log_out(&replicas.issuer(), "alice").await;
    for _ in 0..4 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
    let refused = one.refused(&token).await;

    // The reading ends, and the next one finds a file.
    let mut pipe = fs::File::options().write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &key).unwrap();
    pipe.write_all(key.as_bytes()).unwrap();
    drop(pipe);
    assert!(refused.is_some());
    fs::remove_dir_all(folder).unwrap();
}
