//! Receivers of logouts and events, in one process.

use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo_gateway::{Config, Gateway};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;

const TABLES: &str = r#"
[logout]
path = "/backchannel-logout"
audience = "service-a"

[signals]
path = "/ssf"
audience = "https://a.example/ssf"

[probes]
live = "/live"

[[routes]]
path = "/{*rest}"
"#;

fn text(issuer: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
         issuers = [{{ issuer = \"{issuer}\" }}]\n{TABLES}"
    )
}

struct Running {
    idp: TestIdp,
    gateway: Gateway,
    address: SocketAddr,
}

impl Running {
    async fn start() -> Self {
        let idp = TestIdp::start().await;
        let config = Config::parse(&text(idp.issuer())).unwrap();
        let gateway = Gateway::start(config).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(gateway.clone().serve(listener, std::future::pending()));
        Self {
            idp,
            gateway,
            address,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn status(&self, method: &str, path: &str, token: Option<&str>) -> StatusCode {
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder().method(method).uri(self.url(path));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        client.request(request).await.unwrap().status()
    }

    fn token(&self, user: &str) -> String {
        self.idp.user(user).audience("service-a").mint()
    }
}

#[tokio::test]
async fn logout_needs_no_bearer_token() {
    let running = Running::start().await;
    let (alice, bob) = (running.token("alice"), running.token("bob"));
    assert_eq!(running.status("GET", "/me", Some(&alice)).await, 200);
    let logout = running.idp.logout_token("alice", "service-a").mint();
    let sent = (running
        .idp
        .send_logout(&running.url("/backchannel-logout"), &logout))
    .await;
    assert_eq!(sent.status(), 200, "{}", sent.body());
    assert_eq!(sent.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(running.status("GET", "/me", Some(&alice)).await, 401);
    assert_eq!(running.status("GET", "/me", Some(&bob)).await, 200);

    let event = running.idp.security_event("session-revoked", "bob");
    let event = event.claim("aud", "https://a.example/ssf").mint();
    let url = running.url("/ssf");
    let sent = running.idp.send_security_event(&url, &event).await;
    assert_eq!(sent.status(), 202);
    assert_eq!(running.status("GET", "/me", Some(&bob)).await, 401);
}

#[tokio::test]
async fn receivers_take_small_posts_only() {
    let running = Running::start().await;
    let carol = running.token("carol");
    for path in ["/backchannel-logout", "/ssf"] {
        assert_eq!(running.status("GET", path, Some(&carol)).await, 405);
        assert_eq!(running.status("POST", path, None).await, 415);
        // Another path is one of the routes.
        let other = format!("{path}/more");
        assert_eq!(running.status("GET", &other, None).await, 401);
        assert_eq!(running.status("GET", &other, Some(&carol)).await, 200);
    }
    let large = "a".repeat(70 * 1024);
    let sent = (running
        .idp
        .send_logout(&running.url("/backchannel-logout"), &large))
    .await;
    assert_eq!(sent.status(), 413);
}

#[tokio::test]
async fn reload_keeps_logouts_of_process() {
    let running = Running::start().await;
    let alice = running.token("alice");
    let logout = running.idp.logout_token("alice", "service-a").mint();
    let sent = (running
        .idp
        .send_logout(&running.url("/backchannel-logout"), &logout))
    .await;
    assert_eq!(sent.status(), 200);
    // Another policy, then no receiver of logout tokens.
    let file = text(running.idp.issuer());
    let policy = file.replace("\" }]", "\", leeway = \"30s\" }]");
    let table = "[logout]\npath = \"/backchannel-logout\"\naudience = \"service-a\"\n";
    for next in [&policy, &file.replace(table, "")] {
        assert_ne!(*next, file);
        let config = Config::parse(next).unwrap();
        running.gateway.reload(config).await.unwrap();
        assert_eq!(running.status("GET", "/me", Some(&alice)).await, 401);
    }
    let path = "/backchannel-logout";
    assert_eq!(running.status("POST", path, None).await, 401);
}

#[test]
fn receiver_path_is_its_own() {
    let good = text("https://idp.example");
    Config::parse(&good).unwrap();
    for (from, to, field, other) in [
        (
            "\"/ssf\"",
            "\"/backchannel-logout\"",
            "signals.path",
            "`logout`",
        ),
        ("\"/ssf\"", "\"/live\"", "signals.path", "`probes.live`"),
        ("\"/{*rest}\"", "\"/ssf\"", "signals.path", "`routes[0]`"),
        ("\"/ssf\"", "\"/{ssf}\"", "signals.path", "parameter"),
        (
            "[signals]",
            "[signals]\nissuer = \"s3cret\"",
            "signals.issuer",
            "unknown field",
        ),
    ] {
        let error = Config::parse(&good.replace(from, to)).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        assert!(error.problem().contains(other), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn metadata_path_is_no_receiver() {
    let file = text("https://idp.example").replace(
        "[probes]",
        "[protected_resource]\nresource = \"https://api.example.com/a\"\n[probes]",
    );
    let path = "/.well-known/oauth-protected-resource/a";
    let file = file.replace("\"/ssf\"", &format!("\"{path}\""));
    let error = Gateway::start(Config::parse(&file).unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("signals.path"), "{error}");
    assert!(
        error.to_string().contains("`protected_resource`"),
        "{error}"
    );
}
