//! DPoP at the token endpoint (RFC 9449).

use http::{Request, header};
use http_body_util::Full;
use obo_testkit::{Endpoint, Fault, TestAlg, TestIdp, TestKey, TestProof};
use serde_json::json;

use crate::wire::{ACCESS_TOKEN, EXCHANGE, FORM, Response, basic, claims_of, encode, send, server};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn post(url: &str, form: &[(&str, &str)], proofs: &[&str]) -> Response {
    let mut request = Request::post(url)
        .header(header::CONTENT_TYPE, FORM)
        .header(header::AUTHORIZATION, basic("service-a", "s3cret"));
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    send(request.body(Full::from(encode(form))).unwrap())
        .await
        .unwrap()
}

async fn proven(idp: &TestIdp, proof: &TestProof) -> Response {
    post(&idp.token_endpoint(), &[GRANT], &[&proof.make()]).await
}

fn proof(idp: &TestIdp, key: &TestKey) -> TestProof {
    TestProof::new(key, "POST", &idp.token_endpoint())
}

fn es256() -> TestKey {
    TestKey::generate(TestAlg::Es256)
}

/// DP-01, DP-02, DP-22
#[tokio::test]
async fn proof_binds_the_token() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", &alice),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", "service-b"),
    ];
    for alg in [
        TestAlg::Es256,
        TestAlg::Rs256,
        TestAlg::Ps256,
        TestAlg::EdDsa,
    ] {
        let key = TestKey::generate(alg);
        for form in [&[GRANT][..], &exchange] {
            let url = idp.token_endpoint();
            let response = post(&url, form, &[&proof(&idp, &key).make()]).await;
            assert_eq!(response.json()["token_type"], "DPoP", "{alg:?}");
            let claims = claims_of(&response.access_token());
            assert_eq!(claims["cnf"], json!({ "jkt": key.thumbprint() }));
        }
    }
    let plain = post(&idp.token_endpoint(), &[GRANT], &[]).await;
    assert_eq!(plain.json()["token_type"], "Bearer");
    assert_eq!(claims_of(&plain.access_token()).get("cnf"), None);
}

/// DP-02
#[tokio::test]
async fn both_names_of_ed25519_are_known() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::EdDsa);
    for (name, status) in [("EdDSA", 200), ("Ed25519", 200), ("Ed448", 400)] {
        let proof = proof(&idp, &key).header("alg", name);
        assert_eq!(proven(&idp, &proof).await.status, status, "{name}");
    }
    let other = proof(&idp, &es256()).header("alg", "Ed25519");
    assert_eq!(proven(&idp, &other).await.status, 400);
}

/// DP-02, DP-03, DP-04, DP-05, DP-07, DP-17
#[tokio::test]
async fn wrong_proof_is_rejected() {
    let idp = server().await;
    let (key, other) = (es256(), es256());
    let right = proof(&idp, &key);
    let jwk = key.private_jwk("");
    let symmetric = json!({ "kty": "oct", "k": "AAAA" });
    for wrong in [
        right.clone().header("typ", "JWT"),
        right.clone().without_header("typ"),
        right.clone().without_header("jwk"),
        right.clone().header("jwk", jwk),
        right.clone().header("jwk", symmetric),
        right.clone().header("jwk", other.public_jwk("")),
        right.clone().header("alg", "none"),
        right.clone().header("alg", "HS256"),
        right.clone().header("alg", "RS256"),
        right.clone().sign_with(&other),
        right.clone().without("jti"),
        right.clone().claim("jti", ""),
        right.clone().without("htm"),
        right.clone().claim("htm", "post"),
        right.clone().claim("htm", "GET"),
        right.clone().without("htu"),
        right.clone().claim("htu", idp.issuer()),
        right
            .clone()
            .claim("htu", "https://elsewhere.example/token"),
        right.clone().without("iat"),
        right.clone().claim("iat", "now"),
        right.clone().issued_at(-70),
        right.clone().issued_at(70),
    ] {
        let response = proven(&idp, &wrong).await;
        assert_eq!(
            response.error(),
            (400, "invalid_dpop_proof".to_owned()),
            "{wrong:?}"
        );
    }
    for right in [
        right.clone().issued_at(-50),
        right.clone().issued_at(50),
        right
            .clone()
            .claim("htu", format!("{}?a=b#c", idp.token_endpoint())),
        right
            .clone()
            .claim("htu", idp.token_endpoint().replace("http:", "HTTP:")),
    ] {
        assert_eq!(proven(&idp, &right).await.status, 200, "{right:?}");
    }
}

/// DP-01, DP-12
#[tokio::test]
async fn second_use_of_proof_is_rejected() {
    let idp = server().await;
    let (url, refused) = (idp.token_endpoint(), (400, "invalid_dpop_proof".to_owned()));
    let (one, two) = (proof(&idp, &es256()).make(), proof(&idp, &es256()).make());
    assert_eq!(post(&url, &[GRANT], &[&one, &two]).await.error(), refused);
    let joined = format!("{one}, {two}");
    assert_eq!(post(&url, &[GRANT], &[&joined]).await.error(), refused);
    assert_eq!(post(&url, &[GRANT], &[&one]).await.status, 200);
    assert_eq!(post(&url, &[GRANT], &[&one]).await.error(), refused);
    assert_eq!(post(&url, &[GRANT], &[&two]).await.status, 200);
}

/// DP-16, DP-17
#[tokio::test]
async fn demanded_nonce_rotates() {
    let idp = server().await;
    let plain = proof(&idp, &es256());
    assert_eq!(proven(&idp, &plain).await.header("dpop-nonce"), "");
    idp.set_demands_nonce(true);
    let demanded = (400, "use_dpop_nonce".to_owned());
    let first = proven(&idp, &plain).await;
    assert_eq!(first.error(), demanded);
    let nonce = first.header("dpop-nonce").to_owned();
    let right = plain.clone().nonce(&nonce);
    assert_eq!(proven(&idp, &right).await.status, 200);
    assert_eq!(
        proven(&idp, &plain.clone().nonce("forged")).await.error(),
        demanded
    );
    idp.rotate_nonce();
    let before = proven(&idp, &right).await;
    assert_eq!(before.status, 200);
    let new = before.header("dpop-nonce").to_owned();
    assert_ne!(new, nonce);
    idp.rotate_nonce();
    assert_eq!(proven(&idp, &right).await.error(), demanded);
    assert_eq!(proven(&idp, &plain.nonce(&new)).await.status, 200);
}

/// DP-22
#[tokio::test]
async fn ignored_proof_binds_nothing() {
    let idp = server().await;
    idp.fault_once(Endpoint::Token, Fault::IgnoreProof);
    let right = proof(&idp, &es256());
    let response = proven(&idp, &right).await;
    assert_eq!(response.json()["token_type"], "Bearer");
    assert_eq!(claims_of(&response.access_token()).get("cnf"), None);
    assert_eq!(proven(&idp, &right).await.json()["token_type"], "DPoP");
}

/// DP-25, MT-09
#[tokio::test]
async fn introspection_shows_the_binding() {
    let idp = server().await;
    let key = es256();
    let token = || idp.user("alice").audience("service-a");
    let by_key = token().bound_to(&key);
    let both = by_key.clone().bound_to_certificate(b"DER");
    for (token, token_type, jkt, certificate) in [
        (by_key.mint(), "DPoP", true, false),
        (by_key.mint_opaque(), "DPoP", true, false),
        (both.mint_opaque(), "DPoP", true, true),
        (
            token().bound_to_certificate(b"DER").mint(),
            "Bearer",
            false,
            true,
        ),
        (token().mint(), "Bearer", false, false),
    ] {
        let url = idp.introspection_endpoint();
        let document = post(&url, &[("token", &token)], &[]).await.json();
        assert_eq!(document["token_type"], token_type);
        let expected = jkt.then(|| key.thumbprint());
        assert_eq!(document["cnf"]["jkt"].as_str(), expected.as_deref());
        let expected = certificate.then_some("v_0oyO6xCl5Qzxe1j0d-oYA4la5pdE5utTy8w79Cets");
        assert_eq!(document["cnf"]["x5t#S256"].as_str(), expected);
    }
}
