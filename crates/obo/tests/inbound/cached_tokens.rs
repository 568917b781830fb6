//! The cache of verified tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use obo::authorization_server::KeyRefresh;
use obo::error::TokenError;
use obo::time::{Clock, TestClock, UnixTime};
use obo::{Rejection, ResourceServer, Trust};
use serde::{Deserialize, Deserializer};
use tokio::time::advance;

use crate::guarded::{builder_a, service_a};
use crate::issuer::{FakeIssuer, JWKS, Reply};

thread_local! {
    static READ: Arc<AtomicUsize> = Arc::default();
}

/// Claims that count how often they are deserialized.
struct Counted;

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.with(|read| read.fetch_add(1, Ordering::SeqCst));
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// How often claims were deserialized since the last call.
fn reads() -> usize {
    READ.with(|read| read.swap(0, Ordering::SeqCst))
}

fn trust(idp: &FakeIssuer) -> Trust {
    Trust::new(idp.known()).claims::<Counted>()
}

async fn running() -> (FakeIssuer, ResourceServer, String) {
    let idp = FakeIssuer::new().await;
    let server = service_a(trust(&idp));
    let token = idp.token().mint();
    server.validate(&token).await.unwrap();
    assert_eq!(reads(), 1);
    (idp, server, token)
}

/// Some seconds with traffic, in which a background fetch can complete.
async fn pass(server: &ResourceServer, token: &str, seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        let _ = server.validate(token).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn same_bytes_are_read_once() {
    let (idp, server, token) = running().await;
    let first = server.validate(&token).await.unwrap();
    let clone = server.clone().validate(&token).await.unwrap();
    assert_eq!((first.subject(), clone.subject()), ("alice", "alice"));
    assert_eq!(reads(), 0);
    server.validate(&idp.token().mint()).await.unwrap();
    assert_eq!(reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn cache_can_be_turned_off() {
    let idp = FakeIssuer::new().await;
    let server = builder_a(trust(&idp)).token_cache_bytes(0);
    let (server, token) = (server.build().unwrap(), idp.token().mint());
    for _ in 0..2 {
        server.validate(&token).await.unwrap();
    }
    assert_eq!(reads(), 2);
    assert_eq!(idp.fetches(), 1);
}

/// JW-09
#[tokio::test(start_paused = true)]
async fn altered_token_misses_the_cache() {
    let (_, server, token) = running().await;
    for at in [0, token.len() / 2, token.len() - 1] {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        server.validate(&other).await.unwrap_err();
    }
    for other in [
        format!("{token}="),
        format!("{token} "),
        token[1..].to_owned(),
    ] {
        server.validate(&other).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn servers_share_no_cached_token() {
    let (idp, _, token) = running().await;
    let elsewhere = ResourceServer::builder("service-z").trust(idp.known());
    let elsewhere = elsewhere.build().unwrap();
    let refused = elsewhere.validate(&token).await.unwrap_err();
    assert!(matches!(
        refused,
        Rejection::Token(TokenError::Audience { .. })
    ));

    let other = FakeIssuer::named("https://other.example").await;
    let both = builder_a(trust(&idp)).trust(other.known());
    both.build().unwrap().validate(&token).await.unwrap();
    assert_eq!(reads(), 1);
}

/// AT-06
#[tokio::test(start_paused = true)]
async fn cached_token_expires() {
    let idp = FakeIssuer::new().await;
    let clock = TestClock::new(Clock::system().now());
    // The keys stay fresh longer than the token is valid.
    let refresh = KeyRefresh::new().max_age(Duration::from_secs(600));
    let server = builder_a(trust(&idp).key_refresh(refresh)).clock(clock.clone());
    let server = server.build().unwrap();
    let token = idp.token().mint();
    let caller = server.validate(&token).await.unwrap();
    let leeway = Duration::from_secs(60);
    clock.set(
        caller
            .expires_at()
            .saturating_add(leeway - Duration::from_secs(1)),
    );
    server.validate(&token).await.unwrap();
    assert_eq!(reads(), 1);
    clock.advance(Duration::from_secs(1));
    let refused = server.validate(&token).await.unwrap_err();
    let expired = TokenError::Expired {
        ago: leeway,
        leeway,
    };
    assert_eq!(refused, expired.into());
}

/// JW-27
#[tokio::test(start_paused = true)]
async fn cached_token_reaches_max_age() {
    let idp = FakeIssuer::new().await;
    let clock = TestClock::new(Clock::system().now());
    let trust = trust(&idp).max_token_age(Duration::from_secs(120));
    let server = builder_a(trust).clock(clock.clone()).build().unwrap();
    let token = idp.token().mint();
    let caller = server.validate(&token).await.unwrap();
    let end = caller.issued_at().unwrap();
    let end = end.saturating_add(Duration::from_secs(120 + 60));
    assert!(end < caller.expires_at());
    clock.set(UnixTime::from_secs(end.as_secs() - 1));
    server.validate(&token).await.unwrap();
    assert_eq!(reads(), 1);
    clock.set(end);
    let refused = server.validate(&token).await.unwrap_err();
    let too_old = TokenError::TooOld {
        age: Duration::from_secs(180),
        limit: Duration::from_secs(120),
        leeway: Duration::from_secs(60),
    };
    assert_eq!(refused, too_old.into());
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn new_key_set_causes_revalidation() {
    let (idp, server, token) = running().await;
    pass(&server, &token, 151).await;
    assert_eq!(idp.fetches(), 2);
    assert_eq!(reads(), 0, "the same document again");

    idp.rotate("k2");
    pass(&server, &token, 151).await;
    assert_eq!((idp.fetches(), reads()), (3, 1), "another document");

    idp.withdraw("k1");
    pass(&server, &token, 151).await;
    let refused = server.validate(&token).await.unwrap_err();
    assert_eq!(refused, TokenError::UnknownKey.into());
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn cached_token_ends_with_its_keys() {
    let (idp, server, token) = running().await;
    idp.reply(JWKS, Reply::Reset);
    for _ in 0..24 {
        server.validate(&token).await.unwrap();
        advance(Duration::from_secs(3600)).await;
    }
    let refused = server.validate(&token).await.unwrap_err();
    assert!(
        matches!(refused, Rejection::Unavailable { .. }),
        "{refused}"
    );
}
