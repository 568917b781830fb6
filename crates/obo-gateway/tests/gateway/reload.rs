//! A new configuration while the gateway serves, and names that the program registers.

use std::fs;
use std::net::SocketAddr;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo::Profile;
use obo::dialect::Rfc8693;
use obo_config::Setup;
use obo_gateway::{Config, Gateway, StartError};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::world::World;

fn config(issuer: &str, route: &str) -> Config {
    Config::parse(&format!(
        "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
         issuers = [{{ issuer = \"{issuer}\", profile = \"corp\" }}]\n[[routes]]\n{route}"
    ))
    .unwrap()
}

async fn status(address: SocketAddr, idp: &TestIdp, path: &str) -> StatusCode {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let token = idp.user("alice").audience("service-a").typ(Some("JWT"));
    let request = Request::get(format!("http://{address}{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", token.mint()))
        .body(Body::empty());
    client.request(request.unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn reload_replaces_issuers_and_routes() {
    let (first, second) = tokio::join!(TestIdp::start(), TestIdp::start());
    let setup = Setup::new().profile("corp", Profile::LENIENT);
    let start = config(first.issuer(), "path = \"/a\"");
    let gateway = Gateway::start_with(start, setup).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.clone().serve(listener, std::future::pending()));
    assert_eq!(status(address, &first, "/a").await, 200);
    assert_eq!(status(address, &second, "/a").await, 401);

    let next = config(second.issuer(), "path = \"/b\"");
    gateway.reload(next).await.unwrap();
    assert_eq!(status(address, &first, "/a").await, 401);
    assert_eq!(status(address, &second, "/a").await, 404);
    assert_eq!(status(address, &second, "/b").await, 200);

    let wrong = config(first.issuer(), "path = \"/c\"\nscopes = []");
    let error = gateway.reload(wrong).await.unwrap_err();
    assert!(matches!(error, StartError::Config(_)), "{error}");
    assert_eq!(status(address, &second, "/b").await, 200);
}

#[tokio::test]
async fn reload_keeps_what_is_unchanged() {
    let world = World::start().await;
    let file = |secret: &str, more: &str| {
        let (idp, upstream) = (world.idp.issuer(), &world.upstream_url);
        Config::parse(&format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
             issuers = [{{ issuer = \"{idp}\"{more} }}]\n\
             [client]\nid = \"service-a\"\nclient_secret_basic = \"{secret}\"\n\
             [[routes]]\npath = \"/a\"\nupstream = \"{upstream}\"\n\
             exchange = {{ issuer = \"{idp}\", audience = \"service-b\" }}"
        ))
        .unwrap()
    };
    let gateway = Gateway::start(file("s3cret", "")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.clone().serve(listener, std::future::pending()));
    let token = world.alice().mint();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let fetched = async || {
        let request = Request::get(format!("http://{address}/a"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty());
        let response = client.request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        (world.idp.jwks_requests(), world.idp.token_requests())
    };
    assert_eq!(fetched().await, (1, 1));
    for (secret, more, requests) in [
        ("s3cret", "", (1, 1)),
        // Another policy fetches its keys again.
        ("s3cret", ", leeway = \"5s\"", (2, 1)),
        // Another client does not get the cached tokens.
        ("an0ther", ", leeway = \"5s\"", (3, 2)),
        ("an0ther", ", leeway = \"5s\"", (3, 2)),
    ] {
        world.idp.client("service-a").secret(secret);
        gateway.reload(file(secret, more)).await.unwrap();
        assert_eq!(fetched().await, requests, "{secret} {more}");
    }
}

/// One part of a JWT: 0 is the header, 1 the claims.
fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).expect("a compact JWS");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// DP-23
#[tokio::test]
async fn reload_reads_the_key_again() {
    let path = std::env::temp_dir().join(format!("obo-reload-{}.pem", std::process::id()));
    let [first, second] = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
    fs::write(&path, first.private_pem()).unwrap();
    let world = World::start().await;
    let config = || {
        let (idp, upstream, key) = (world.idp.issuer(), &world.upstream_url, path.display());
        let file = format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
             issuers = [{{ issuer = \"{idp}\" }}]\n\
             [client]\nid = \"service-a\"\nclient_secret_basic = \"s3cret\"\n\
             dpop_key = {{ key = \"{key}\", alg = \"ES256\" }}\n\
             [[routes]]\npath = \"/a\"\nupstream = \"{upstream}\"\n\
             exchange = {{ issuer = \"{idp}\", audience = \"service-b\", bind = \"dpop\" }}"
        );
        Config::parse(&file).unwrap()
    };
    let gateway = Gateway::start(config()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.clone().serve(listener, std::future::pending()));
    let token = world.alice().mint();
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let call_with = async |key: &TestKey, requests: usize| {
        let request = Request::get(format!("http://{address}/a"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty());
        let response = client.request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let seen = world.upstream.seen().pop().unwrap();
        let sent = |name: &str| seen.headers[name].to_str().unwrap();
        let bound = sent("authorization").strip_prefix("DPoP ").unwrap();
        assert_eq!(part(bound, 1)["cnf"]["jkt"], key.thumbprint());
        let jwk = &part(sent("dpop"), 0)["jwk"];
        assert_eq!(jwk["x"], key.public_jwk("k")["x"]);
        assert_eq!(world.idp.token_requests(), requests);
    };
    call_with(&first, 1).await;
    fs::write(&path, second.private_pem()).unwrap();
    call_with(&first, 1).await;
    gateway.reload(config()).await.unwrap();
    call_with(&second, 2).await;
    fs::write(&path, "half").unwrap();
    let error = gateway.reload(config()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("client.dpop_key.key: "),
        "{error}"
    );
    call_with(&second, 2).await;
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn named_dialect_needs_its_setup() {
    let route = "path = \"/a\"\nupstream = \"http://127.0.0.1:9\"\n\
                 exchange = { issuer = \"http://127.0.0.1:9/a\", audience = \"b\", dialect = \"corp\" }\n\
                 [client]\nid = \"c\"\nclient_secret_basic = \"s3cret\"";
    let setup = Setup::new().profile("corp", Profile::LENIENT);
    let of = || config("http://127.0.0.1:9/a", route);
    let error = Gateway::start_with(of(), setup.clone()).await.map(drop);
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("routes[0].exchange.dialect: "), "{error}");
    let setup = setup.dialect("corp", Rfc8693::new());
    Gateway::start_with(of(), setup).await.unwrap();
}

#[tokio::test]
async fn resource_metadata_needs_no_token() {
    let world = World::configured(
        "[protected_resource]\nresource = \"https://api.example/orders\"\nscopes = [\"read\"]",
    )
    .await;
    let path = "/.well-known/oauth-protected-resource/orders";
    let open = Request::get(format!("http://{}{path}", world.address)).body(Body::empty());
    let got = world.send(open.unwrap()).await;
    assert_eq!(got.status, 200);
    let document = got.json();
    assert_eq!(document["resource"], "https://api.example/orders");
    assert_eq!(document["authorization_servers"][0], world.idp.issuer());
    let closed = Request::get(format!("http://{}/scoped", world.address)).body(Body::empty());
    let got = world.send(closed.unwrap()).await;
    assert_eq!(got.status, 401);
    let metadata = format!("resource_metadata=\"https://api.example{path}\"");
    let challenge = got.field("www-authenticate");
    assert!(challenge.contains(&metadata), "{challenge}");
}

/// A route has every setting that code has.
#[tokio::test]
async fn route_has_every_rule_setting() {
    let world = World::configured(
        r#"
        [[clients]]
        issuer = "http://127.0.0.1:9/elsewhere"
        id = "service-a"
        client_secret_basic = "a-third"

        [[routes]]
        path = "/fresh"
        roles = ["reader"]
        kind = "user"
        any_of = [{ scopes = ["a"] }, { scopes = ["b"] }]

        [[routes]]
        path = "/tuned"
        upstream = "UPSTREAM"

        [routes.exchange]
        issuer = "http://127.0.0.1:9/elsewhere"
        audiences = ["service-b"]
        required_scopes = ["b.read"]
        subject_issuers = ["IDP"]
        dialect = { base = "rfc8693", extra_parameters = { tenant = "corp" } }
        deadline = "5s"
        concurrency = 8
        cache = { lifetime = "5m" }
        "#,
    )
    .await;
    let reader = || world.alice().claim("roles", serde_json::json!(["reader"]));
    for (token, status) in [
        (reader().scope("a").mint(), 200),
        (reader().scope("b").mint(), 200),
        (reader().scope("c").mint(), 403),
        (world.alice().scope("a").mint(), 403),
    ] {
        assert_eq!(world.get(&token, "/fresh").await.status, status);
    }
}
