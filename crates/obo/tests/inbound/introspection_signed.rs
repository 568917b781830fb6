//! Signed answers (RFC 9701) as they come over HTTP: whose they are, for whom, of when, and of which kind.

use obo_testkit::{TestAlg, TestKey, TokenBuilder};
use serde_json::json;

use crate::asked::{INTROSPECT, OPAQUE, active, code, in_process};
use crate::issuer::{FakeIssuer, Reply};

const SIGNED: &str = "application/token-introspection+jwt";
const UNAVAILABLE: &str = "introspection_unavailable";

/// What the issuer says of an active token, signed for who asks.
fn signed(idp: &FakeIssuer) -> TokenBuilder {
    let answer = idp.token().header("typ", "token-introspection+jwt");
    answer.claim("token_introspection", active(idp))
}

/// What becomes of a token of which this is said.
async fn told(
    media_type: &'static str,
    answer: impl FnOnce(&FakeIssuer) -> String,
) -> &'static str {
    let (idp, server) = in_process(|asked| asked.require_signed()).await;
    idp.reply(INTROSPECT, Reply::Typed(media_type, answer(&idp)));
    code(&server, OPAQUE).await
}

#[tokio::test(start_paused = true)]
async fn in_10_a_signed_answer_is_of_its_media_type() {
    for media_type in [
        SIGNED,
        "Application/Token-Introspection+JWT",
        "application/token-introspection+jwt; charset=utf-8",
    ] {
        assert_eq!(told(media_type, |idp| signed(idp).mint()).await, "ok");
    }
    for other in ["application/json", "application/jwt", "text/plain"] {
        let told = told(other, |idp| signed(idp).mint()).await;
        assert_eq!(told, UNAVAILABLE, "{other}");
    }
    for plain in ["application/json", SIGNED] {
        let told = told(plain, |idp| active(idp).to_string()).await;
        assert_eq!(told, UNAVAILABLE, "{plain}");
    }
}

type Change = fn(TokenBuilder) -> TokenBuilder;

#[tokio::test(start_paused = true)]
async fn in_10_an_answer_of_others_or_for_others_or_of_another_time_or_kind_is_none() {
    let changes: &[(&str, Change)] = &[
        ("another key", |answer| {
            answer.sign_with(&TestKey::generate(TestAlg::Es256))
        }),
        ("a key that is not published", |answer| {
            answer.kid(Some("k2"))
        }),
        ("a MAC", |answer| answer.header("alg", "HS256")),
        ("no signature", |answer| answer.header("alg", "none")),
        ("an access token", |answer| answer.header("typ", "at+jwt")),
        ("any JWT", |answer| answer.header("typ", "JWT")),
        ("another issuer", |answer| {
            answer.issuer("https://other.example")
        }),
        ("another client", |answer| answer.claim("aud", "service-b")),
        ("nobody", |answer| answer.without("aud")),
        ("an old answer, sent again", |answer| answer.issued_at(-120)),
        ("an answer of later", |answer| answer.issued_at(120)),
        ("an answer of no time", |answer| answer.without("iat")),
        ("nothing inside", |answer| {
            answer.without("token_introspection").claim("active", true)
        }),
        ("text inside", |answer| {
            answer.claim("token_introspection", r#"{"active":true}"#)
        }),
    ];
    for (why, change) in changes {
        let told = told(SIGNED, |idp| change(signed(idp)).mint()).await;
        assert_eq!(told, UNAVAILABLE, "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_04_in_10_what_counts_is_inside() {
    for (inside, expected) in [
        (json!({ "active": false }), "inactive"),
        (json!({ "active": true, "sub": "alice" }), "missing_claim"),
    ] {
        let told = told(SIGNED, |idp| {
            let answer = signed(idp).claim("active", true);
            answer.claim("token_introspection", inside).mint()
        });
        assert_eq!(told.await, expected);
    }
}

/// IN-10
#[tokio::test(start_paused = true)]
async fn key_replaced_under_its_name_opens_responses() {
    let (idp, server) = in_process(|asked| asked.require_signed()).await;
    let say = || idp.reply(INTROSPECT, Reply::Typed(SIGNED, signed(&idp).mint()));
    say();
    assert_eq!(code(&server, OPAQUE).await, "ok");
    idp.withdraw("k1");
    idp.rotate("k1");
    say();
    assert_eq!(code(&server, "another-opaque-token").await, "ok");
    assert_eq!(idp.fetches(), 2);
}
