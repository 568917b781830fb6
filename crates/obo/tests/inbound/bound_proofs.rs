//! The proofs of tokens that are bound to a key.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, Response, header};
use obo::binding::{BoundTokens, OriginalTarget};
use obo::time::UnixTime;
use obo_core::binding::dpop::NewProof;

use crate::bound_tokens::{ALGS, Bound, Sent, assert_refused, dpop, good, key, request};
use crate::guarded::challenges;

/// DP-10, DP-04, DP-05, DP-08, DP-09
#[tokio::test]
async fn good_proof_is_admitted() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    for (i, scheme) in ["DPoP", "dpop", "DPOP"].into_iter().enumerate() {
        let jti = format!("jti-{i}");
        let sent = Sent {
            scheme,
            path: "/orders?id=7",
            ..good(bound.proof(&token, &jti, |_| {}))
        };
        let response = guarded.send(request(&token, &sent)).await;
        assert_eq!(response.status(), 200, "{scheme}");
    }
    let caller = guarded.last().unwrap();
    assert_eq!(caller.binding().jkt.as_ref(), Some(bound.key.thumbprint()));
    // A plain token needs none.
    assert_eq!(guarded.status(&bound.plain()).await, 200);
}

/// DP-01, DP-03, DP-04, DP-05, DP-07, DP-08, DP-14
#[tokio::test]
async fn wrong_proof_is_refused() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let other = bound.plain();
    let one = |change: fn(&mut NewProof<'_>)| vec![bound.proof(&token, "jti", change)];
    let late = |now: UnixTime, by: u64| UnixTime::from_secs(now.as_secs() - by);
    let proof = bound.proof(&token, "jti", |_| {});
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("no proof", vec![]),
        (
            "two proofs",
            vec![proof.clone(), bound.proof(&token, "2", |_| {})],
        ),
        ("joined proofs", vec![format!("{proof},{proof}")]),
        ("no JWS", vec!["proof".to_owned()]),
        ("cut off", vec![proof[..proof.len() - 2].to_owned()]),
        ("another method", one(|proof| proof.method = "POST")),
        ("a method in lower case", one(|proof| proof.method = "get")),
        (
            "another path",
            one(|proof| proof.uri = "https://a.example/order"),
        ),
        (
            "another host",
            one(|proof| proof.uri = "https://b.example/orders"),
        ),
        (
            "another scheme",
            one(|proof| proof.uri = "http://a.example/orders"),
        ),
        ("no token", one(|proof| proof.token = None)),
        (
            "another token",
            vec![bound.proof(&token, "jti", |proof| proof.token = Some(&other))],
        ),
        (
            "too old",
            vec![bound.proof(&token, "jti", |proof| proof.now = late(proof.now, 61))],
        ),
        (
            "too early",
            vec![bound.proof(&token, "jti", |proof| {
                proof.now = proof.now.saturating_add(Duration::from_secs(61));
            })],
        ),
    ];
    for (what, proofs) in cases {
        let sent = Sent {
            proofs,
            ..good(String::new())
        };
        let response = guarded.send(request(&token, &sent)).await;
        assert_refused(&response, "invalid_dpop_proof", what);
    }
    assert_eq!(guarded.admitted(), 0);
    // Nothing of this was recorded as used (DP-13), and both ends of the window are in it.
    for (jti, by) in [("jti", 60), ("jti-2", 0)] {
        let proof = bound.proof(&token, jti, |proof| proof.now = late(proof.now, by));
        let response = guarded.send(request(&token, &good(proof))).await;
        assert_eq!(response.status(), 200);
    }
}

/// DP-12, DP-13
#[tokio::test]
async fn proof_is_used_once() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let sent = good(bound.proof(&token, "jti", |_| {}));
    let at_once = join_all((0..20).map(|_| guarded.send(request(&token, &sent)))).await;
    let admitted = at_once.iter().filter(|response| response.status() == 200);
    assert_eq!(admitted.count(), 1);
    let again = guarded.send(request(&token, &sent)).await;
    assert_refused(&again, "invalid_dpop_proof", "a replay");
    // The same `jti` of another key is another proof.
    let other = Bound {
        idp: bound.idp.clone(),
        key: key(),
        wall: bound.wall.clone(),
    };
    let (token, proof) = (other.bound(), |token: &str| {
        other.proof(token, "jti", |_| {})
    });
    let response = guarded.send(request(&token, &good(proof(&token)))).await;
    assert_eq!(response.status(), 200);
}

/// DP-16, DP-14
#[tokio::test]
async fn demanded_nonce_is_repeated() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop().demand_nonce()), bound.bound());
    let send = async |nonce: Option<&String>, jti: &'static str| {
        let nonce = nonce.cloned();
        let nonce = nonce.as_deref();
        let proof = bound.proof(&token, jti, |proof| proof.nonce = nonce);
        guarded.send(request(&token, &good(proof))).await
    };
    let nonce = |response: &Response<String>| {
        assert_refused(response, "use_dpop_nonce", "a nonce is demanded");
        response.headers()["dpop-nonce"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let first = nonce(&send(None, "1").await);
    assert_eq!(send(Some(&first), "1").await.status(), 200);
    assert_eq!(send(Some(&first), "2").await.status(), 200);
    // Good for the next period too, then no more.
    bound.wall.advance(Duration::from_secs(60));
    assert_eq!(send(Some(&first), "3").await.status(), 200);
    bound.wall.advance(Duration::from_secs(60));
    let next = nonce(&send(Some(&first), "4").await);
    assert_ne!(next, first);
    nonce(&send(Some(&"a-nonce-of-another-service".to_owned()), "5").await);
    assert_eq!(send(Some(&next), "6").await.status(), 200);
}

/// DP-06
#[tokio::test]
async fn original_target_counts() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(BoundTokens::new().dpop("https://A.example:443/api/"));
    let token = bound.bound();
    let uri = "https://a.example/api/v1/orders";
    let proof = bound.proof(&token, "jti", |proof| proof.uri = uri);
    let mut nested = request(&token, &good(proof));
    nested
        .headers_mut()
        .insert("x-forwarded-host", "evil.example".parse().unwrap());
    nested
        .headers_mut()
        .insert(header::HOST, "evil.example".parse().unwrap());
    let target = OriginalTarget("/v1/orders?id=1".parse().unwrap());
    nested.extensions_mut().insert(target);
    assert_eq!(guarded.send(nested).await.status(), 200);
    let proof = bound.proof(&token, "jti-2", |proof| proof.uri = uri);
    let response = guarded.send(request(&token, &good(proof))).await;
    assert_refused(&response, "invalid_dpop_proof", "the path of the router");
}

/// GR-01, DP-14
#[tokio::test]
async fn grpc_refusal_has_the_challenge() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let post = |proof: String| {
        let sent = Sent {
            method: Method::POST,
            ..good(proof)
        };
        let mut request = request(&token, &sent);
        let kind = "application/grpc".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        request
    };
    let proof = bound.proof(&token, "jti", |proof| proof.method = "POST");
    assert_eq!(
        guarded.send(post(proof)).await.headers().get("grpc-status"),
        None
    );
    let response = guarded
        .send(post(bound.proof(&token, "jti-2", |_| {})))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    let expected = format!("DPoP error=\"invalid_dpop_proof\", {ALGS}");
    assert_eq!(challenges(&response), [expected]);
}
