//! RFC 9728: the metadata document, and its URL in challenges.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use obo::binding::{BoundTokens, CertificateHeader};
use obo::{
    BearerAuthLayer, ProtectedResource, Rejection, RequireLayer, Resource, ResourceServer, Rule,
    Scope, Trust,
};
use obo_testkit::{TestAlg, TestKey};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::guarded::{Guarded, builder_a, challenges, service_a, with_line};
use crate::issuer::{FakeIssuer, JWKS, Reply};

const NAMED: &str =
    r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource/orders""#;

fn resource(identifier: &str, server: &ResourceServer) -> ProtectedResource {
    ProtectedResource::new(Resource::new(identifier).unwrap(), server).unwrap()
}

fn members(resource: &ProtectedResource) -> Value {
    serde_json::from_slice(&resource.document()).unwrap()
}

async fn respond(resource: &ProtectedResource, method: Method) -> Response<Bytes> {
    let request = Request::builder().method(method).body(()).unwrap();
    let response = resource.service().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// The layer of the service `https://api.example/orders`.
fn naming(server: ResourceServer) -> BearerAuthLayer {
    let resource = resource("https://api.example/orders", &server);
    BearerAuthLayer::new(server).protected_resource(&resource)
}

/// PR-01
#[tokio::test]
async fn well_known_name_precedes_path() {
    let server = service_a(FakeIssuer::new().await.known());
    let name = "/.well-known/oauth-protected-resource";
    for (identifier, origin, path) in [
        ("https://h", "https://h", ""),
        ("https://h/", "https://h", ""),
        ("https://h/v1", "https://h", "/v1"),
        ("https://h/v1/", "https://h", "/v1/"),
        ("https://h:8443/a/b", "https://h:8443", "/a/b"),
        ("http://127.0.0.1:3000/v1", "http://127.0.0.1:3000", "/v1"),
    ] {
        let resource = resource(identifier, &server);
        assert_eq!(resource.well_known_path(), format!("{name}{path}"));
        assert_eq!(resource.url(), format!("{origin}{name}{path}"));
    }
}

/// PR-01
#[tokio::test]
async fn ambiguous_identifier_is_rejected() {
    let server = service_a(FakeIssuer::new().await.known());
    for identifier in [
        "http://h",
        "urn:example:orders",
        "https://user@h/v1",
        "https://H/v1",
        "https://h:443/v1",
        "https://h/a/../b",
        "https://h/{id}",
        r#"https://h/"x""#,
        "https://h/\u{e9}",
        r"https://h\v1",
    ] {
        let resource = Resource::new(identifier).unwrap();
        let error = ProtectedResource::new(resource, &server).unwrap_err();
        assert_eq!(error.field(), "resource", "{identifier}");
    }
}

/// PR-01, PR-07
#[tokio::test]
async fn document_is_public_cacheable_json() {
    let server = service_a(FakeIssuer::new().await.known());
    let resource = resource("https://api.example/orders", &server);
    for method in [Method::GET, Method::HEAD] {
        let response = respond(&resource, method.clone()).await;
        let headers = response.headers();
        assert_eq!(response.status(), 200);
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=3600");
        let length = resource.document().len().to_string();
        assert_eq!(headers[CONTENT_LENGTH], length);
        let body = match method {
            Method::GET => resource.document(),
            _ => Bytes::new(),
        };
        assert_eq!(response.body(), &body);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = respond(&resource, method).await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        assert_eq!(response.body(), "");
    }
}

/// PR-02, PR-03
#[tokio::test]
async fn document_follows_configuration() {
    let (one, other) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://other.example").await,
    );
    let server = service_a(one.known());
    for identifier in [
        "https://api.example",
        "https://api.example/",
        "https://api.example/a",
    ] {
        let expected = json!({
            "resource": identifier,
            "authorization_servers": ["https://idp.example"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(members(&resource(identifier, &server)), expected);
    }
    let server = builder_a(one.known()).trust(other.known()).build().unwrap();
    let both = resource("https://api.example", &server);
    let issuers = json!(["https://idp.example", "https://other.example"]);
    assert_eq!(members(&both)["authorization_servers"], issuers);
    let scopes = Scope::new(["orders:write", "orders:read"]).unwrap();
    let scoped = both.clone().scopes_supported(scopes);
    let supported = json!(["orders:read", "orders:write"]);
    assert_eq!(members(&scoped)["scopes_supported"], supported);
    let none = scoped.scopes_supported(Scope::default());
    assert_eq!(members(&none), members(&both), "no empty array");
}

/// PR-03
#[tokio::test]
async fn document_shows_bound_tokens() {
    let algs = json!([
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
    ]);
    let (keys, certificates) = (
        "dpop_signing_alg_values_supported",
        "tls_client_certificate_bound_access_tokens",
    );
    let required = "dpop_bound_access_tokens_required";
    let (idp, other) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://other.example").await,
    );
    let new = BoundTokens::new;
    let dpop = || new().dpop("https://api.example");
    let header = CertificateHeader::ClientCert;
    for (tokens, demanding, expected) in [
        (None, 0, json!({})),
        (Some(new()), 0, json!({})),
        (None, 2, json!({})),
        (Some(dpop()), 0, json!({ keys: algs })),
        // One issuer may still issue plain tokens.
        (Some(dpop()), 1, json!({ keys: algs })),
        (Some(dpop()), 2, json!({ keys: algs, required: true })),
        (
            Some(dpop().require_dpop()),
            0,
            json!({ keys: algs, required: true }),
        ),
        (Some(new().certificates()), 2, json!({ certificates: true })),
        (
            Some(new().certificate_header(header, ["10.0.0.1"])),
            0,
            json!({ certificates: true }),
        ),
        // Either binding is enough.
        (
            Some(dpop().certificates()),
            2,
            json!({ keys: algs, certificates: true }),
        ),
        (
            Some(dpop().certificates().require_dpop()),
            0,
            json!({ keys: algs, certificates: true, required: true }),
        ),
    ] {
        let mut server = ResourceServer::builder("service-a");
        for (i, issuer) in [&idp, &other].into_iter().enumerate() {
            let trust = Trust::from(issuer.known());
            server = server.trust(match i < demanding {
                true => trust.require_bound(),
                false => trust,
            });
        }
        if let Some(tokens) = tokens {
            server = server.bound_tokens(tokens);
        }
        let server = server.build().unwrap();
        let mut members = members(&resource("https://api.example", &server));
        let members = members.as_object_mut().unwrap();
        for common in [
            "resource",
            "authorization_servers",
            "bearer_methods_supported",
        ] {
            members.remove(common).unwrap();
        }
        assert_eq!(json!(members), expected);
    }
}

/// PR-04
#[tokio::test]
async fn each_refusal_names_document_once() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.known());
    let rule = Rule::scopes(["a"]);
    let guarded = Guarded::new(naming(server)).requires(rule);
    let named = |rest: &str| format!("Bearer {NAMED}{rest}");
    let good = format!("Bearer {}", idp.token().mint());
    let bad = format!("Bearer {}", idp.token().expires_in(-61).mint());
    for (line, status, rest) in [
        (None, 401, ""),
        (Some("Basic YTpi"), 401, ""),
        (Some(&*bad), 401, r#", error="invalid_token""#),
        (Some("Bearer a b"), 400, r#", error="invalid_request""#),
        (
            Some(&*good),
            403,
            r#", error="insufficient_scope", scope="a""#,
        ),
    ] {
        let mut request = Request::new(());
        if let Some(line) = line {
            request
                .headers_mut()
                .insert(AUTHORIZATION, line.parse().unwrap());
        }
        let response = guarded.send(request.clone()).await;
        assert_eq!(response.status(), status, "{line:?}");
        assert_eq!(challenges(&response), [named(rest)]);

        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        *request.method_mut() = http::Method::POST;
        let response = guarded.send(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(challenges(&response), [named(rest)], "trailers-only");
    }
}

/// PR-04
#[tokio::test(start_paused = true)]
async fn refusal_after_wait_names_document() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::new(naming(service_a(idp.known())));
    idp.reply(JWKS, Reply::Status(500));
    let token = format!("Bearer {}", idp.token().mint());
    let response = guarded.with(&token).await;
    assert_eq!(response.status(), 503);
    assert!(challenges(&response).is_empty());
    idp.heal();
    tokio::time::advance(std::time::Duration::from_millis(500)).await;
    let expired = format!("Bearer {}", idp.token().expires_in(-61).mint());
    let response = guarded.with(&expired).await;
    assert_eq!(response.status(), 401);
    assert!(challenges(&response)[0].contains(NAMED));
    let response = guarded.with(&token).await;
    assert_eq!(
        (response.status().as_u16(), response.headers().len()),
        (200, 0)
    );
}

/// PR-04, DP-14, DP-15
#[tokio::test]
async fn dpop_challenge_names_document() {
    const ALGS: &str = r#"algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA""#;
    let idp = FakeIssuer::new().await;
    let key = TestKey::generate(TestAlg::Es256);
    let bound = format!("DPoP {}", idp.token().bound_to(&key).mint());
    let (bearer, offered) = (format!("Bearer {NAMED}"), format!("DPoP {NAMED}, {ALGS}"));
    let dpop = BoundTokens::new().dpop("https://api.example");
    for (tokens, expected) in [
        (dpop.clone(), vec![&*bearer, &*offered]),
        (dpop.require_dpop(), vec![&*offered]),
    ] {
        let server = builder_a(idp.known()).bound_tokens(tokens).build().unwrap();
        let guarded = Guarded::new(naming(server));
        let response = guarded.send(Request::new(())).await;
        assert_eq!(challenges(&response), expected);
        let response = guarded.with(&bound).await;
        let refused = format!(r#"DPoP {NAMED}, error="invalid_dpop_proof", {ALGS}"#);
        assert_eq!(challenges(&response), [refused], "without a proof");
    }
}

/// The challenges of a service with this response, inside this number of layers.
async fn challenged(idp: &FakeIssuer, layers: usize, response: Response<String>) -> Vec<String> {
    let layer = naming(service_a(idp.known()));
    let inner = service_fn(move |_: Request<()>| {
        let response = response.clone();
        async { Ok::<_, Infallible>(response) }
    });
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .option_layer((layers > 1).then_some(layer))
        .option_layer((layers > 2).then(|| RequireLayer::new(Rule::service()).unwrap()))
        .service(inner);
    let request = with_line(format!("Bearer {}", idp.token().mint()));
    let response = service.oneshot(request).await.unwrap();
    let challenges = challenges(&response).into_iter();
    challenges.map(str::to_owned).collect()
}

/// PR-04, BT-14, BT-16
#[tokio::test]
async fn handler_challenge_is_completed_once() {
    let idp = FakeIssuer::new().await;
    let named = format!("Bearer {NAMED}");
    let of_handler = Rejection::MissingCredentials.response();
    let response: Response<String> =
        of_handler.to_response(&http::Method::GET, &http::HeaderMap::new());
    assert_eq!(challenged(&idp, 1, response.clone()).await, [&*named]);
    assert_eq!(challenged(&idp, 2, response).await, [&*named]);

    let mut several = Response::new(String::new());
    *several.status_mut() = http::StatusCode::UNAUTHORIZED;
    let own = r#"Bearer realm="b", resource_metadata="https://other.example/x""#;
    for line in [r#"Basic realm="a, Bearer""#, "Bearer", own] {
        let line = HeaderValue::from_static(line);
        several.headers_mut().append(WWW_AUTHENTICATE, line);
    }
    let expected = [r#"Basic realm="a, Bearer""#, &*named, own];
    assert_eq!(challenged(&idp, 1, several).await, expected);

    let by_rule = challenged(&idp, 3, Response::new(String::new())).await;
    let expected = format!(r#"{named}, error="insufficient_scope""#);
    assert_eq!(by_rule, [expected]);
}

/// PR-04
#[tokio::test]
async fn layer_without_document_names_none() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    assert_eq!(challenges(&guarded.with("Basic YTpi").await), ["Bearer"]);
}
