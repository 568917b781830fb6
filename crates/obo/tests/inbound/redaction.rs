//! OB-01: no part of a token is in any output or log of this crate.

use obo::{BearerAuthLayer, RequireLayer, Rule};

use crate::guarded::{Guarded, service_a};
use crate::issuer::{FakeIssuer, JWKS, Reply};
use obo_test_support::Log;

/// Whether any eight consecutive bytes of the token are in the text.
fn holds(text: &str, token: &str) -> bool {
    token.as_bytes().windows(8).any(|run| {
        let run = std::str::from_utf8(run).unwrap();
        text.contains(run)
    })
}

/// OB-01
#[tokio::test]
async fn debug_output_holds_no_token() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.known());
    let layer = BearerAuthLayer::new(server.clone());
    let guarded = Guarded::new(layer.clone());
    let good = idp.token().mint();
    let caller = guarded.caller(&good).await;
    let mut printed = format!(
        "{caller:?} {server:?} {layer:?} {:?} {:?}",
        tower::Layer::layer(&layer, ()),
        RequireLayer::new(Rule::user()).unwrap()
    );
    assert!(!holds(&printed, &good), "{printed}");
    assert!(printed.contains("https://idp.example") && printed.contains("service-a"));

    let unknown = idp.token().kid(Some("unknown-key-name")).mint();
    for bad in [
        unknown,
        idp.token().expires_in(-61).mint(),
        idp.token()
            .issuer("https://evil.example/with-a-long-path")
            .mint(),
        idp.token().claim("act", "an-actor-of-wrong-type").mint(),
        idp.token().header("alg", "some-odd-algorithm").mint(),
        format!("{good}{good}"),
        format!("{good} {good}"),
    ] {
        let rejection = server.validate(&bad).await.unwrap_err();
        printed = format!("{rejection} {rejection:?} {:?}", rejection.response());
        assert!(!holds(&printed, &bad), "{printed}");
        for claimed in ["unknown-key", "evil.example", "an-actor", "some-odd"] {
            assert!(!printed.contains(claimed), "{printed}");
        }
    }
}

/// OB-01, BT-19
#[tokio::test]
async fn audience_and_typ_are_only_logged() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    for (bad, seen) in [
        (
            idp.token().claim("aud", "another-service").mint(),
            "another-service",
        ),
        (
            idp.token().typ(Some("some-odd-type")).mint(),
            "some-odd-type",
        ),
    ] {
        let rejection = service_a(idp.known()).validate(&bad).await.unwrap_err();
        let printed = format!("{rejection} {rejection:?}");
        assert!(
            printed.contains(seen) && !holds(&printed, &bad),
            "{printed}"
        );
        let request = http::Request::get("/").header("authorization", format!("Bearer {bad}"));
        let response = guarded.send(request.body(()).unwrap()).await;
        assert_eq!(response.status(), 401);
        let (head, body) = response.into_parts();
        let shown = format!("{:?} {body:?}", head.headers);
        assert!(!shown.contains(seen), "{shown}");
    }
}

/// OB-01, OB-02, OB-05
#[tokio::test]
async fn logs_hold_no_token() {
    let (log, _guard) = Log::capture();
    let idp = obo_testkit::TestIdp::start().await;
    let over_socket = Guarded::over_socket(&idp).requires(Rule::user());
    let admitted = idp.user("alice").audience("service-a").mint();
    let expired = idp
        .user("alice")
        .audience("service-a")
        .expires_in(-61)
        .mint();
    let denied = idp.service("service-x").audience("service-a").mint();
    assert_eq!(over_socket.status(&admitted).await, 200);
    assert_eq!(over_socket.status(&expired).await, 401);
    assert_eq!(over_socket.status(&denied).await, 403);

    let fake = FakeIssuer::new().await;
    fake.reply(JWKS, Reply::Reset);
    let unavailable = fake.token().mint();
    assert_eq!(Guarded::by(fake.known()).status(&unavailable).await, 503);
    let in_query = http::Request::get(format!("/?access_token={admitted}"));
    assert_eq!(
        over_socket.send(in_query.body(()).unwrap()).await.status(),
        401
    );

    let text = log.text();
    for token in [&admitted, &expired, &denied, &unavailable] {
        assert!(!holds(&text, token));
    }
    for expected in [
        "request allowed",
        r#"code="expired""#,
        r#"code="subject_refused""#,
        r#"code="keys_unavailable""#,
        r#"code="missing_credentials""#,
        "key set fetched",
        "key set not available",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}
