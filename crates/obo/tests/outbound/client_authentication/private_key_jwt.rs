//! `private_key_jwt`.

use std::fs;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obo::client::{ClientAuth as _, SigningKey};
use obo::policy::Algorithm;
use obo::{Client, PrivateKeyJwt, Secret, TokenExchange};
use obo_testkit::{Endpoint, Fault, TestAlg};
use serde_json::json;

use super::{exchange, exchanged, file, methods, token};
use crate::setup::{Setup, audience, issuer, part};

fn private_key(setup: &Setup) -> SigningKey {
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    setup.idp.client("service-a").jwk(key.public_jwk("k1"));
    let pem = Secret::new(key.private_pem());
    SigningKey::from_pem(Algorithm::Es256, &pem).unwrap()
}

/// CA-03, CA-04, CA-05, CA-07
#[tokio::test]
async fn assertion_names_client_and_issuer() {
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

/// CA-13
#[tokio::test]
async fn client_id_equals_the_subject() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup));
    let asked = exchanged(&setup, "service-a", auth).await;
    assert_eq!(asked.params("client_id"), ["service-a"]);
    let claims = part(asked.param("client_assertion").unwrap(), 1);
    assert_eq!(claims["sub"], "service-a");
}

/// CA-09, CA-10
#[tokio::test]
async fn each_attempt_signs_anew() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup));
    let client = Client::new("service-a", auth);
    let exchange = TokenExchange::builder(issuer(&setup.idp), client)
        .build()
        .unwrap();
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

/// CA-12
#[tokio::test]
async fn key_is_read_from_pem_file() {
    let setup = Setup::start().await;
    let key = obo_testkit::TestKey::generate(TestAlg::EdDsa);
    setup.idp.client("service-a").jwk(key.public_jwk("k2"));
    let path = file("ed25519.pem", key.private_pem().as_bytes());
    let auth = PrivateKeyJwt::from_pem_file(Algorithm::Ed25519, path, Some("k2"));
    let asked = exchanged(&setup, "service-a", auth).await;
    let header = part(asked.param("client_assertion").unwrap(), 0);
    assert_eq!(header["kid"], "k2");
}

#[tokio::test]
async fn replaced_key_needs_no_restart() {
    let setup = Setup::start().await;
    let keys = [TestAlg::Es256, TestAlg::Es256].map(obo_testkit::TestKey::generate);
    let only = |key: &obo_testkit::TestKey| {
        let client = setup.idp.client("service-a").without_keys();
        client.jwk(key.public_jwk("k1"));
    };
    let path = file("replaced.pem", keys[0].private_pem().as_bytes());
    let auth = PrivateKeyJwt::from_pem_file(Algorithm::Es256, &path, Some("k1"));
    let client = Client::new("service-a", auth);
    only(&keys[0]);
    token(&setup, &client).await.unwrap();
    only(&keys[1]);
    token(&setup, &client).await.unwrap_err();
    fs::write(&path, keys[1].private_pem()).unwrap();
    token(&setup, &client).await.unwrap();
    let header = part(setup.asked().param("client_assertion").unwrap(), 0);
    assert_eq!(header["kid"], "k1");
}

#[tokio::test]
async fn broken_key_file_keeps_old_key() {
    let setup = Setup::start().await;
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    setup.idp.client("service-a").jwk(key.public_jwk("k1"));
    let path = file("broken.pem", key.private_pem().as_bytes());
    let auth = PrivateKeyJwt::from_pem_file(Algorithm::Es256, &path, None);
    let client = Client::new("service-a", auth);
    exchange(&setup, &client);
    let half = key.private_pem()[..60].to_owned();
    let rsa = obo_testkit::TestKey::generate(TestAlg::Rs256).private_pem();
    for broken in [String::new(), half, rsa] {
        fs::write(&path, broken).unwrap();
        token(&setup, &client).await.unwrap();
    }
    fs::remove_file(&path).unwrap();
    token(&setup, &client).await.unwrap();
}

/// CA-16
#[test]
fn unusable_key_file_is_not_quoted() {
    let es256 = obo_testkit::TestKey::generate(TestAlg::Es256).private_pem();
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
        let error = PrivateKeyJwt::from_pem_file(algorithm, &path, None)
            .check()
            .unwrap_err();
        assert_eq!(error.field(), "private_key");
        let text = format!("{error} {error:?}");
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(!text.contains(inside) && !text.contains("secret"), "{text}");
    }
}

const ALGORITHMS: [(Algorithm, TestAlg); 9] = [
    (Algorithm::Rs256, TestAlg::Rs256),
    (Algorithm::Rs384, TestAlg::Rs384),
    (Algorithm::Rs512, TestAlg::Rs512),
    (Algorithm::Ps256, TestAlg::Ps256),
    (Algorithm::Ps384, TestAlg::Ps384),
    (Algorithm::Ps512, TestAlg::Ps512),
    (Algorithm::Es256, TestAlg::Es256),
    (Algorithm::Es384, TestAlg::Es384),
    (Algorithm::Ed25519, TestAlg::EdDsa),
];

/// CA-12
#[tokio::test]
async fn each_algorithm_signs_in_both_forms() {
    let setup = Setup::start().await;
    for (algorithm, alg) in ALGORITHMS {
        let key = obo_testkit::TestKey::generate(alg);
        let client = setup.idp.client("service-a").without_keys();
        client.jwk(key.public_jwk("of-the-key"));
        let pem = Secret::new(key.private_pem());
        let by_pem = SigningKey::from_pem(algorithm, &pem).unwrap();
        assert_eq!(by_pem.kid(), None);
        let jwk = Secret::new(key.private_jwk("of-the-key").to_string());
        let by_jwk = SigningKey::from_jwk(algorithm, &jwk).unwrap();
        assert_eq!(by_jwk.kid(), Some("of-the-key"));
        for key in [by_pem, by_jwk] {
            let asked = exchanged(&setup, "service-a", PrivateKeyJwt::new(key)).await;
            let header = part(asked.param("client_assertion").unwrap(), 0);
            assert_eq!(header["alg"], alg.as_str());
        }
    }
}

/// CA-12
#[test]
fn leading_zeros_are_ignored() {
    for (algorithm, alg) in ALGORITHMS {
        if alg == TestAlg::EdDsa {
            continue;
        }
        let key = obo_testkit::TestKey::generate(alg);
        for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"] {
            let mut jwk = key.private_jwk("k");
            let Some(number) = jwk[member].as_str() else {
                continue;
            };
            let number = URL_SAFE_NO_PAD.decode(number).unwrap();
            jwk[member] = URL_SAFE_NO_PAD
                .encode([&[0, 0], &number[..]].concat())
                .into();
            let jwk = Secret::new(jwk.to_string());
            let key = SigningKey::from_jwk(algorithm, &jwk);
            assert!(key.unwrap().sign(b"m").is_some(), "{member}");
        }
    }
    let mut seed = obo_testkit::TestKey::generate(TestAlg::EdDsa).private_jwk("k");
    let octets = URL_SAFE_NO_PAD.decode(seed["d"].as_str().unwrap()).unwrap();
    seed["d"] = URL_SAFE_NO_PAD.encode([&[0], &octets[..]].concat()).into();
    let seed = Secret::new(seed.to_string());
    SigningKey::from_jwk(Algorithm::Ed25519, &seed).unwrap_err();
}

/// CA-12, CA-16
#[test]
fn unfit_jwk_is_rejected_unquoted() {
    let good = obo_testkit::TestKey::generate(TestAlg::Es256).private_jwk("k");
    let other = obo_testkit::TestKey::generate(TestAlg::Es256).private_jwk("k");
    let rsa = obo_testkit::TestKey::generate(TestAlg::Rs256).private_jwk("k");
    let with = |name: &str, value: serde_json::Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let d = good["d"].as_str().unwrap();
    for jwk in [
        with("d", json!(null)),
        with("d", json!(format!("{d}="))),
        with("d", other["d"].clone()),
        with("x", json!(null)),
        with("crv", json!("P-384")),
        with("kty", json!("OKP")),
        with("alg", json!("ES384")),
        with("use", json!("enc")),
        json!([good]),
        json!(d),
        rsa,
    ] {
        let text = Secret::new(jwk.to_string());
        let error = SigningKey::from_jwk(Algorithm::Es256, &text).unwrap_err();
        assert_eq!(error.field(), "private_key");
        let text = format!("{error} {error:?}");
        assert!(!text.contains(&d[..8]), "{text}");
    }
    let without_alg = Secret::new(with("alg", json!(null)).to_string());
    SigningKey::from_jwk(Algorithm::Es256, &without_alg).unwrap();
}

/// CA-06
#[tokio::test]
async fn endpoint_audience_needs_a_setting() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup));
    setup.idp.client("service-a").audience_token_endpoint();
    let auth = auth.danger_audience_token_endpoint();
    let asked = exchanged(&setup, "service-a", auth).await;
    let claims = part(asked.param("client_assertion").unwrap(), 1);
    assert_eq!(claims["aud"], setup.idp.token_endpoint());
}

/// CA-07
#[tokio::test]
async fn typ_can_be_plain_jwt() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::new(private_key(&setup)).plain_typ();
    let asked = exchanged(&setup, "service-a", auth).await;
    let header = part(asked.param("client_assertion").unwrap(), 0);
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT" }));
}

/// A stand-in for a certificate of the key: DER that contains its public half.
fn certificate(key: &obo_testkit::TestKey) -> String {
    key.public_pem().replace("PUBLIC KEY", "CERTIFICATE")
}

/// EN-01
#[tokio::test]
async fn certificate_thumbprint_is_sent() {
    let setup = Setup::start().await;
    for (algorithm, alg) in ALGORITHMS {
        let key = obo_testkit::TestKey::generate(alg);
        let client = setup.idp.client("service-a").without_keys();
        client.jwk(key.public_jwk("k"));
        let pem = certificate(&key);
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        // As in files: the key, its certificate, and that of the issuer.
        let issuer = certificate(&obo_testkit::TestKey::generate(alg));
        let file = format!("{}{pem}{issuer}", key.private_pem());
        let key = SigningKey::from_pem(algorithm, &Secret::new(file.as_str())).unwrap();
        let auth = PrivateKeyJwt::new(key).certificate(&file);
        let asked = exchanged(&setup, "service-a", auth).await;
        let header = part(asked.param("client_assertion").unwrap(), 0);
        assert_eq!(header["x5t#S256"], thumbprint);
    }
}

/// EN-01
#[test]
fn foreign_certificate_is_rejected() {
    for (algorithm, alg) in ALGORITHMS {
        let (own, other) = (
            obo_testkit::TestKey::generate(alg),
            obo_testkit::TestKey::generate(alg),
        );
        let pem = Secret::new(own.private_pem());
        let auth = PrivateKeyJwt::new(SigningKey::from_pem(algorithm, &pem).unwrap());
        for wrong in [certificate(&other), own.public_pem(), String::new()] {
            let error = auth.clone().certificate(&wrong).check().unwrap_err();
            assert_eq!(error.field(), "certificate");
        }
    }
}
