//! Responses of the token endpoint without a token, each with its class: no call is made, nothing
//! is cached.

use std::future::ready;
use std::time::Duration;

use http::Request;
use obo::destination::Target;
use obo::error::ExchangeErrorKind as Kind;
use obo::{CallError, Destination, ExchangeError, Scope};
use obo_testkit::{Endpoint, Fault};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, URI_OF_B, assert_answer, audience, to_b};
use crate::stub::{Reply, Stub, issued, json as json_response};

/// The error of a call whose exchange gets this response.
async fn refused(setup: &Setup, stub: &Stub) -> ExchangeError {
    let caller = setup.caller("alice").await;
    let (service, downstream) = to_b(&stub.exchange());
    let service = service.on_behalf_of(&caller);
    for asked in 1..=3 {
        if asked == 3 {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(1)).await;
            tokio::time::resume();
        }
        let called = service.clone().oneshot(Request::new(())).await;
        let Err(CallError::Exchange(error)) = called else {
            panic!("called: {:?}", stub.asked());
        };
        assert!(downstream.received().is_empty());
        let requests = match error.kind() {
            Kind::SubjectInvalid | Kind::TargetDenied | Kind::StepUp => 1,
            Kind::Transient | Kind::Throttled => 3 * asked,
            // The setup is wrong: for a second, the server would respond in the same way.
            _ => asked.max(2) - 1,
        };
        assert_eq!(stub.requests(), requests, "{error}");
        if asked == 3 {
            assert_answer(&error);
            return error;
        }
    }
    unreachable!()
}

async fn refused_body(
    setup: &Setup,
    reply: impl Fn() -> Reply + Clone + Send + Sync + 'static,
) -> ExchangeError {
    refused(setup, &Stub::new(setup, move |_| ready(reply()))).await
}

/// TX-13, TX-14, TX-15
#[tokio::test]
async fn non_bearer_token_is_unusable() {
    let setup = Setup::start().await;
    let urn = |kind: &str| format!("urn:ietf:params:oauth:token-type:{kind}");
    for wrong in [
        json!({ "token_type": "N_A" }),
        json!({ "token_type": "DPoP" }),
        json!({ "token_type": "mac" }),
        json!({ "token_type": "" }),
        json!({ "token_type": 1 }),
        json!({ "token_type": null }),
        json!({ "issued_token_type": null }),
        json!({ "issued_token_type": "access_token" }),
        json!({ "issued_token_type": urn("refresh_token") }),
        json!({ "issued_token_type": urn("id_token") }),
        json!({ "issued_token_type": urn("saml2") }),
        json!({ "access_token": null }),
        json!({ "access_token": 7 }),
        json!({ "access_token": [] }),
    ] {
        let reply = wrong.clone();
        let error = refused_body(&setup, move || issued("opaque", reply.clone())).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{wrong}");
    }
}

/// TX-14
#[tokio::test]
async fn bearer_is_case_insensitive() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for spelled in ["bearer", "BEARER", "bEaReR"] {
        let reply = json!({ "token_type": spelled });
        let stub = Stub::new(&setup, move |_| ready(issued("opaque", reply.clone())));
        let exchanged = stub.exchange().token(&caller, audience("service-b")).await;
        let value = exchanged.unwrap().token().authorization().clone();
        assert_eq!(value, "Bearer opaque");
    }
}

/// TX-39
#[tokio::test]
async fn non_header_value_is_unusable() {
    let setup = Setup::start().await;
    for token in [
        "",
        "a b",
        "a,b",
        "a\r\nx-admin: 1",
        "a\0",
        "\n",
        "é",
        "a=b",
        "=",
        "a\u{7f}",
    ] {
        let error = refused_body(&setup, move || issued(token, json!({}))).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{token:?}");
    }
    for length in [16 * 1024 + 1, 200 * 1024, 1024 * 1024] {
        let error = refused_body(&setup, move || issued(&"a".repeat(length), json!({}))).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{length}");
    }
}

/// A token as the server issues it, except for other claims.
fn jwt(setup: &Setup, claims: &Value) -> String {
    let token = setup.idp.user("alice").audience("service-b");
    let claims = claims.as_object().unwrap();
    let token = claims
        .iter()
        .fold(token, |token, (name, value)| match value {
            Value::Null => token.without(name),
            value => token.claim(name, value.clone()),
        });
    token.mint()
}

/// AT-14
#[tokio::test]
async fn wrong_jwt_claims_are_rejected() {
    let setup = Setup::start().await;
    let now = obo::time::Clock::system().now().as_secs();
    for wrong in [
        json!({ "aud": "service-c" }),
        json!({ "aud": ["service-c", "service-bb"] }),
        json!({ "aud": null }),
        json!({ "aud": {} }),
        json!({ "sub": "bob" }),
        json!({ "sub": null }),
        json!({ "sub": ["alice"] }),
        json!({ "exp": now - 1 }),
        json!({ "exp": 0 }),
    ] {
        let token = jwt(&setup, &wrong);
        let error = refused_body(&setup, move || issued(&token, json!({}))).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{wrong}");
    }
    let caller = setup.caller("alice").await;
    for right in [json!({}), json!({ "aud": ["service-c", "service-b"] })] {
        let token = jwt(&setup, &right);
        let stub = Stub::new(&setup, move |_| ready(issued(&token, json!({}))));
        let exchanged = stub.exchange().token(&caller, audience("service-b")).await;
        exchanged.unwrap();
    }
}

/// TX-39
#[tokio::test]
async fn returned_subject_token_is_unusable() {
    let setup = Setup::start().await;
    let token = setup
        .idp
        .user("alice")
        .audience("service-a")
        .audience("service-b");
    let token = token.mint();
    let caller = setup.validated(&token).await;
    let stub = Stub::new(&setup, move |_| ready(issued(&token, json!({}))));
    let exchanged = stub.exchange().token(&caller, audience("service-b")).await;
    assert_eq!(exchanged.unwrap_err().kind(), Kind::ResponseUnusable);
}

/// TX-17
#[tokio::test]
async fn wider_scope_is_rejected() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for (granted, expected) in [
        (json!("read write admin"), None),
        (json!("READ"), None),
        (json!("re\"ad"), None),
        (json!(["read"]), None),
        (json!("write"), Some("write")),
        (json!(""), Some("")),
        (json!(null), Some("read write")),
    ] {
        let reply = json!({ "scope": granted });
        let stub = Stub::new(&setup, move |_| ready(issued("opaque", reply.clone())));
        let scope = Scope::new(["read", "write"]).unwrap();
        let target = Target::audience(audience("service-b")).with_scope(scope);
        let exchanged = stub.exchange().token(&caller, target).await;
        match expected {
            Some(scope) => assert_eq!(exchanged.unwrap().token().scope().to_string(), scope),
            None => assert_eq!(exchanged.unwrap_err().kind(), Kind::ResponseUnusable),
        }
    }
}

/// TX-17
#[tokio::test]
async fn narrower_scope_may_be_rejected() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        let granted = ["read", "read", "read write"][number];
        ready(issued(&format!("t{number}"), json!({ "scope": granted })))
    });
    tokio::time::pause();
    let (exchange, downstream) = (stub.exchange(), Downstream::default());
    let to_b = || Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let call = |destination: Destination| {
        let layer = exchange.to_destination(destination).unwrap();
        let service = layer.layer(downstream.clone()).on_behalf_of(&caller);
        async move { service.oneshot(Request::new(())).await }
    };
    let strict = || to_b().required_scopes(["read", "write"]);
    let lenient = || to_b().scopes(["read", "write"]);
    let denied = async || match call(strict()).await {
        Err(CallError::Exchange(error)) => error,
        other => panic!("{other:?}"),
    };
    let error = denied().await;
    assert_eq!(error.kind(), Kind::TargetDenied);
    assert!(
        error.to_string().contains("\"write\" is missing"),
        "{error}"
    );
    assert_answer(&error);
    assert!(downstream.received().is_empty());
    // Neither gets the token of the other.
    call(lenient()).await.unwrap();
    assert_eq!(downstream.authorization(), "Bearer t1");
    assert_eq!(denied().await.kind(), Kind::TargetDenied);
    assert_eq!(stub.requests(), 2);
    // A denied token is not requested again at once.
    tokio::time::advance(Duration::from_secs(5)).await;
    call(strict()).await.unwrap();
    assert_eq!(downstream.authorization(), "Bearer t2");
}

/// TE-06
#[tokio::test]
async fn non_json_object_is_unusable() {
    let setup = Setup::start().await;
    let utf16 = "{\"access_token\":\"a\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes);
    let utf16: Vec<u8> = utf16.collect();
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"token\"".to_vec(),
        b"{\"access_token\":\"a\"".to_vec(),
        b"{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}".to_vec(),
        b"{\"error\":null}".to_vec(),
        utf16,
    ] {
        let text = String::from_utf8_lossy(&body).into_owned();
        let reply = move || {
            let mut reply = issued("opaque", json!({}));
            *reply.body_mut() = body.clone().into();
            reply
        };
        let error = refused_body(&setup, reply).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{text}");
        assert!(
            text.len() < 4 || !error.to_string().contains(&text),
            "{error}"
        );
    }
}

/// TX-21
#[tokio::test]
async fn error_in_200_has_its_class() {
    let setup = Setup::start().await;
    for (code, kind) in [
        ("invalid_grant", Kind::SubjectInvalid),
        ("invalid_target", Kind::TargetDenied),
        ("invalid_client", Kind::ClientMisconfigured),
        ("who", Kind::ResponseUnusable),
    ] {
        let reply = move || json_response(200, &json!({ "error": code }));
        let error = refused_body(&setup, reply).await;
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.oauth_code(), Some(code));
    }
}

/// TX-13
#[tokio::test]
async fn token_for_other_target_is_unusable() {
    let setup = Setup::start().await;
    for member in ["audience", "resource"] {
        for other in [json!("ServiceA"), json!(["ServiceA"])] {
            let more = json!({ member: other });
            let error = refused_body(&setup, move || issued("opaque", more.clone())).await;
            assert_eq!(error.kind(), Kind::ResponseUnusable, "{member}");
            assert!(error.to_string().contains("ServiceA"), "{error}");
        }
    }
}

/// TE-06
#[tokio::test]
async fn other_media_type_is_unusable() {
    let setup = Setup::start().await;
    for media_type in [
        "text/html",
        "application/jsonp",
        "text/json",
        "application/jwt",
        "",
    ] {
        let reply = move || {
            let mut reply = issued("opaque", json!({}));
            let value = media_type.parse().unwrap();
            reply.headers_mut().insert("content-type", value);
            reply
        };
        let error = refused_body(&setup, reply).await;
        assert_eq!(error.kind(), Kind::ResponseUnusable, "{media_type}");
    }
}

/// TX-21
#[tokio::test]
async fn each_refusal_has_its_class() {
    let setup = Setup::start().await;
    for (status, body, kind) in [
        (400, r#"{"error":"invalid_request"}"#, Kind::SubjectInvalid),
        (400, r#"{"error":"invalid_grant"}"#, Kind::SubjectInvalid),
        (400, r#"{"error":"invalid_target"}"#, Kind::TargetDenied),
        (400, r#"{"error":"invalid_scope"}"#, Kind::TargetDenied),
        (403, r#"{"error":"access_denied"}"#, Kind::TargetDenied),
        (400, r#"{"error":"interaction_required"}"#, Kind::StepUp),
        (
            400,
            r#"{"error":"insufficient_user_authentication"}"#,
            Kind::StepUp,
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            Kind::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_client"}"#,
            Kind::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            Kind::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unsupported_grant_type"}"#,
            Kind::ClientMisconfigured,
        ),
        (401, "", Kind::ClientMisconfigured),
        (400, r#"{"error":"slow_down"}"#, Kind::Throttled),
        (429, "<html>", Kind::Throttled),
        (
            503,
            r#"{"error":"temporarily_unavailable"}"#,
            Kind::Transient,
        ),
        (500, r#"{"error":"invalid_grant"}"#, Kind::Transient),
        (502, "<html>bad gateway</html>", Kind::Transient),
        (400, r#"{"error":"something_new"}"#, Kind::ResponseUnusable),
        (400, r#"{"error":7}"#, Kind::ResponseUnusable),
        (404, "not found", Kind::ResponseUnusable),
        (
            201,
            r#"{"access_token":"a","token_type":"Bearer"}"#,
            Kind::ResponseUnusable,
        ),
        (204, "", Kind::ResponseUnusable),
        (302, "", Kind::ResponseUnusable),
    ] {
        let reply = move || {
            let mut reply = issued("", json!({}));
            *reply.status_mut() = http::StatusCode::from_u16(status).unwrap();
            *reply.body_mut() = body.into();
            reply
        };
        let error = refused_body(&setup, reply).await;
        assert_eq!(error.kind(), kind, "{status} {body}");
    }
}

/// TX-21
#[tokio::test]
async fn real_refusals_have_their_class() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let denied = setup.exchange().token(&caller, audience("service-z")).await;
    let denied = denied.unwrap_err();
    assert_eq!(denied.kind(), Kind::TargetDenied);
    assert_eq!(denied.oauth_code(), Some("invalid_target"));
    assert!(denied.to_string().contains("\"service-z\""), "{denied}");

    setup.idp.client("service-a").secret("another");
    let denied = setup.exchange().token(&caller, audience("service-b")).await;
    assert_eq!(denied.unwrap_err().kind(), Kind::ClientMisconfigured);
}

/// TE-08
#[tokio::test]
async fn requested_pause_is_bounded() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for (status, asked, expected, kind) in [
        (429, "70", 70, Kind::Throttled),
        (503, "70", 70, Kind::Transient),
        (429, "999999999", 300, Kind::Throttled),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 300, Kind::Throttled),
    ] {
        let fault = Fault::RetryAfter(status, asked.to_owned());
        setup.idp.fault_once(Endpoint::Token, fault);
        let refused = setup.exchange().token(&caller, audience("service-b")).await;
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.response().retry_after(), Some(expected), "{asked}");
    }
}

/// TX-21
#[tokio::test]
async fn step_up_names_what_is_missing() {
    let setup = Setup::start().await;
    let error = refused_body(&setup, || {
        let body = json!({
            "error": "insufficient_user_authentication",
            "acr_values": "gold \"silver\"",
            "max_age": 30,
        });
        crate::stub::json(400, &body)
    })
    .await;
    let challenge = error.response().challenge().unwrap();
    let challenge = challenge.to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""));
    assert!(challenge.contains("max_age"), "{challenge}");
    assert!(!challenge.contains("silver"), "{challenge}");
}

/// TX-18
#[tokio::test]
async fn refresh_token_changes_nothing() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let more = json!({ "refresh_token": "r3fresh", "unknown": { "member": [1] } });
    setup.idp.fault(Endpoint::Token, Fault::Merge(more));
    let exchanged = setup.exchange().token(&caller, audience("service-b")).await;
    let text = format!("{:?}", exchanged.unwrap());
    assert!(!text.contains("r3fresh"), "{text}");
}
