use std::time::Duration;

use futures_util::FutureExt as _;
use http::Request;
use obo::Rejection;
use obo::error::{ExchangeErrorKind, TokenError};
use obo::fleet::Revoked;
use obo::logout::BackchannelLogout;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::replicas::{Replica, Replicas, SECOND, now, settle};

const REVOKED: Option<Rejection> = Some(Rejection::Token(TokenError::Revoked));

async fn is_refused_everywhere(replica: &Replica, token: &str, caller: &obo::Caller) {
    assert_eq!(replica.refused(token).await, REVOKED);
    let error = replica.token(caller).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::SubjectInvalid);
    assert!(error.to_string().contains("revoked"), "{error}");
}

#[tokio::test]
async fn logout_reaches_other_replica() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let (token, bobs) = (replicas.older("alice", 5, "s1"), replicas.token("bob"));
    let alice = other.caller(&token).await;
    // Both tokens are cached, the verified and the exchanged one.
    other.token(&alice).await.unwrap();
    one.log_out(&replicas.issuer(), "alice").await;
    is_refused_everywhere(&one, &token, &alice).await;
    is_refused_everywhere(&other, &token, &alice).await;
    assert_eq!(other.refused(&bobs).await, None);

    // A replica that starts later knows it too.
    let later = replicas.one();
    later.fleet.start().await.unwrap();
    is_refused_everywhere(&later, &token, &alice).await;
}

#[tokio::test]
async fn logout_ends_streams() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let alice = other.caller(&replicas.older("alice", 5, "s1")).await;
    let bob = other.caller(&replicas.token("bob")).await;
    let (of_alice, of_bob) = (other.server.refused(&alice), other.server.refused(&bob));
    let of_alice = tokio::spawn(of_alice);
    let of_bob = tokio::spawn(of_bob);
    settle().await;
    one.log_out(&replicas.issuer(), "alice").await;
    let rejection = timeout(Duration::from_secs(1), of_alice).await.unwrap();
    assert_eq!(Some(rejection.unwrap()), REVOKED);
    assert!(!of_bob.is_finished());
}

#[tokio::test]
async fn session_ends_alone() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let [first, second] = ["s1", "s2"].map(|session| replicas.older("alice", 5, session));
    let session = Revoked::Session("s1".to_owned());
    one.fleet
        .revoke(&replicas.issuer(), session, now())
        .await
        .unwrap();
    settle().await;
    assert_eq!(other.refused(&first).await, REVOKED);
    assert_eq!(other.refused(&second).await, None);
    // The session of another user with the same name of a user, or at another issuer, stays.
    let user = Revoked::Session("alice".to_owned());
    let issuer = obo::Issuer::new("https://other.example").unwrap();
    one.fleet
        .revoke(&replicas.issuer(), user, now())
        .await
        .unwrap();
    let elsewhere = Revoked::Session("s2".to_owned());
    one.fleet.revoke(&issuer, elsewhere, now()).await.unwrap();
    settle().await;
    assert_eq!(other.refused(&second).await, None);
}

#[tokio::test]
async fn later_sign_in_passes() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let issued = now().as_secs() - 10;
    let until = obo::time::UnixTime::from_secs(issued);
    let user = Revoked::Subject("alice".to_owned());
    one.fleet
        .revoke(&replicas.issuer(), user.clone(), until)
        .await
        .unwrap();
    // An earlier logout that arrives later changes nothing.
    let earlier = obo::time::UnixTime::from_secs(issued - 100);
    one.fleet
        .revoke(&replicas.issuer(), user, earlier)
        .await
        .unwrap();
    settle().await;
    // `iat` of the very second is revoked, without leeway.
    for (seconds, expected) in [(11, REVOKED), (10, REVOKED), (9, None), (0, None)] {
        let token = replicas.older("alice", seconds, "s1");
        assert_eq!(other.refused(&token).await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn undated_token_is_revoked() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    let token = replicas
        .idp
        .user("alice")
        .audience("service-a")
        .without("iat")
        .mint();
    let dated = replicas
        .idp
        .user("alice")
        .audience("service-a")
        .without("iat");
    let dated = dated.claim("auth_time", now().as_secs() + 1).mint();
    one.log_out(&replicas.issuer(), "alice").await;
    assert_eq!(one.refused(&token).await, REVOKED);
    assert_eq!(one.refused(&dated).await, None);
}

#[tokio::test]
async fn lost_announcement_costs_seconds() {
    let replicas = Replicas::start().await;
    replicas.store.lose_announcements();
    let (one, other) = (replicas.one(), replicas.one());
    let token = replicas.older("alice", 5, "s1");
    other.caller(&token).await;
    settle().await;
    one.log_out(&replicas.issuer(), "alice").await;
    assert_eq!(other.refused(&token).await, None);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3)).await;
    settle().await;
    assert_eq!(other.refused(&token).await, REVOKED);
}

#[tokio::test]
async fn identifier_is_taken_once() {
    let replicas = Replicas::start().await;
    let (one, other) = (replicas.one(), replicas.one());
    let minute = Duration::from_secs(60);
    let take = |replica: &Replica, scope: &'static str| {
        let fleet = replica.fleet.clone();
        async move { fleet.take_once(scope, "jti-1", minute).await.unwrap() }
    };
    let (first, second) = tokio::join!(take(&one, "idp"), take(&other, "idp"));
    assert!(first != second);
    assert!(!take(&one, "idp").await);
    assert!(take(&one, "another").await);
}

/// Two replicas, and a token of alice that both have admitted.
async fn two(replicas: &Replicas) -> ([Replica; 2], String) {
    let token = replicas.older("alice", 5, "s1");
    let both = [replicas.one(), replicas.one()];
    for replica in &both {
        replica.caller(&token).await;
    }
    settle().await;
    (both, token)
}

/// Lets the store respond again, and the log be read.
async fn return_of(replicas: &Replicas) {
    replicas.store.hang(false);
    for _ in 0..6 {
        tokio::time::advance(SECOND).await;
        settle().await;
    }
}

#[tokio::test]
async fn dropped_revocation_takes_effect() {
    let replicas = Replicas::start().await;
    let ([one, other], token) = two(&replicas).await;
    replicas.store.hang(true);
    tokio::time::pause();
    let issuer = replicas.issuer();
    let alice = Revoked::Subject("alice".to_owned());
    let revoked = one.fleet.revoke(&issuer, alice, now());
    let mut revoked = Box::pin(revoked);
    assert!((&mut revoked).now_or_never().is_none());
    assert_eq!(one.refused(&token).await, REVOKED);
    drop(revoked);
    return_of(&replicas).await;
    assert_eq!(other.refused(&token).await, REVOKED);
}

#[tokio::test]
async fn closed_connection_loses_no_logout() {
    let replicas = Replicas::start().await;
    let ([one, other], token) = two(&replicas).await;
    let logout = BackchannelLogout::new(&one.server, &one.fleet, "client-a").unwrap();
    let logout_token = replicas.idp.logout_token("alice", "client-a").mint();
    let send = || {
        let form = "application/x-www-form-urlencoded";
        let request = Request::post("/").header("content-type", form);
        let request = request.body(format!("logout_token={logout_token}"));
        logout.clone().oneshot(request.unwrap())
    };
    replicas.store.hang(true);
    tokio::time::pause();
    let mut sent = Box::pin(send());
    assert!((&mut sent).now_or_never().is_none());
    drop(sent);
    assert_eq!(one.refused(&token).await, REVOKED);
    return_of(&replicas).await;
    assert_eq!(other.refused(&token).await, REVOKED);
    // The event was not used.
    assert_eq!(send().await.unwrap().status(), 200);
    assert_eq!(send().await.unwrap().status(), 400);
}
