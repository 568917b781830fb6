//! Requests without a token: public routes, preflights and probes.

use axum::body::Body;
use http::Request;
use obo_gateway::Config;

use crate::world::{Got, World};

const OPEN: &str = r#"
[probes]
live = "/healthz"
ready = "/readyz"

[[routes]]
path = "/docs"
upstream = "UPSTREAM/base"
public = true

[[routes]]
path = "/browser/{*rest}"
scopes = ["read:orders"]
upstream = "UPSTREAM"
preflight = true
exchange = { issuer = "IDP", audience = "service-b" }
"#;

async fn ask(world: &World, method: &str, path: &str, fields: &[(&str, &str)]) -> Got {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", world.address));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn public_route_needs_no_token() {
    let world = World::configured(OPEN).await;
    assert_eq!(ask(&world, "GET", "/docs", &[]).await.status, 200);
    let seen = world.upstream.only();
    assert_eq!(seen.uri.path(), "/base");
    assert!(!seen.headers.contains_key("authorization"));
    // A token is not forwarded, and an invalid token is rejected.
    let token = world.alice().mint();
    assert_eq!(world.get(&token, "/docs").await.status, 200);
    for seen in world.upstream.seen() {
        assert!(!seen.headers.contains_key("authorization"));
    }
    assert_eq!(world.get("bad", "/docs").await.status, 401);
    for other in ["/docs/", "/Docs", "/docs/x", "/orders/1", "/none"] {
        assert_eq!(ask(&world, "GET", other, &[]).await.status, 401, "{other}");
    }
}

#[tokio::test]
async fn preflight_passes_where_configured() {
    const PREFLIGHT: [(&str, &str); 2] = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "PUT"),
    ];
    let world = World::configured(OPEN).await;
    world
        .upstream
        .will_say(204, &[("access-control-allow-methods", "PUT")]);
    let got = ask(&world, "OPTIONS", "/browser/1", &PREFLIGHT).await;
    assert_eq!(
        (got.status, got.field("access-control-allow-methods")),
        (204, "PUT")
    );
    let seen = world.upstream.only();
    assert!(!seen.headers.contains_key("authorization"));
    for (method, path, fields) in [
        ("OPTIONS", "/browser/1", &PREFLIGHT[..1]),
        ("OPTIONS", "/browser/1", &PREFLIGHT[1..]),
        ("PUT", "/browser/1", &PREFLIGHT),
        // The response does not show whether a route exists.
        ("OPTIONS", "/orders/1", &PREFLIGHT),
        ("OPTIONS", "/none", &PREFLIGHT),
    ] {
        let got = ask(&world, method, path, fields).await;
        assert_eq!(got.status, 401, "{method} {path}");
        assert_eq!(got.field("www-authenticate"), "Bearer");
    }
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn probes_need_no_token() {
    let world = World::configured(OPEN).await;
    for path in ["/healthz", "/readyz"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&world, method, path, &[]).await.status, 200, "{path}");
        }
        assert_eq!(ask(&world, "POST", path, &[]).await.status, 401, "{path}");
    }
    // Without the configuration, there are no probes at these paths.
    let world = World::start().await;
    assert_eq!(ask(&world, "GET", "/healthz", &[]).await.status, 401);
}

#[tokio::test]
async fn dead_lazy_issuer_holds_no_readiness() {
    for dead in ["CLOSED", "CLOSED\", jwks_uri = \"CLOSED/keys"] {
        let issuers = format!(r#"{{ issuer = "IDP" }}, {{ issuer = "{dead}", lazy = true }}"#);
        let world = World::with(&issuers, OPEN).await;
        assert_eq!(
            ask(&world, "GET", "/readyz", &[]).await.status,
            200,
            "{dead}"
        );
    }
}

#[tokio::test]
async fn mistake_in_open_paths_is_named() {
    const START: &str = r#"
listen = "127.0.0.1:0"
[resource_server]
audiences = ["orders"]
issuers = [{ issuer = "http://127.0.0.1:9/a" }]
"#;
    const ROUTE: &str = "[[routes]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:9\"\n";
    for (file, expected) in [
        (
            format!("{ROUTE}public = true\nscopes = [\"a\"]"),
            "routes[0].public: ",
        ),
        (
            format!(
                "{ROUTE}public = true\nexchange = {{ issuer = \"http://127.0.0.1:9/a\", audience = \"b\" }}"
            ),
            "routes[0].exchange: cannot be combined with `public`",
        ),
        (
            format!("{ROUTE}preflight = true"),
            "routes[0].exchange: is missing",
        ),
        (
            "[[routes]]\npath = \"/a\"\npublic = true".to_owned(),
            "routes[0].upstream: is missing",
        ),
        (
            format!("{ROUTE}public = true").replace("\"/a\"", "\"/a/{*rest}\""),
            "routes[0].path: ",
        ),
        (
            format!("{ROUTE}public = true").replace("127.0.0.1:9", "stock.example"),
            "routes[0].upstream: ",
        ),
        (
            format!("{ROUTE}public = true\n[probes]\nlive = \"/a/../b\""),
            "probes.live: ",
        ),
        (
            format!("{ROUTE}public = true\n[probes]\nlive = \"/h\"\nready = \"/h\""),
            "probes.ready: ",
        ),
        (
            format!("{ROUTE}public = true\n[headers]\norigin = \"api\""),
            "headers.origin: ",
        ),
        (
            format!("{ROUTE}public = true\n[headers]\nforwarding = \"pass\""),
            "headers.forwarding: unknown variant",
        ),
        (
            format!("{ROUTE}public = true\n[limits]\nconnections = 0"),
            "limits.connections: ",
        ),
        (
            format!("{ROUTE}public = true\n[limits]\nidle = \"0s\""),
            "limits.idle: ",
        ),
    ] {
        let config = Config::parse(&format!("{START}{file}"));
        let error = match config {
            Err(error) => error.to_string(),
            Ok(config) => obo_gateway::Gateway::start(config)
                .await
                .map(drop)
                .unwrap_err()
                .to_string(),
        };
        assert!(error.contains(expected), "{file}: {error}");
    }
}
