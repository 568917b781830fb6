//! What an application does when its claims are dropped never meets a lock that is held.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;

use obo::{Issuer, ResourceServer, Trust};
use serde::Deserialize;
use tokio::time::Duration;

use crate::asked::{INTROSPECT, active, code, service_a};
use crate::guarded;
use crate::issuer::{FakeIssuer, Reply};

static SERVER: OnceLock<ResourceServer> = OnceLock::new();
static DROPPED: AtomicUsize = AtomicUsize::new(0);
static STUCK: AtomicUsize = AtomicUsize::new(0);

/// Claims that use the server when they are dropped.
#[derive(Deserialize)]
struct Claims {}

impl Drop for Claims {
    fn drop(&mut self) {
        let Some(server) = SERVER.get() else { return };
        if STUCK.load(Ordering::SeqCst) > 0 {
            return;
        }
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            // It takes every lock, each of which would be held by who waits here.
            server.forget(&Issuer::new("https://idp.example").unwrap(), "nobody");
            done.send(()).unwrap();
        });
        DROPPED.fetch_add(1, Ordering::SeqCst);
        if is_done.recv_timeout(Duration::from_secs(2)).is_err() {
            STUCK.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn dropped() -> usize {
    assert_eq!(STUCK.load(Ordering::SeqCst), 0);
    DROPPED.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_no_more_is_dropped_without_a_lock() {
    let idp = FakeIssuer::new().await;
    let mut said = active(&idp);
    idp.reply(INTROSPECT, Reply::Body(said.to_string()));
    let asked = service_a().endpoint("https://idp.example/introspect");
    let trust = Trust::new(idp.known()).claims::<Claims>();
    let server = guarded::service_a(trust.introspect(asked));
    assert!(SERVER.set(server.clone()).is_ok());

    // Two flights of one token, since somebody was forgotten between them: the second to end replaces what is there.
    idp.reply(INTROSPECT, Reply::Held(said.to_string()));
    let first = tokio::spawn({
        let server = server.clone();
        async move { code(&server, "replaced").await }
    });
    idp.arrived(1).await;
    server.forget(&idp.id(), "bob");
    idp.reply(INTROSPECT, Reply::Body(said.to_string()));
    assert_eq!(code(&server, "replaced").await, "ok");
    let before = dropped();
    idp.release();
    assert_eq!(first.await.unwrap(), "ok");
    assert!(dropped() > before, "the one that was replaced");

    let before = dropped();
    server.forget(&idp.id(), "alice");
    assert!(dropped() > before, "the one that was forgotten");

    // One large answer puts out many small ones at once.
    for token in 0..300 {
        assert_eq!(code(&server, &format!("small-{token}")).await, "ok");
    }
    said["filler"] = "x".repeat(250 * 1024).into();
    idp.reply(INTROSPECT, Reply::Body(said.to_string()));
    let before = dropped();
    for token in 0..400 {
        assert_eq!(code(&server, &format!("large-{token}")).await, "ok");
    }
    assert!(dropped() > before, "those there was no room for");
}
