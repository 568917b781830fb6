//! `private_key_jwt`.

use std::path::PathBuf;

use obo::{Algorithm, Client, PrivateKeyJwt, Secret, SigningKey, TokenExchange};
use obo_testkit::{Alg, Endpoint, Fault};

use super::{exchanged, file, methods};
use crate::setup::{Setup, audience, issuer, part};

fn private_key(setup: &Setup) -> SigningKey {
    let key = obo_testkit::SigningKey::generate(Alg::Es256);
    setup.idp.client("service-a").jwk(key.public_jwk("k1"));
    let pem = Secret::new(key.private_pem());
    SigningKey::from_pem(Algorithm::Es256, &pem).unwrap()
}

#[tokio::test]
async fn ca_03_ca_04_ca_05_ca_07_an_assertion_names_the_client_and_the_issuer_alone() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup).with_kid("k1"));
    let asked = exchanged(&setup, "service-a", auth).await;
    assert_eq!(methods(&asked), ["assertion"]);
    let of_jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(asked.params("client_assertion_type"), [of_jwt]);

    let assertion = asked.param("client_assertion").unwrap();
    let header = part(assertion, 0);
    assert_eq!(header["typ"], "client-authentication+jwt");
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&"ES256".into(), &"k1".into())
    );
    let claims = part(assertion, 1);
    assert_eq!(claims["iss"], "service-a");
    assert_eq!(claims["sub"], "service-a");
    assert_eq!(claims["aud"], setup.idp.issuer());
    let seconds = |claim: &str| claims[claim].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 60);
}

#[tokio::test]
async fn ca_13_a_client_id_beside_an_assertion_is_its_subject() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup));
    let asked = exchanged(&setup, "service-a", auth).await;
    assert!(
        asked
            .params("client_id")
            .iter()
            .all(|id| *id == "service-a")
    );
}

#[tokio::test]
async fn ca_09_ca_10_each_attempt_signs_anew_after_a_failure_too() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup));
    let client = Client::new("service-a", auth).unwrap();
    let exchange = TokenExchange::new(issuer(&setup.idp), client);
    let caller = setup.caller("alice").await;
    setup.idp.fault_once(Endpoint::Token, Fault::Status(500));
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let ids: Vec<_> = setup
        .idp
        .requests()
        .iter()
        .filter_map(|asked| asked.param("client_assertion"))
        .map(|assertion| part(assertion, 1)["jti"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0].len() >= 16 && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn ca_12_a_key_is_read_from_a_pem_file() {
    let setup = Setup::start().await;
    let key = obo_testkit::SigningKey::generate(Alg::EdDsa);
    setup.idp.client("service-a").jwk(key.public_jwk("k2"));
    let path = file("ed25519.pem", key.private_pem().as_bytes());
    let auth = PrivateKeyJwt::from_pem_file(Algorithm::Ed25519, path, Some("k2")).unwrap();
    let asked = exchanged(&setup, "service-a", auth).await;
    let header = part(asked.param("client_assertion").unwrap(), 0);
    assert_eq!(header["kid"], "k2");
}

#[test]
fn ca_16_a_key_file_that_will_not_do_is_named_and_not_quoted() {
    let es256 = obo_testkit::SigningKey::generate(Alg::Es256).private_pem();
    let inside = &es256[40..80];
    let cut = &es256[..es256.len() / 2];
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (path, algorithm) in [
        (folder.join("no-such-file.pem"), Algorithm::Es256),
        (folder, Algorithm::Es256),
        (file("empty.pem", b""), Algorithm::Es256),
        (file("cut.pem", cut.as_bytes()), Algorithm::Es256),
        (file("es256.pem", es256.as_bytes()), Algorithm::Rs256),
        (file("no-text.pem", b"\xff\xfe secret"), Algorithm::Es256),
    ] {
        let error = PrivateKeyJwt::from_pem_file(algorithm, &path, None).unwrap_err();
        assert_eq!(error.field(), "private_key");
        let told = format!("{error} {error:?}");
        assert!(!told.contains(inside) && !told.contains("secret"), "{told}");
    }
}
