//! Signed responses (RFC 9701) over HTTP: issuer, audience, time and type.

use obo_testkit::{TestAlg, TestKey, TokenBuilder};
use serde_json::json;

use crate::introspecting::{INTROSPECT, OPAQUE, active, code, in_process};
use crate::issuer::{FakeIssuer, Reply};

const SIGNED: &str = "application/token-introspection+jwt";
const UNAVAILABLE: &str = "introspection_unavailable";

/// The signed introspection response for an active token.
fn signed(idp: &FakeIssuer) -> TokenBuilder {
    let response = idp.token().header("typ", "token-introspection+jwt");
    response.claim("token_introspection", active(idp))
}

/// The outcome for a token with this introspection response.
async fn outcome(
    media_type: &'static str,
    response: impl FnOnce(&FakeIssuer) -> String,
) -> &'static str {
    let (idp, server) = in_process(|settings| settings.require_signed()).await;
    idp.reply(INTROSPECT, Reply::Typed(media_type, response(&idp)));
    code(&server, OPAQUE).await
}

/// IN-10
#[tokio::test(start_paused = true)]
async fn signed_response_needs_media_type() {
    for media_type in [
        SIGNED,
        "Application/Token-Introspection+JWT",
        "application/token-introspection+jwt; charset=utf-8",
    ] {
        assert_eq!(outcome(media_type, |idp| signed(idp).mint()).await, "ok");
    }
    for other in ["application/json", "application/jwt", "text/plain"] {
        let outcome = outcome(other, |idp| signed(idp).mint()).await;
        assert_eq!(outcome, UNAVAILABLE, "{other}");
    }
    for plain in ["application/json", SIGNED] {
        let outcome = outcome(plain, |idp| active(idp).to_string()).await;
        assert_eq!(outcome, UNAVAILABLE, "{plain}");
    }
}

type Change = fn(TokenBuilder) -> TokenBuilder;

/// IN-10
#[tokio::test(start_paused = true)]
async fn invalid_signed_response_is_unusable() {
    let changes: &[(&str, Change)] = &[
        ("another key", |response| {
            response.sign_with(&TestKey::generate(TestAlg::Es256))
        }),
        ("a key that is not published", |response| {
            response.kid(Some("k2"))
        }),
        ("a MAC", |response| response.header("alg", "HS256")),
        ("no signature", |response| response.header("alg", "none")),
        ("an access token", |response| {
            response.header("typ", "at+jwt")
        }),
        ("any JWT", |response| response.header("typ", "JWT")),
        ("another issuer", |response| {
            response.issuer("https://other.example")
        }),
        ("another client", |response| {
            response.claim("aud", "service-b")
        }),
        ("no audience", |response| response.without("aud")),
        ("an old response, sent again", |response| {
            response.issued_at(-120)
        }),
        ("a response from the future", |response| {
            response.issued_at(120)
        }),
        ("a response without a time", |response| {
            response.without("iat")
        }),
        ("nothing inside", |response| {
            response
                .without("token_introspection")
                .claim("active", true)
        }),
        ("text inside", |response| {
            response.claim("token_introspection", r#"{"active":true}"#)
        }),
    ];
    for (why, change) in changes {
        let outcome = outcome(SIGNED, |idp| change(signed(idp)).mint()).await;
        assert_eq!(outcome, UNAVAILABLE, "{why}");
    }
}

/// IN-04, IN-10
#[tokio::test(start_paused = true)]
async fn only_inner_members_count() {
    for (inside, expected) in [
        (json!({ "active": false }), "inactive"),
        (json!({ "active": true, "sub": "alice" }), "missing_claim"),
    ] {
        let outcome = outcome(SIGNED, |idp| {
            let response = signed(idp).claim("active", true);
            response.claim("token_introspection", inside).mint()
        });
        assert_eq!(outcome.await, expected);
    }
}

/// IN-10
#[tokio::test(start_paused = true)]
async fn replaced_key_opens_responses() {
    let (idp, server) = in_process(|settings| settings.require_signed()).await;
    let say = || idp.reply(INTROSPECT, Reply::Typed(SIGNED, signed(&idp).mint()));
    say();
    assert_eq!(code(&server, OPAQUE).await, "ok");
    idp.withdraw("k1");
    idp.rotate("k1");
    say();
    assert_eq!(code(&server, "another-opaque-token").await, "ok");
    assert_eq!(idp.fetches(), 2);
}
