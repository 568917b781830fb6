//! The `Drop` of an application's claims never runs under a lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;

use obo::{Issuer, ResourceServer, Trust};
use serde::Deserialize;
use tokio::time::Duration;

use crate::guarded;
use crate::introspecting::{INTROSPECT, active, code, service_a};
use crate::issuer::{FakeIssuer, Reply};

static SERVER: OnceLock<ResourceServer> = OnceLock::new();
static DROPPED: AtomicUsize = AtomicUsize::new(0);
static STUCK: AtomicUsize = AtomicUsize::new(0);

/// Claims whose `Drop` uses the server.
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
            // This takes every lock, so it would deadlock under one.
            server.forget(&Issuer::new("https://idp.example").unwrap(), "other");
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
async fn evicted_entry_drops_outside_lock() {
    let idp = FakeIssuer::new().await;
    let mut response = active(&idp);
    idp.reply(INTROSPECT, Reply::Body(response.to_string()));
    let settings = service_a().endpoint("https://idp.example/introspect");
    let trust = Trust::new(idp.known()).claims::<Claims>();
    let server = guarded::service_a(trust.introspect(settings));
    assert!(SERVER.set(server.clone()).is_ok());

    // Two flights of one token, because a user was forgotten between them. The later one replaces
    // the entry.
    idp.reply(INTROSPECT, Reply::Held(response.to_string()));
    let first = tokio::spawn({
        let server = server.clone();
        async move { code(&server, "replaced").await }
    });
    idp.arrived(1).await;
    server.forget(&idp.id(), "bob");
    idp.reply(INTROSPECT, Reply::Body(response.to_string()));
    assert_eq!(code(&server, "replaced").await, "ok");
    let before = dropped();
    idp.release();
    assert_eq!(first.await.unwrap(), "ok");
    assert!(dropped() > before, "the one that was replaced");

    let before = dropped();
    server.forget(&idp.id(), "alice");
    assert!(dropped() > before, "the one that was forgotten");

    // One large response evicts many small ones.
    for token in 0..300 {
        assert_eq!(code(&server, &format!("small-{token}")).await, "ok");
    }
    response["filler"] = "x".repeat(250 * 1024).into();
    idp.reply(INTROSPECT, Reply::Body(response.to_string()));
    let before = dropped();
    for token in 0..400 {
        assert_eq!(code(&server, &format!("large-{token}")).await, "ok");
    }
    assert!(dropped() > before, "those there was no room for");
}
