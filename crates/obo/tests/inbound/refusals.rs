//! Refusals: statuses, challenges and what they reveal.

use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use obo::binding::CertificateError;
use obo::error::TokenError;
use obo::{BearerAuthLayer, Rejection, Scope, Trust};
use obo_testkit::{TestAlg, TestKey, TokenBuilder};
use serde::Deserialize;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::guarded::{
    Guarded, INVALID_REQUEST, INVALID_TOKEN, assert_refused, challenges, service_a, with_line,
};
use crate::issuer::FakeIssuer;

type Edit = fn(TokenBuilder) -> TokenBuilder;

const FAILURES: [(&str, Edit); 14] = [
    ("expired", |token| token.expires_in(-61)),
    ("not yet valid", |token| token.not_before(90)),
    ("issued in the future", |token| token.issued_at(90)),
    ("another audience", |token| token.claim("aud", "service-b")),
    ("no audience", |token| token.without("aud")),
    ("another issuer", |token| {
        token.issuer("https://evil.example")
    }),
    ("no issuer", |token| token.without("iss")),
    ("another key", |token| {
        token.sign_with(&TestKey::generate(TestAlg::Es256))
    }),
    ("an unknown key", |token| token.kid(Some("k9"))),
    ("no algorithm", |token| token.header("alg", "none")),
    ("another algorithm", |token| token.header("alg", "RS256")),
    ("an unknown extension", |token| {
        token.header("crit", vec!["x"])
    }),
    ("another type", |token| token.typ(Some("JWT"))),
    ("bound to a key", |token| {
        token.claim("cnf", serde_json::json!({ "jkt": "x" }))
    }),
];

/// BT-12, BT-19
#[tokio::test]
async fn bad_tokens_get_the_same_challenge() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    for (why, edit) in FAILURES {
        guarded.refuses(&edit(idp.token()).mint(), why).await;
    }
    let good = idp.token().mint();
    for (why, token) in [
        ("no JWT", "x".to_owned()),
        ("five segments", "a.b.c.d.e".to_owned()),
        ("no signature", good.rsplit_once('.').unwrap().0.to_owned()),
        (
            "an empty signature",
            format!("{}.", good.rsplit_once('.').unwrap().0),
        ),
        ("too long", "a".repeat(16 * 1024 + 1)),
    ] {
        guarded.refuses(&token, why).await;
    }
    assert_eq!(guarded.status(&good).await, 200);
}

/// BT-12
#[tokio::test]
async fn misfit_typed_claims_are_401() {
    #[derive(Deserialize)]
    struct Tenant {
        #[serde(rename = "tenant")]
        _tenant: u32,
    }
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(Trust::new(idp.known()).claims::<Tenant>());
    guarded.refuses(&idp.token().mint(), "no tenant").await;
    guarded
        .refuses(&idp.token().claim("tenant", "7").mint(), "a text")
        .await;
    assert_eq!(
        guarded.status(&idp.token().claim("tenant", 7).mint()).await,
        200
    );
}

/// BT-09
#[test]
fn each_rejection_has_its_challenge() {
    let step_up = Rejection::StepUp {
        acr_values: vec!["gold".to_owned()],
        max_age: Some(60),
    };
    let unavailable = Rejection::Unavailable {
        problem: "down".to_owned(),
        retry_after: Duration::from_millis(1),
    };
    let needed = Scope::parse("b a").unwrap();
    for (rejection, status, challenge) in [
        (Rejection::MissingCredentials, 401, Some("Bearer")),
        (Rejection::InvalidRequest("x"), 400, Some(INVALID_REQUEST)),
        (
            Rejection::CertificateHeader(CertificateError::List),
            400,
            Some(INVALID_REQUEST),
        ),
        (
            TokenError::Credentials("x").into(),
            400,
            Some(INVALID_REQUEST),
        ),
        (
            TokenError::Expired {
                ago: Duration::from_secs(61),
                leeway: Duration::from_secs(60),
            }
            .into(),
            401,
            Some(INVALID_TOKEN),
        ),
        (TokenError::UnknownKey.into(), 401, Some(INVALID_TOKEN)),
        (
            Rejection::InsufficientScope { needed },
            403,
            Some(r#"Bearer error="insufficient_scope", scope="a b""#),
        ),
        (
            Rejection::Actor("x"),
            403,
            Some(r#"Bearer error="insufficient_scope""#),
        ),
        (
            Rejection::Subject("x"),
            403,
            Some(r#"Bearer error="insufficient_scope""#),
        ),
        (
            step_up,
            401,
            Some(
                r#"Bearer error="insufficient_user_authentication", acr_values="gold", max_age="60""#,
            ),
        ),
        (Rejection::Misconfigured("x"), 500, None),
        (unavailable, 503, None),
    ] {
        let response: Response<String> = rejection
            .response()
            .to_response(&http::Method::GET, &http::HeaderMap::new());
        assert_eq!(response.status(), status, "{rejection}");
        assert_eq!(
            challenges(&response),
            Vec::from_iter(challenge),
            "{rejection}"
        );
    }
}

/// BT-16
#[tokio::test]
async fn foreign_challenges_are_kept() {
    let idp = FakeIssuer::new().await;
    let basic = |mut response: Response<String>| {
        let challenge = HeaderValue::from_static("Basic realm=\"a\"");
        response
            .headers_mut()
            .append(header::WWW_AUTHENTICATE, challenge);
        response
    };
    let refusing = service_fn(|_: Request<()>| async {
        let refusal = Rejection::MissingCredentials.response();
        Ok::<_, std::convert::Infallible>(
            refusal.to_response::<String>(&http::Method::GET, &http::HeaderMap::new()),
        )
    });
    let inside = ServiceBuilder::new()
        .layer(BearerAuthLayer::new(service_a(idp.known())))
        .map_response(basic)
        .service(refusing);
    let token = format!("Bearer {}", idp.token().mint());
    let response = inside.oneshot(with_line(token)).await.unwrap();
    assert_eq!(challenges(&response), ["Bearer", "Basic realm=\"a\""]);

    let outside = ServiceBuilder::new()
        .map_response(basic)
        .layer(BearerAuthLayer::new(service_a(idp.known())))
        .service(refusing);
    let response = outside.oneshot(with_line("Bearer x")).await.unwrap();
    assert_eq!(challenges(&response), [INVALID_TOKEN, "Basic realm=\"a\""]);
}

/// BT-17
#[tokio::test]
async fn bad_token_is_rejected_if_anonymous() {
    let idp = FakeIssuer::new().await;
    let layer = BearerAuthLayer::new(service_a(idp.known())).allow_anonymous();
    let guarded = Guarded::new(layer);
    for absent in [
        Request::get("/"),
        Request::get("/").header("authorization", "Basic YTpi"),
    ] {
        let response = guarded.send(absent.body(()).unwrap()).await;
        assert_eq!(
            (response.status().as_u16(), guarded.last().is_none()),
            (200, true)
        );
    }
    assert_eq!(guarded.caller(&idp.token().mint()).await.subject(), "alice");
    guarded
        .refuses(&idp.token().expires_in(-61).mint(), "expired")
        .await;
    let malformed = guarded.with("Bearer").await;
    assert_refused(&malformed, 400, &[INVALID_REQUEST], "malformed");
    assert_eq!(guarded.admitted(), 3);
}

/// BT-17
#[tokio::test]
async fn anonymous_request_has_no_caller() {
    let idp = FakeIssuer::new().await;
    let alice = service_a(idp.known())
        .validate(&idp.token().mint())
        .await
        .unwrap();
    let layer = BearerAuthLayer::new(service_a(idp.known())).allow_anonymous();
    let guarded = Guarded::new(layer);
    let mut request = Request::new(());
    request.extensions_mut().insert(alice);
    assert_eq!(guarded.send(request).await.status(), 200);
    assert!(guarded.last().is_none());
}
