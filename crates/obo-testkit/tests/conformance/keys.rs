//! The published key set: content, rotation, withdrawal.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::{Value, json};

use crate::wire::{exchange, get, header_of, server};

async fn published(idp: &TestIdp) -> Vec<Value> {
    get(&idp.jwks_uri()).await.json()["keys"]
        .as_array()
        .unwrap()
        .clone()
}

async fn kids(idp: &TestIdp) -> Vec<String> {
    published(idp)
        .await
        .iter()
        .map(|jwk| jwk["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// Verifies the token with `jsonwebtoken`, as a service would.
async fn verifies(idp: &TestIdp, token: &str) -> bool {
    let set: JwkSet = serde_json::from_value(json!({ "keys": published(idp).await })).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let Some(jwk) = set.find(header.kid.as_deref().unwrap()) else {
        return false;
    };
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["service-a"]);
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
}

/// JW-39
#[tokio::test]
async fn every_key_is_named_and_public() {
    let idp = server().await;
    let keys = published(&idp).await;
    let types: Vec<_> = keys
        .iter()
        .map(|jwk| (jwk["kty"].as_str().unwrap(), jwk["alg"].as_str().unwrap()))
        .collect();
    assert_eq!(types, [("RSA", "RS256"), ("EC", "ES256"), ("OKP", "EdDSA")]);
    for jwk in &keys {
        assert!(jwk["kid"].is_string() && jwk["use"] == "sig", "{jwk}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(jwk.get(private), None);
        }
    }
    assert_eq!(
        get(&idp.jwks_uri()).await.header("content-type"),
        "application/json"
    );
}

/// AT-07
#[tokio::test]
async fn every_algorithm_verifies() {
    let idp = server().await;
    for alg in TestAlg::ALL {
        let token = idp.user("alice").audience("service-a").alg(alg).mint();
        assert_eq!(header_of(&token)["alg"], alg.as_str());
        assert!(verifies(&idp, &token).await, "{alg:?}");
        let forged = idp
            .user("alice")
            .audience("service-a")
            .sign_with(&TestKey::generate(alg))
            .mint();
        assert!(!verifies(&idp, &forged).await, "{alg:?}");
    }
    let default = idp.user("alice").mint();
    assert_eq!(header_of(&default)["alg"], "RS256");
}

/// AT-07
#[tokio::test]
async fn default_algorithm_can_be_chosen() {
    let idp = TestIdp::builder().signing(TestAlg::Es384).start().await;
    let token = idp.user("alice").audience("service-a").mint();
    assert_eq!(
        (
            header_of(&token)["alg"].clone(),
            published(&idp).await.len()
        ),
        ("ES384".into(), 4)
    );
    assert!(verifies(&idp, &token).await);
}

#[test]
fn other_library_reads_private_pem() {
    for (alg, theirs) in [
        (TestAlg::Rs256, Algorithm::RS256),
        (TestAlg::Es256, Algorithm::ES256),
        (TestAlg::Es384, Algorithm::ES384),
        (TestAlg::EdDsa, Algorithm::EdDSA),
    ] {
        let key = TestKey::generate(alg);
        let pem = key.private_pem();
        // The private JWK has the members of the public one, and its own.
        let (private_jwk, public_jwk) = (key.private_jwk("k"), key.public_jwk("k"));
        assert!(private_jwk["d"].as_str().unwrap().len() >= 42);
        for (name, value) in public_jwk.as_object().unwrap() {
            assert_eq!(private_jwk[name.as_str()], *value);
        }
        let private = match theirs {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_ec_pem(pem.as_bytes()),
        };
        let claims = json!({ "sub": "x" });
        let token = jsonwebtoken::encode(&Header::new(theirs), &claims, &private.unwrap()).unwrap();
        let public = serde_json::from_value(key.public_jwk("k")).unwrap();
        let mut validation = Validation::new(theirs);
        validation.required_spec_claims.clear();
        let public = DecodingKey::from_jwk(&public).unwrap();
        assert!(
            jsonwebtoken::decode::<Value>(&token, &public, &validation).is_ok(),
            "{alg:?}"
        );
    }
}

#[tokio::test]
async fn rotation_keeps_old_key_published() {
    let idp = server().await;
    let (old, before) = (idp.kid(), idp.user("alice").audience("service-a").mint());
    let new = idp.rotate();
    let after = idp.user("alice").audience("service-a").mint();
    assert_ne!(old, new);
    assert_eq!(
        (
            header_of(&before)["kid"].clone(),
            header_of(&after)["kid"].clone()
        ),
        (old.into(), new.into())
    );
    assert!(verifies(&idp, &before).await && verifies(&idp, &after).await);
}

#[tokio::test]
async fn server_still_knows_withdrawn_key() {
    let idp = server().await;
    let token = idp.user("alice").audience("service-a").mint();
    idp.rotate();
    idp.withdraw(header_of(&token)["kid"].as_str().unwrap());
    assert!(!verifies(&idp, &token).await);
    assert_eq!(
        exchange(&idp, "service-a", &token, &[("audience", "service-b")])
            .await
            .status,
        200
    );
    idp.withdraw_all();
    assert!(published(&idp).await.is_empty());
}

#[tokio::test]
async fn key_set_can_hold_odd_entries() {
    let idp = server().await;
    idp.publish_extra_jwk(json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "odd" }));
    idp.publish_extra_jwk(Value::Null);
    assert_eq!(
        published(&idp).await[3..],
        [
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "odd" }),
            Value::Null
        ]
    );
    idp.replace_jwks(Some("not json".to_owned()));
    assert_eq!(get(&idp.jwks_uri()).await.body, "not json");
    idp.replace_jwks(None);
    idp.withdraw("odd");
    assert_eq!(published(&idp).await.len(), 4);
}

#[tokio::test]
async fn servers_share_no_keys() {
    let (one, two) = (server().await, server().await);
    let mine = kids(&one).await;
    assert!(kids(&two).await.iter().all(|kid| !mine.contains(kid)));
    let (mine, theirs) = (published(&one).await, published(&two).await);
    assert_ne!(mine[0]["n"], theirs[0]["n"]);
}
