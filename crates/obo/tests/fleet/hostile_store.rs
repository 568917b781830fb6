use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use obo::fleet::{Fleet, Store, StoreKey};

use crate::replicas::{Replicas, ring, settle};

const HOUR: Duration = Duration::from_secs(3600);

/// The name of the token that was written last.
async fn names(replicas: &Replicas, users: [&str; 2]) -> [(StoreKey, Bytes); 2] {
    let mut found = Vec::new();
    for user in users {
        let one = replicas.one();
        let caller = one.caller(&replicas.older(user, 9, "s")).await;
        let request = obo::token::ExchangeRequest::new(
            &caller,
            obo::destination::Target::try_from("service-b").unwrap(),
        );
        one.token(&caller).await.unwrap();
        let names = ring(&["k1"]).exchange_names(&obo_core::fleet::SharedExchange {
            server: &replicas.issuer(),
            client_id: "service-a",
            dialect: &obo::dialect::Dialect::identity(&obo::dialect::Rfc8693::new()),
            request: &request,
            actor: "",
            bound_to: None,
            is_introspected: false,
        });
        let name = names.token[0].clone();
        let tokens = replicas.store.tokens();
        let (written, value) = tokens.last().unwrap();
        assert_eq!(written, name.as_str());
        found.push((name, value.clone()));
    }
    found.try_into().unwrap()
}

#[tokio::test]
async fn changed_values_are_misses() {
    let replicas = Replicas::start().await;
    let [(of_alice, value), (_, of_bob)] = names(&replicas, ["alice", "bob"]).await;
    let requests = replicas.idp.token_requests();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut bytes = value.to_vec();
        change(&mut bytes);
        Bytes::from(bytes)
    };
    let hostile = [
        // The entry of bob under the name of alice.
        of_bob,
        Bytes::new(),
        Bytes::from_static(b"\x01"),
        Bytes::from_static(b"not a value"),
        changed(|bytes| bytes.truncate(bytes.len() - 1)),
        changed(|bytes| bytes.truncate(20)),
        changed(|bytes| bytes.push(0)),
        changed(|bytes| *bytes.last_mut().unwrap() ^= 1),
        changed(|bytes| bytes[10] ^= 1),
        // Another version, another key.
        changed(|bytes| bytes[0] = 2),
        changed(|bytes| bytes[3] = b'9'),
        changed(|bytes| bytes[1] = 255),
    ];
    let token = replicas.older("alice", 9, "s");
    for (i, value) in hostile.into_iter().enumerate() {
        replicas
            .store
            .put(&of_alice, value.clone(), HOUR)
            .await
            .unwrap();
        let one = replicas.one();
        let alice = one.caller(&token).await;
        let exchanged = one.token(&alice).await.unwrap();
        assert_eq!(subject(&exchanged), "alice", "{i}");
        // The next exchange has overwritten it.
        let again = replicas.one();
        assert_eq!(again.token(&alice).await.unwrap(), exchanged);
    }
    assert!(replicas.idp.token_requests() > requests);
}

/// The subject of a token for ServiceB.
fn subject(exchanged: &str) -> String {
    let payload = exchanged.split('.').nth(1).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn forged_marks_are_ignored() {
    let replicas = Replicas::start().await;
    let one = replicas.one();
    let token = replicas.older("alice", 5, "s1");
    one.caller(&token).await;
    settle().await;
    // A replica with another key, and records of no form.
    let stranger = replicas.with(Fleet::builder().store(replicas.store.clone(), ring(&["kx"])));
    stranger.log_out(&replicas.issuer(), "alice").await;
    let log = replicas.store.written().into_iter();
    let record = log
        .filter(|(name, _)| *name == StoreKey::log().as_str())
        .last()
        .unwrap()
        .1;
    let mut renamed = record.to_vec();
    // The same length of the id, another id.
    let place = renamed.windows(2).position(|pair| pair == b"kx").unwrap();
    renamed[place + 1] = b'1';
    for forged in [
        Bytes::from(renamed),
        Bytes::from_static(b"\x00\x05abc"),
        Bytes::new(),
    ] {
        assert!(replicas.store.append(forged, &[], HOUR).await.unwrap());
    }
    settle().await;
    assert_eq!(one.refused(&token).await, None);
    one.log_out(&replicas.issuer(), "alice").await;
    assert!(one.refused(&token).await.is_some());
}
