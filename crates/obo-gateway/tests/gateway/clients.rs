//! Each authorization server gets the client that is registered there.

use axum::body::Body;
use http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo_gateway::{Config, Gateway};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;

use crate::upstream::Upstream;
use crate::world::World;

const CONFIG: &str = r#"
listen = "127.0.0.1:0"
[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "IDP_A", introspection = { for = "revocation" } }]
[client]
id = "service-a"
client_secret_basic = "secret-for-a"
[[clients]]
issuer = "IDP_B"
id = "service-a"
client_secret_basic = "secret-for-b"
[[routes]]
path = "/a/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "IDP_A", audience = "service-b" }
[[routes]]
path = "/b/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "IDP_B", audience = "service-b", subject_issuers = ["IDP_A"] }
"#;

#[tokio::test]
async fn each_server_gets_its_own_secret() {
    let (a, b) = (TestIdp::start().await, TestIdp::start().await);
    a.client("service-a")
        .secret("secret-for-a")
        .may_exchange_to("service-b");
    b.client("service-a")
        .secret("secret-for-b")
        .may_exchange_to("service-b");
    let (_upstream, url) = Upstream::start().await;
    let config = CONFIG
        .replace("IDP_A", a.issuer())
        .replace("IDP_B", b.issuer())
        .replace("UPSTREAM", &url);
    let gateway = Gateway::start(Config::parse(&config).unwrap()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.unwrap().serve(listener, std::future::pending()));

    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let token = a.user("alice").audience("service-a").mint();
    for path in ["/a/1", "/b/1"] {
        let request = Request::get(format!("http://{address}{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty());
        client.request(request.unwrap()).await.unwrap();
    }
    for (server, secret) in [(&a, "secret-for-a"), (&b, "secret-for-b")] {
        use base64::Engine as _;
        let credentials = format!("service-a:{secret}");
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        let sent: Vec<_> = server
            .requests()
            .iter()
            .filter_map(|request| request.headers.get(header::AUTHORIZATION).cloned())
            .collect();
        assert!(!sent.is_empty());
        assert!(
            sent.iter()
                .all(|sent| *sent == format!("Basic {credentials}")),
            "{sent:?}"
        );
    }
}

#[tokio::test]
async fn token_endpoint_skips_discovery() {
    let route = |path: &str, more: &str| {
        format!(
            "[[routes]]\npath = \"/{path}/{{*rest}}\"\nupstream = \"UPSTREAM\"\nexchange = {{ \
             issuer = \"{}\", token_endpoint = \"UPSTREAM/token\", subject_issuers = [\"IDP\"], audience = \"service-b\"{more} }}\n",
            "http://127.0.0.1:9/elsewhere"
        )
    };
    let client = "[[clients]]\nissuer = \"http://127.0.0.1:9/elsewhere\"\nid = \"c\"\n\
                  client_secret_basic = \"a-third\"\n";
    let any = route("any", ", danger_any_audience = true");
    let world = World::configured(&format!("{client}{}{any}", route("own", ""))).await;
    for (path, audience, status) in [
        ("/own/1", "service-b", 200),
        ("/own/1", "service-c", 502),
        ("/any/1", "service-c", 200),
    ] {
        let issued = world.idp.user("alice").audience(audience).mint();
        world.upstream.will_answer(
            200,
            serde_json::json!({
                "access_token": issued,
                "token_type": "Bearer",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "expires_in": 300,
            }),
        );
        // Each request has a new token, so no exchange is cached.
        let token = world.alice().mint();
        let request = world.request_with(&token, "GET", path).body(Body::empty());
        let got = world.send(request.unwrap()).await;
        assert_eq!(got.status, status, "{path} {audience}");
    }
    let requests = world.upstream.seen();
    let requests = requests.iter().filter(|seen| seen.uri.path() == "/token");
    assert_eq!(requests.count(), 3);
}

#[tokio::test]
async fn one_issuer_has_one_token_endpoint() {
    let route = |path: &str, token_endpoint: &str| {
        format!(
            "[[routes]]\npath = \"/{path}\"\nupstream = \"http://127.0.0.1:9\"\nexchange = {{ \
             issuer = \"http://127.0.0.1:9/a\", audience = \"b\"{token_endpoint} }}\n"
        )
    };
    let start = "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"a\"]\n\
                 issuers = [{ issuer = \"http://127.0.0.1:9/a\" }]\n\
                 [client]\nid = \"c\"\nclient_secret_basic = \"top-s3cret\"\n";
    for (first, second, expected) in [
        (
            ", token_endpoint = \"http://127.0.0.1:9/token\"",
            "",
            "routes[1].exchange.token_endpoint: differs",
        ),
        (
            ", token_endpoint = \"http://idp.example/token\"",
            "",
            "routes[0].exchange.token_endpoint: ",
        ),
    ] {
        let file = format!("{start}{}{}", route("1", first), route("2", second));
        let error = Gateway::start(Config::parse(&file).unwrap())
            .await
            .map(drop);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn plain_endpoint_needs_danger() {
    let file = |issuer: &str, endpoint: &str| {
        format!(
            r#"
listen = "127.0.0.1:0"
[resource_server]
audiences = ["a"]
issuers = [{{ issuer = {issuer} }}]
[client]
id = "c"
client_secret_basic = "top-s3cret"
[[routes]]
path = "/1"
upstream = "http://127.0.0.1:9"
exchange = {{ issuer = {issuer}, audience = "b", token_endpoint = "{endpoint}" }}
"#
        )
    };
    let plain = r#"{ danger_http = "http://idp.example:8080/a" }"#;
    for (issuer, endpoint, is_good) in [
        (plain, "http://idp.example:8080/a/token", true),
        (plain, "http://idp.example/token", true),
        (plain, "https://elsewhere.example/token", true),
        (plain, "http://127.0.0.1:9/token", true),
        (plain, "http://elsewhere.example/token", false),
        (plain, "ftp://idp.example/token", false),
        (plain, "token", false),
        (
            r#""https://idp.example/a""#,
            "http://idp.example/token",
            false,
        ),
        (
            r#"{ danger_http = "https://idp.example/a" }"#,
            "http://idp.example/token",
            false,
        ),
    ] {
        let config = Config::parse(&file(issuer, endpoint)).unwrap();
        let started = Gateway::start(config).await.map(drop);
        match started {
            Ok(()) => assert!(is_good, "{issuer} {endpoint}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!is_good, "{error}");
                let field = "routes[0].exchange.token_endpoint: ";
                assert!(error.contains(field), "{error}");
            }
        }
    }
}
