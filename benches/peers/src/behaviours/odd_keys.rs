//! Key sets with one good key and one entry that this service cannot use.

use std::time::Duration;

use futures_util::future::join_all;
use obo_testkit::TestAlg;
use serde_json::{Value, json};

use super::measured::Row;
use super::world::{accepts_within, server, user};
use crate::peers::{self, Peer, Trust};

const PATIENCE: Duration = Duration::from_secs(2);

fn odd() -> Vec<(&'static str, Value)> {
    let point = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    vec![
        (
            "an ML-DSA key (RFC 9964)",
            json!({ "kty": "AKP", "kid": "odd", "alg": "ML-DSA-65", "use": "sig", "pub": point }),
        ),
        (
            "a key on another curve",
            json!({ "kty": "EC", "kid": "odd", "crv": "secp256k1", "x": point, "y": point }),
        ),
        (
            "a key without `kid`",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": point }),
        ),
        (
            "a numeric `kid`",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": point, "kid": 7 }),
        ),
        ("null", Value::Null),
    ]
}

pub(super) async fn rows(deviations: &mut [Vec<String>]) -> Vec<Row> {
    let without_kid = join_all(peers::all().map(without_kid)).await;
    let failed = join_all(peers::all().map(refused)).await;
    let count = odd().len();
    let cells = failed
        .iter()
        .map(|failed| format!("{} of {count}", count - failed.len()))
        .collect();
    for (of_peer, failed) in deviations.iter_mut().zip(failed) {
        if !failed.is_empty() {
            let odd = failed.join(", ");
            of_peer.push(format!(
                "valid tokens are refused while the key set has {odd}"
            ));
        }
    }
    vec![
        Row::new("key set with one unusual entry: valid tokens pass", cells)
            .short("key sets with one unusual entry that work"),
        Row::new("a token without `kid`, one key in the set", without_kid),
    ]
}

async fn without_kid(peer: Peer) -> String {
    let idp = server().await;
    let token = user(&idp).kid(None).mint();
    let app = (peer.protect)(Trust::new(&idp, TestAlg::Es256))
        .await
        .unwrap();
    match accepts_within(&app, PATIENCE, &token).await {
        Some(_) => "passes".to_owned(),
        None => "refused".to_owned(),
    }
}

async fn refused(peer: Peer) -> Vec<&'static str> {
    let mut refused = Vec::new();
    for (name, jwk) in odd() {
        let idp = server().await;
        idp.publish_extra_jwk(jwk);
        let token = user(&idp).mint();
        let app = (peer.protect)(Trust::new(&idp, TestAlg::Es256)).await;
        let passes = match app {
            Ok(app) => accepts_within(&app, PATIENCE, &token).await.is_some(),
            Err(_) => false,
        };
        if !passes {
            refused.push(name);
        }
    }
    refused
}
