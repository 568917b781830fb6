//! Client authentication (RFC 6749 §2.3, RFC 7523): exactly one method, each one strict.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obo_testkit::{TestAlg, TestIdp, TestKey, TokenBuilder};
use serde_json::json;

use crate::wire::{FORM, Response, basic, encode, post, post_raw, server};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn invalid_client() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

/// An assertion, as a token that the client's key signs: the builder can change every part of it.
fn assertion(idp: &TestIdp, key: &TestKey) -> TokenBuilder {
    let claims = idp
        .service("service-k")
        .without("client_id")
        .issuer("service-k")
        .audience(idp.issuer());
    claims
        .typ(Some("client-authentication+jwt"))
        .kid(None)
        .sign_with(key)
}

async fn assert_with(idp: &TestIdp, assertion: &str) -> Response {
    post(
        idp,
        &[
            GRANT,
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ],
    )
    .await
}

async fn authorized(idp: &TestIdp, authorization: &str) -> Response {
    post_raw(idp, FORM, &[authorization], encode(&[GRANT])).await
}

/// CA-01
#[tokio::test]
async fn basic_parts_are_form_encoded() {
    let idp = server().await;
    let (id, secret) = ("häuser:& co", "p:%41+ é&=");
    idp.client(id).secret(secret);
    assert_eq!(authorized(&idp, &basic(id, secret)).await.status, 200);
    let raw = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    assert_eq!(authorized(&idp, &raw).await.error(), invalid_client());
    idp.client("plain").secret("a=b");
    let raw = format!("Basic {}", STANDARD.encode("plain:a=b"));
    assert_eq!(authorized(&idp, &raw).await.error(), invalid_client());
}

/// CA-01
#[tokio::test]
async fn raw_quirk_skips_decoding() {
    let idp = server().await;
    let (id, secret) = ("raw client", "p:%41+ é&=");
    idp.client(id).secret(secret).raw_basic();
    let raw = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    assert_eq!(authorized(&idp, &raw).await.status, 200);
    assert_eq!(
        authorized(&idp, &basic(id, secret)).await.error(),
        invalid_client()
    );
}

/// TE-04
#[tokio::test]
async fn failed_basic_is_invalid_client() {
    let idp = server().await;
    idp.client("keyless");
    for authorization in [
        basic("service-a", "wrong"),
        basic("service-a", ""),
        basic("unknown", "s3cret"),
        basic("keyless", ""),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode("no colon")),
        "Bearer s3cret".to_owned(),
    ] {
        let response = authorized(&idp, &authorization).await;
        assert_eq!(response.error(), invalid_client(), "{authorization}");
        assert!(response.header("www-authenticate").starts_with("Basic "));
    }
    assert_eq!(
        authorized(
            &idp,
            &basic("service-a", "s3cret").replace("Basic", "basic")
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn client_secret_post_is_accepted() {
    let idp = server().await;
    let post_secret = async |secret| {
        post(
            &idp,
            &[GRANT, ("client_id", "service-a"), ("client_secret", secret)],
        )
        .await
    };
    assert_eq!(post_secret("s3cret").await.status, 200);
    assert_eq!(post_secret("wrong").await.error(), invalid_client());
    assert_eq!(
        post(&idp, &[GRANT, ("client_secret", "s3cret")])
            .await
            .error()
            .1,
        "invalid_request"
    );
}

/// CA-02
#[tokio::test]
async fn second_method_is_rejected() {
    let idp = server().await;
    let authorization = basic("service-a", "s3cret");
    let both = encode(&[
        GRANT,
        ("client_id", "service-a"),
        ("client_secret", "s3cret"),
    ]);
    assert_eq!(
        post_raw(&idp, FORM, &[&authorization], both).await.error(),
        (400, "invalid_request".to_owned())
    );
    let twice = post_raw(
        &idp,
        FORM,
        &[&authorization, &authorization],
        encode(&[GRANT]),
    )
    .await;
    assert_eq!(twice.error(), (400, "invalid_request".to_owned()));
    let named = encode(&[GRANT, ("client_id", "service-a")]);
    assert_eq!(
        post_raw(&idp, FORM, &[&authorization], named).await.status,
        200
    );
    let misnamed = encode(&[GRANT, ("client_id", "service-x")]);
    assert_eq!(
        post_raw(&idp, FORM, &[&authorization], misnamed)
            .await
            .error()
            .1,
        "invalid_request"
    );
}

#[tokio::test]
async fn private_key_jwt_takes_both_forms() {
    for alg in [
        TestAlg::Rs256,
        TestAlg::Ps512,
        TestAlg::Es256,
        TestAlg::Es384,
        TestAlg::EdDsa,
    ] {
        let idp = server().await;
        let (by_jwk, by_pem) = (TestKey::generate(alg), TestKey::generate(alg));
        idp.client("service-k")
            .jwk(by_jwk.public_jwk("k1"))
            .public_key_pem(&by_pem.public_pem());
        for key in [&by_jwk, &by_pem] {
            assert_eq!(
                assert_with(&idp, &assertion(&idp, key).mint()).await.status,
                200,
                "{alg:?}"
            );
        }
        let stranger = TestKey::generate(alg);
        assert_eq!(
            assert_with(&idp, &assertion(&idp, &stranger).mint())
                .await
                .error(),
            invalid_client()
        );
    }
}

/// CA-08
#[tokio::test]
async fn assertion_aud_is_exactly_the_issuer() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.client("service-k").jwk(key.public_jwk("k1"));
    let with = |aud: serde_json::Value| assertion(&idp, &key).claim("aud", aud).mint();
    for aud in [json!(idp.issuer()), json!([idp.issuer()])] {
        assert_eq!(assert_with(&idp, &with(aud)).await.status, 200);
    }
    for aud in [
        json!(idp.token_endpoint()),
        json!([idp.issuer(), idp.token_endpoint()]),
        json!(format!("{}/", idp.issuer())),
        json!([]),
        json!(null),
    ] {
        assert_eq!(
            assert_with(&idp, &with(aud.clone())).await.error(),
            invalid_client(),
            "{aud}"
        );
    }
}

/// CA-08
#[tokio::test]
async fn assertion_typ_may_be_absent() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.client("service-k").jwk(key.public_jwk("k1"));
    let with = |typ| assertion(&idp, &key).typ(typ).mint();
    for typ in [
        None,
        Some("JWT"),
        Some("client-authentication+jwt"),
        Some("application/client-authentication+jwt"),
    ] {
        assert_eq!(assert_with(&idp, &with(typ)).await.status, 200, "{typ:?}");
    }
    for typ in [Some("at+jwt"), Some("dpop+jwt"), Some("")] {
        assert_eq!(
            assert_with(&idp, &with(typ)).await.error(),
            invalid_client(),
            "{typ:?}"
        );
    }
}

/// CA-10
#[tokio::test]
async fn assertion_is_accepted_once() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.client("service-k").jwk(key.public_jwk("k1"));
    let once = assertion(&idp, &key).mint();
    assert_eq!(assert_with(&idp, &once).await.status, 200);
    assert_eq!(assert_with(&idp, &once).await.error(), invalid_client());
    let next = assertion(&idp, &key).mint();
    assert_eq!(assert_with(&idp, &next).await.status, 200);
}

/// CA-04
#[tokio::test]
async fn each_assertion_claim_is_required() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.client("service-k").jwk(key.public_jwk("k1"));
    let good = || assertion(&idp, &key);
    for bad in [
        good().without("iss"),
        good().without("sub"),
        good().without("aud"),
        good().without("exp"),
        good().without("jti"),
        good().issuer("service-x"),
        good().claim("sub", "alice"),
        good().expires_in(-1),
        good().not_before(60),
        good().kid(Some("k2")),
    ] {
        assert_eq!(
            assert_with(&idp, &bad.mint()).await.error(),
            invalid_client(),
            "{bad:?}"
        );
    }
    let wrong_type = [
        GRANT,
        ("client_assertion_type", "jwt"),
        ("client_assertion", &good().mint()),
    ];
    assert_eq!(post(&idp, &wrong_type).await.error(), invalid_client());
    assert_eq!(assert_with(&idp, &good().mint()).await.status, 200);
}

/// JW-03
#[tokio::test]
async fn alg_of_registered_jwk_is_enforced() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Rs256);
    let mut jwk = key.public_jwk("k1");
    jwk["alg"] = json!("RS512");
    idp.client("service-k").jwk(jwk);
    let signed = assertion(&idp, &key).mint();
    assert_eq!(assert_with(&idp, &signed).await.error(), invalid_client());
    idp.client("service-k").jwk(key.public_jwk("k2"));
    assert_eq!(assert_with(&idp, &signed).await.status, 200);
}

/// CA-08
#[tokio::test]
async fn non_text_typ_is_rejected() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.client("service-k").jwk(key.public_jwk("k1"));
    let odd = assertion(&idp, &key).header("typ", 7).mint();
    assert_eq!(assert_with(&idp, &odd).await.error(), invalid_client());
}

/// An assertion with a MAC, written by hand.
fn maced(idp: &TestIdp, alg: &str, secret: &str) -> String {
    let claims = json!({
        "iss": "service-a", "sub": "service-a", "aud": idp.issuer(),
        "exp": 4_000_000_000_i64, "jti": alg,
    });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(json!({ "alg": alg })), part(claims));
    let algorithm = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    let mac = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// CA-11
#[tokio::test]
async fn client_secret_jwt_needs_long_secret() {
    let idp = server().await;
    for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let (good, short) = ("s".repeat(least), "s".repeat(least - 1));
        idp.client("service-a").secret(&short);
        let response = assert_with(&idp, &maced(&idp, alg, &short)).await;
        assert_eq!(response.error(), invalid_client(), "{alg}");
        idp.client("service-a").secret(&good);
        for wrong in [maced(&idp, alg, &short), maced(&idp, "none", &good)] {
            assert_eq!(assert_with(&idp, &wrong).await.error(), invalid_client());
        }
        let response = assert_with(&idp, &maced(&idp, alg, &good)).await;
        assert_eq!(response.status, 200, "{alg}");
    }
}

/// CA-06
#[tokio::test]
async fn quirk_makes_endpoint_the_audience() {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    let client = idp.client("service-k").jwk(key.public_jwk("k1"));
    client.audience_token_endpoint();
    let with = |aud: serde_json::Value| assertion(&idp, &key).claim("aud", aud).mint();
    for (aud, status) in [
        (json!(idp.token_endpoint()), 200),
        (json!(idp.issuer()), 401),
        (json!([idp.issuer(), idp.token_endpoint()]), 401),
    ] {
        assert_eq!(assert_with(&idp, &with(aud)).await.status, status);
    }
}

/// SP-01, SP-04
#[tokio::test]
async fn platform_acts_for_own_workload_only() {
    const SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
    let idp = server().await;
    let (spire, cluster) = (
        TestKey::generate(TestAlg::Es256),
        TestKey::generate(TestAlg::Rs256),
    );
    let (svid, account) = ("spiffe://corp/a", "system:serviceaccount:shop:a");
    idp.client("by-svid").workload(svid, spire.public_jwk("s"));
    idp.client("by-account")
        .workload(account, cluster.public_jwk("c"));
    let of = |sub: &str, key: &TestKey| {
        let token = idp.service("x").without("client_id").without("jti");
        token
            .claim("sub", sub)
            .issuer("https://platform.example")
            .audience(idp.issuer())
            .kid(None)
            .sign_with(key)
    };
    let send = async |kind: &str, token: &TokenBuilder| {
        let form = [
            GRANT,
            ("client_assertion_type", kind),
            ("client_assertion", &token.mint()),
        ];
        post(&idp, &form).await.status.as_u16()
    };
    for (status, kind, token) in [
        (200, SPIFFE, of(svid, &spire)),
        (200, ASSERTION_TYPE, of(account, &cluster)),
        (401, SPIFFE, of(account, &cluster)),
        (401, SPIFFE, of(svid, &cluster)),
        (401, SPIFFE, of("spiffe://corp/b", &spire)),
        (401, ASSERTION_TYPE, of(account, &spire)),
        (401, SPIFFE, of(svid, &spire).audience("other")),
        (401, SPIFFE, of(svid, &spire).without("aud")),
        (401, SPIFFE, of(svid, &spire).expires_in(-1)),
        (
            401,
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            of(svid, &spire),
        ),
    ] {
        let typ = token.typ(Some("JWT"));
        assert_eq!(send(kind, &typ).await, status, "{kind} {typ:?}");
    }
}
