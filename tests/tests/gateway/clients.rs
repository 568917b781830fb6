//! Each authorization server is asked as the client that is registered there.

use axum::body::Body;
use http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo_examples::gateway::{Config, Gateway};
use obo_testkit::AuthorizationServer;
use tokio::net::TcpListener;

use crate::upstream::Upstream;

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
exchange = { issuer = "IDP_B", audience = "service-b" }
"#;

#[tokio::test]
async fn each_server_gets_its_own_secret() {
    let (a, b) = (
        AuthorizationServer::start().await,
        AuthorizationServer::start().await,
    );
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
