//! The layer on tonic's own server, seen by tonic's client and by a plain HTTP/2 client.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::stream;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo::{BearerAuthLayer, ProtectedResource, Resource, Rule};
use obo_testkit::{Endpoint, Fault, TestIdp};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::whoami::{
    PATH, accepts, call, channel, serve, serve_behind, serve_expiring, token, with_token,
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The status, gRPC status and challenge of a response that has only headers.
async fn refused(
    address: SocketAddr,
    content_type: &str,
    line: Option<&str>,
    body: Body,
) -> (u16, String, Option<String>) {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let mut request = http::Request::post(format!("http://{address}{PATH}"))
        .header(CONTENT_TYPE, content_type)
        .header("te", "trailers");
    if let Some(line) = line {
        request = request.header(AUTHORIZATION, line);
    }
    let response = client.request(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let rest = body.collect().await.unwrap();
    assert!(rest.trailers().is_none() && rest.to_bytes().is_empty());
    assert_eq!(parts.headers[CONTENT_TYPE], content_type);
    let text = |name: &str| {
        let value = parts.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let status = parts.status.as_u16();
    (
        status,
        text("grpc-status").unwrap(),
        text("www-authenticate"),
    )
}

/// One empty message.
fn message() -> Body {
    Full::new(Bytes::from_static(&[0; 5])).boxed_unsync()
}

/// GR-01, GR-02
#[tokio::test]
async fn refusal_is_200_with_grpc_status() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, None).await;
    let invalid = || Some(r#"Bearer error="invalid_token""#.to_owned());
    let expired = format!("Bearer {}", token(&idp).expires_in(-61).mint());
    for content_type in ["application/grpc", "application/grpc+proto"] {
        for (line, challenge) in [
            (None, Some("Bearer".to_owned())),
            (Some("Bearer x"), invalid()),
            (Some(&*expired), invalid()),
            (
                Some("Bearer"),
                Some(r#"Bearer error="invalid_request""#.to_owned()),
            ),
        ] {
            let got = refused(service, content_type, line, message()).await;
            assert_eq!(got, (200, "16".to_owned(), challenge), "{line:?}");
        }
    }
}

/// GR-03
#[tokio::test]
async fn interceptor_rule_responds_alike() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, Some(Rule::actors(["service-a"]))).await;
    let direct = format!("Bearer {}", token(&idp).mint());
    let (status, code, challenge) =
        refused(service, "application/grpc", Some(&direct), message()).await;
    assert_eq!((status, &*code), (200, "7"));
    assert_eq!(challenge.unwrap(), r#"Bearer error="insufficient_scope""#);
}

/// GR-08
#[tokio::test]
async fn refusal_does_not_wait_for_body() {
    let idp = TestIdp::start().await;
    let service = serve(&idp, None).await;
    let endless = || StreamBody::new(stream::pending()).boxed_unsync();
    let (_, code, _) = refused(service, "application/grpc", Some("Bearer x"), endless()).await;
    assert_eq!(code, "16");
}

/// GR-01, GR-03, GR-04, GR-06
#[tokio::test]
async fn client_sees_codes_and_reasons() {
    let idp = TestIdp::start().await;
    let anyone = channel(serve(&idp, None).await);
    let by_a = channel(serve(&idp, Some(Rule::actors(["service-a"]))).await);
    let code = |channel: &tonic::transport::Channel, token: Option<String>| {
        let called = call(channel.clone(), with_token(token.as_deref()));
        async {
            called.await.map_err(|status| {
                let info = status.get_details_error_info().unwrap();
                (status.code(), info.reason)
            })
        }
    };
    let alice = token(&idp).mint();
    let acting = token(&idp).actor("service-a").mint();
    let another = token(&idp).actor("service-a").actor("service-x").mint();
    assert_eq!(
        code(&anyone, Some(alice.clone())).await,
        Ok("alice by no actor".to_owned())
    );
    assert_eq!(
        code(&by_a, Some(acting)).await,
        Ok("alice by service-a".to_owned())
    );
    let denied = || Err((Code::PermissionDenied, "ACTOR_REFUSED".to_owned()));
    assert_eq!(code(&by_a, Some(alice)).await, denied());
    assert_eq!(code(&by_a, Some(another)).await, denied());
    let missing = (Code::Unauthenticated, "MISSING_CREDENTIALS".to_owned());
    assert_eq!(code(&anyone, None).await, Err(missing));

    idp.fault(Endpoint::Jwks, Fault::Status(500));
    let without_keys = channel(serve(&idp, None).await);
    let unavailable = call(without_keys, with_token(Some(&token(&idp).mint()))).await;
    let status = unavailable.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
}

/// PR-04
#[tokio::test]
async fn every_status_names_metadata() {
    let idp = TestIdp::start().await;
    let server = accepts(&idp, "service-b");
    let identifier = Resource::new("https://stock.example").unwrap();
    let resource = ProtectedResource::new(identifier, &server).unwrap();
    let layer = BearerAuthLayer::new(server).allow_anonymous();
    let layer = layer.protected_resource(&resource);
    let named = r#"resource_metadata="https://stock.example/.well-known/oauth-protected-resource""#;
    let by_accessor = serve_behind(layer.clone(), None).await;
    let by_interceptor = serve_behind(layer, Some(Rule::service())).await;
    let alice = format!("Bearer {}", token(&idp).mint());
    for (service, line, code, challenge) in [
        (by_accessor, None, "16", format!("Bearer {named}")),
        (by_interceptor, None, "16", format!("Bearer {named}")),
        (
            by_interceptor,
            Some(&*alice),
            "7",
            format!(r#"Bearer {named}, error="insufficient_scope""#),
        ),
        (
            by_accessor,
            Some("Bearer x"),
            "16",
            format!(r#"Bearer {named}, error="invalid_token""#),
        ),
    ] {
        let got = refused(service, "application/grpc", line, message()).await;
        assert_eq!(got, (200, code.to_owned(), Some(challenge)), "{line:?}");
    }
}

/// GR-02
#[tokio::test]
async fn layer_added_first_runs_first() {
    let idp = TestIdp::start().await;
    let alice = token(&idp).mint();
    let called = async |expiry_is_first| {
        let service = serve_expiring(accepts(&idp, "service-b"), expiry_is_first).await;
        call(channel(service), with_token(Some(&alice))).await
    };
    assert_eq!(called(false).await.unwrap(), "alice by no actor");
    let refused = called(true).await.unwrap_err();
    let reason = refused.get_details_error_info().unwrap().reason;
    assert_eq!(
        (refused.code(), &*reason),
        (Code::Internal, "MISCONFIGURED")
    );
}

/// A token must not be sent as plain text. Here tonic has a feature for TLS in any case, so the
/// manifest is read too.
#[tokio::test]
async fn https_without_tls_does_not_connect() {
    let manifest = include_str!("../../Cargo.toml");
    let (dependencies, _) = manifest.split_once("[features]").unwrap();
    assert!(dependencies.contains(r#"features = ["_tls-any"]"#));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{address}")).unwrap();
    endpoint.connect().await.unwrap_err();
}
