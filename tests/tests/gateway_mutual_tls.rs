//! The gateway with a certificate of its own: to the authorization server, and to upstreams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Request;
use axum::middleware::map_request;
use axum::{Router, routing::get};
use obo::binding::BoundTokens;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_axum::Authenticated;
use obo_config::Setup;
use obo_examples::tls_server;
use obo_gateway::{Config, Gateway};
use obo_testkit::{Endpoint, Fault, TestCertificate, TestIdp};
use tokio::net::TcpListener;

const BIND: &str = ", bind = \"certificate\"";

/// Files that are removed at the end.
struct Files(PathBuf);

impl Files {
    fn new(idp: &TestIdp, own: &TestCertificate) -> Self {
        let number = std::process::id();
        let name = own.thumbprint();
        let folder = std::env::temp_dir().join(format!("obo-gateway-tls-{number}-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.write(own);
        std::fs::write(files.0.join("roots.pem"), idp.authority_pem()).unwrap();
        files
    }

    fn write(&self, own: &TestCertificate) {
        std::fs::write(self.0.join("own.pem"), own.pem()).unwrap();
        std::fs::write(self.0.join("own.key"), own.key_pem()).unwrap();
    }

    /// The key `certificate` of a client.
    fn certificate(&self) -> String {
        let folder = self.0.display();
        format!(
            "certificate = {{ chain = \"{folder}/own.pem\", key = \"{folder}/own.key\", \
             roots = \"{folder}/roots.pem\" }}"
        )
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct World {
    idp: TestIdp,
    files: Files,
    url: String,
    /// How many requests the service has got.
    received: Arc<AtomicUsize>,
    /// Alice's token for the gateway.
    token: String,
}

impl World {
    async fn start() -> Self {
        let idp = TestIdp::builder().mutual_tls().start().await;
        let client = idp.client("gateway").tls_client_auth("gateway");
        client.may_exchange_to("service-b");
        let own = idp.certificate("gateway");
        let received = Arc::new(AtomicUsize::new(0));
        let url = service_b(&idp, Arc::clone(&received)).await;
        let files = Files::new(&idp, &own);
        let token = idp.user("alice").audience("gateway").mint();
        Self {
            idp,
            files,
            url,
            received,
            token,
        }
    }

    fn config(&self, client: &str, bind: &str) -> Result<Config, ConfigError> {
        let (issuer, url) = (self.idp.issuer(), &self.url);
        let exchange = format!("issuer = \"{issuer}\", audience = \"service-b\"");
        let file = format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"gateway\"]\n\
             issuers = [{{ issuer = \"{issuer}\" }}]\n\
             [client]\nid = \"gateway\"\ntls_client_auth = true\n{client}\n\
             [[routes]]\npath = \"/who\"\nupstream = \"{url}/who\"\n\
             exchange = {{ {exchange}{bind} }}\n\
             [[routes]]\npath = \"/plain\"\nupstream = \"{url}/who\"\nexchange = {{ {exchange} }}"
        );
        Config::parse(&file)
    }

    fn good(&self) -> Config {
        let issuer = format!("issuer = \"{}\"\n", self.idp.issuer());
        let client = issuer + &self.files.certificate();
        self.config(&client, BIND).unwrap()
    }
}

/// A service that wants bound tokens over mutual TLS: its URL.
async fn service_b(idp: &TestIdp, received: Arc<AtomicUsize>) -> String {
    let server = ResourceServer::builder("service-b").trust(idp.issuer());
    let server = server.bound_tokens(BoundTokens::new().certificates());
    let who = async |Authenticated(caller): Authenticated| {
        let actor = caller.current_actor().unwrap();
        format!("{} by {}", caller.subject(), actor.subject())
    };
    let app = Router::new()
        .route("/who", get(who))
        .layer(RequireLayer::new(Rule::bound()).unwrap())
        .layer(BearerAuthLayer::new(server.build().unwrap()))
        .layer(map_request(move |request: Request| {
            received.fetch_add(1, Ordering::SeqCst);
            async { request }
        }));
    tls_server::serve(app, idp).await.unwrap()
}

/// Serves the gateway: its URL.
async fn serve(gateway: Gateway) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(gateway.serve(listener, std::future::pending()));
    url
}

async fn call(world: &World, url: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client
        .get(url)
        .bearer_auth(&world.token)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

/// MT-06, MT-08
#[tokio::test]
async fn route_presents_its_certificate() {
    let world = World::start().await;
    let gateway = Gateway::start(world.good()).await.unwrap();
    let url = serve(gateway.clone()).await;
    let well = (200, "alice by gateway".to_owned());
    for _ in 0..2 {
        assert_eq!(call(&world, &format!("{url}/who")).await, well);
    }
    assert_eq!(world.idp.token_requests(), 1);
    // This route is not bound: it presents no certificate, and the service refuses its token.
    let (status, _) = call(&world, &format!("{url}/plain")).await;
    assert_eq!(status, 502);

    // The same file is no change. A renewed certificate is one, and has its own tokens.
    let requests = world.idp.token_requests();
    gateway.reload(world.good()).await.unwrap();
    assert_eq!(call(&world, &format!("{url}/who")).await, well);
    assert_eq!(world.idp.token_requests(), requests);
    world.files.write(&world.idp.certificate("gateway"));
    gateway.reload(world.good()).await.unwrap();
    assert_eq!(call(&world, &format!("{url}/who")).await, well);
    assert_eq!(world.idp.token_requests(), requests + 1);
}

/// MT-08
#[tokio::test]
async fn unbound_token_is_not_sent() {
    let world = World::start().await;
    let url = serve(Gateway::start(world.good()).await.unwrap()).await;
    world.idp.fault(Endpoint::Token, Fault::IgnoreCertificate);
    assert_eq!(call(&world, &format!("{url}/who")).await.0, 502);
    world.idp.heal();
    world.idp.set_issues_opaque(true);
    let url = serve(Gateway::start(world.good()).await.unwrap()).await;
    assert_eq!(call(&world, &format!("{url}/who")).await.0, 502);
    assert_eq!(world.received.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn mistake_names_its_key() {
    let world = World::start().await;
    let (issuer, certificate) = (world.idp.issuer(), world.files.certificate());
    let issuer = format!("issuer = \"{issuer}\"\n");
    let other = Files::new(&world.idp, &TestCertificate::self_signed("other"));
    let mixed = certificate.replace(
        &format!("{}/own.key", world.files.0.display()),
        &format!("{}/own.key", other.0.display()),
    );
    for (client, bind, field) in [
        (issuer.clone(), BIND, "routes[0].exchange.bind"),
        (certificate.clone(), BIND, "client.certificate"),
        (
            issuer.clone() + &certificate.replace("own.pem", "none.pem"),
            BIND,
            "client.certificate.chain",
        ),
        (
            issuer.clone() + &certificate.replace("own.pem", "own.key"),
            BIND,
            "client.certificate.chain",
        ),
        (
            issuer.clone() + &certificate.replace("own.key", "own.pem"),
            BIND,
            "client.certificate.key",
        ),
        (
            issuer.clone() + &certificate.replace("roots.pem", "own.key"),
            BIND,
            "client.certificate.roots",
        ),
        (issuer.clone() + &mixed, BIND, "client.certificate.key"),
        (
            issuer.clone() + &certificate.replace("roots", "rots"),
            "",
            "client.certificate.rots",
        ),
    ] {
        let parts = world.config(&client, bind);
        let parts = parts.and_then(|config| config.parts(&mut Setup::new()));
        let error = parts.map(drop).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        let text = error.to_string();
        assert!(
            !text.contains("PRIVATE KEY-----") && !text.contains("MII"),
            "{text}"
        );
    }
    // A service without TLS cannot see a certificate.
    let mut plain = World::start().await;
    plain.url = "http://127.0.0.1:9".to_owned();
    let error = plain.good().parts(&mut Setup::new()).map(drop).unwrap_err();
    assert_eq!(error.field(), "routes[0].exchange.bind");
    // Tools that look at a file need no certificate.
    let without = issuer + &certificate.replace("own.", "none.");
    let config = world.config(&without, BIND).unwrap();
    config.parts(&mut Setup::new().without_secrets()).unwrap();
}
