//! Tokens that are bound to certificates, over real handshakes: a service that receives them, and
//! one that requests and sends them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::sync::{Arc, Mutex};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use obo::authorization_server::HttpService;
use obo::binding::{BoundTokens, ClientCertificate};
use obo::client::{SelfSignedTlsClientAuth, TlsClientAuth};
use obo::error::ExchangeErrorKind;
use obo::exchange::{TokenExchangeBuilder, TokenSource};
use obo::{
    AuthorizationServer, BearerAuthLayer, CallError, Caller, Client, ClientSecretBasic,
    Introspection, ResourceServer, Rule, TokenExchange, Trust,
};
use obo_axum::Authenticated;
use obo_examples::tls_server;
use obo_testkit::{Endpoint, Fault, Recorded, TestCertificate, TestIdp};
use reqwest::redirect::Policy;
use reqwest::{Body, Certificate, Identity};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

const SECRET: &str = "s3cret";

async fn started() -> TestIdp {
    let idp = TestIdp::builder().mutual_tls().start().await;
    let client = idp.client("service-a").tls_client_auth("service-a");
    client.may_exchange_to("service-b").may_request("service-b");
    idp.client("service-b").secret(SECRET);
    idp
}

/// An HTTP client that connects with the certificate, if there is one.
fn http(idp: &TestIdp, certificate: Option<&TestCertificate>) -> reqwest::Client {
    let root = Certificate::from_pem(idp.authority_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .redirect(Policy::none());
    let client = match certificate {
        Some(own) => client.identity(Identity::from_pem(own.identity_pem().as_bytes()).unwrap()),
        None => client,
    };
    client.build().unwrap()
}

type Calls = BoxCloneSyncService<Request<Body>, Response<Body>, reqwest::Error>;

/// The same client as a service that calls others.
fn calls(idp: &TestIdp, certificate: Option<&TestCertificate>) -> Calls {
    let client = http(idp, certificate);
    BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move { Ok(client.execute(request.try_into()?).await?.into()) }
    }))
}

/// ServiceB with TLS: its URL. It accepts no plain tokens.
async fn service_b(idp: &TestIdp, trust: Trust) -> String {
    let server = ResourceServer::builder("service-b")
        .trust(trust)
        .bound_tokens(BoundTokens::new().certificates())
        .build()
        .unwrap();
    let who = async |Authenticated(caller): Authenticated| match caller.current_actor() {
        Some(actor) => format!("{} by {}", caller.subject(), actor.subject()),
        None => caller.subject().to_owned(),
    };
    let rule = obo::RequireLayer::new(Rule::bound()).unwrap();
    let app = Router::new()
        .route("/who", get(who))
        .layer(rule)
        .layer(BearerAuthLayer::new(server));
    tls_server::serve(app, idp).await.unwrap() + "/who"
}

async fn send(client: &reqwest::Client, url: &str, token: &str) -> (u16, String) {
    let response = client.get(url).bearer_auth(token).send().await.unwrap();
    let status = response.status().as_u16();
    let challenge = response.headers().get("www-authenticate").cloned();
    match challenge {
        Some(challenge) => (status, challenge.to_str().unwrap().to_owned()),
        None => (status, response.text().await.unwrap()),
    }
}

/// MT-01, MT-02, MT-04
#[tokio::test]
async fn only_its_certificate_may_use_a_token() {
    let idp = started().await;
    let introspection = || {
        let client = Client::new("service-b", ClientSecretBasic::new(SECRET));
        Introspection::new(client)
    };
    let (own, other) = (idp.certificate("web-app"), idp.certificate("thief"));
    let token = || idp.user("alice").audience("service-b");
    let bound = || token().bound_to_certificate(own.der());
    let refused = (401, r#"Bearer error="invalid_token""#.to_owned());
    let alice = (200, "alice".to_owned());
    for is_opaque in [false, true] {
        let trust = Trust::new(idp.issuer());
        let (trust, bound, plain) = match is_opaque {
            false => (trust, bound().mint(), token().mint()),
            true => (
                trust.introspect(introspection()),
                bound().mint_opaque(),
                token().mint_opaque(),
            ),
        };
        let url = service_b(&idp, trust).await;
        let connection = http(&idp, Some(&own));
        // A connection serves many requests, and the token is cached after the first.
        for _ in 0..3 {
            assert_eq!(send(&connection, &url, &bound).await, alice);
        }
        for wrong in [Some(&other), None] {
            let connection = http(&idp, wrong);
            assert_eq!(send(&connection, &url, &bound).await, refused);
            // A header that looks like that of a proxy changes nothing.
            let request = connection.get(&url).bearer_auth(&bound);
            let header = ("client-cert", format!(":{}:", base64(own.der())));
            let response = request.header(header.0, header.1).send().await.unwrap();
            assert_eq!(response.status(), 401);
        }
        // Mutual TLS does not bind a plain token.
        assert_eq!(send(&connection, &url, &plain).await, refused);
        assert_eq!(send(&connection, &url, &bound).await, alice);
    }
}

fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

/// MT-01
#[tokio::test]
async fn other_hashes_are_not_the_thumbprint() {
    let idp = started().await;
    let own = idp.certificate("web-app");
    let url = service_b(&idp, Trust::new(idp.issuer())).await;
    let connection = http(&idp, Some(&own));
    let token = || idp.user("alice").audience("service-b");
    let thumbprint = *ClientCertificate::from_der(own.der()).thumbprint();
    let hex: String = thumbprint.iter().map(|it| format!("{it:02x}")).collect();
    let cnf = |value: String| serde_json::json!({ "x5t#S256": value });
    for wrong in [
        token().bound_to_certificate(own.pem().as_bytes()),
        token().claim("cnf", cnf(hex)),
        token().claim("cnf", cnf(base64(&thumbprint))),
    ] {
        assert_eq!(send(&connection, &url, &wrong.mint()).await.0, 401);
    }
    let right = token().bound_to_certificate(own.der()).mint();
    assert_eq!(send(&connection, &url, &right).await.0, 200);
}

/// ServiceA: it exchanges over connections with one certificate, which may be replaced.
struct ServiceA {
    idp: TestIdp,
    certificate: Arc<Mutex<TestCertificate>>,
}

impl ServiceA {
    async fn start() -> Self {
        let idp = started().await;
        let certificate = Arc::new(Mutex::new(idp.certificate("service-a")));
        Self { idp, certificate }
    }

    fn own(&self) -> TestCertificate {
        self.certificate.lock().unwrap().clone()
    }

    /// A service makes a client with the new certificate. The testkit's authority issued it.
    fn renew(&self) {
        *self.certificate.lock().unwrap() = self.idp.certificate("service-a");
    }

    /// Connects with the certificate of the moment.
    fn builder(&self, client: Client) -> TokenExchangeBuilder {
        let (idp, present) = (self.idp.clone(), Arc::clone(&self.certificate));
        let connects = HttpService::new(service_fn(move |request: Request<Bytes>| {
            let client = http(&idp, Some(&present.lock().unwrap()));
            async move {
                let response = client.execute(request.try_into()?).await?;
                Ok::<Response<Body>, reqwest::Error>(response.into())
            }
        }));
        let server = AuthorizationServer::builder(self.idp.issuer()).with_http(connects);
        let present = Arc::clone(&self.certificate);
        TokenExchange::builder(server.build().unwrap(), client).bound_to_certificate(move || {
            *ClientCertificate::from_der(present.lock().unwrap().der()).thumbprint()
        })
    }

    fn exchange(&self) -> TokenExchange {
        let client = Client::new("service-a", TlsClientAuth);
        self.builder(client).build().unwrap()
    }

    async fn caller(&self) -> Caller {
        let token = self.idp.user("alice").audience("service-a").mint();
        let server = ResourceServer::builder("service-a").trust(self.idp.issuer());
        server.build().unwrap().validate(&token).await.unwrap()
    }

    /// Calls ServiceB on behalf of alice, over a connection with this certificate.
    async fn call(
        &self,
        exchange: &TokenExchange,
        url: &str,
        certificate: &TestCertificate,
    ) -> Result<(u16, Option<TokenSource>), ExchangeErrorKind> {
        let inner = calls(&self.idp, Some(certificate));
        let service = exchange.to(url, "service-b").unwrap().layer(inner);
        let service = service.on_behalf_of(&self.caller().await);
        let request = Request::get(url).body(Body::default()).unwrap();
        match service.oneshot(request).await {
            Ok(response) => {
                let source = response.extensions().get().copied();
                Ok((response.status().as_u16(), source))
            }
            Err(CallError::Exchange(error)) => Err(error.kind()),
            Err(error) => panic!("{error}"),
        }
    }

    fn token_requests(&self) -> Vec<Recorded> {
        let requests = self.idp.requests().into_iter();
        let of_token = |it: &Recorded| it.endpoint == Some(Endpoint::Token);
        requests.filter(of_token).collect()
    }
}

/// MT-06, MT-07, MT-08, MT-09
#[tokio::test]
async fn bound_chain_over_mutual_tls() {
    let a = ServiceA::start().await;
    let own = a.own();
    let url = service_b(&a.idp, Trust::new(a.idp.issuer())).await;
    let exchange = a.exchange();
    let called = a.call(&exchange, &url, &own).await.unwrap();
    assert_eq!(called, (200, Some(TokenSource::Exchange)));
    let sent = &a.token_requests()[0];
    assert_eq!(sent.param("client_id"), Some("service-a"));
    assert_eq!(sent.param("client_secret"), None);
    assert_eq!(sent.status, Some(200));
    // The exchanged token, stolen.
    let caller = a.caller().await;
    let stolen = exchange.token(&caller, "service-b").await.unwrap();
    let stolen = stolen.token().expose().to_owned();
    assert_eq!(send(&http(&a.idp, Some(&own)), &url, &stolen).await.0, 200);
    let thief = a.idp.certificate("thief");
    for wrong in [Some(&thief), None] {
        assert_eq!(send(&http(&a.idp, wrong), &url, &stolen).await.0, 401);
    }
    // A call over another connection fails, whatever the token is.
    let called = a.call(&exchange, &url, &thief).await.unwrap();
    assert_eq!(called.0, 401);
}

/// MT-08
#[tokio::test]
async fn renewed_certificate_gets_new_tokens() {
    let a = ServiceA::start().await;
    let url = service_b(&a.idp, Trust::new(a.idp.issuer())).await;
    let (exchange, caller) = (a.exchange(), a.caller().await);
    let token = async || {
        let exchanged = exchange.token(&caller, "service-b").await.unwrap();
        (exchanged.source(), exchanged.token().expose().to_owned())
    };
    let (_, first) = token().await;
    assert_eq!(token().await, (TokenSource::Cache, first.clone()));
    a.renew();
    let (source, second) = token().await;
    assert_eq!(source, TokenSource::Exchange);
    assert_eq!(
        send(&http(&a.idp, Some(&a.own())), &url, &second).await.0,
        200
    );
    assert_eq!(
        send(&http(&a.idp, Some(&a.own())), &url, &first).await.0,
        401
    );
    assert_eq!(token().await, (TokenSource::Cache, second));
    // A token of the service itself is bound too.
    let own = exchange.app_only_token("service-b").await.unwrap();
    let own = own.token().expose().to_owned();
    assert_eq!(send(&http(&a.idp, Some(&a.own())), &url, &own).await.0, 200);
    assert_eq!(send(&http(&a.idp, None), &url, &own).await.0, 401);
}

/// MT-08
#[tokio::test]
async fn unbound_token_is_no_substitute() {
    let a = ServiceA::start().await;
    let (own, exchange) = (a.own(), a.exchange());
    let url = service_b(&a.idp, Trust::new(a.idp.issuer())).await;
    a.idp.fault(Endpoint::Token, Fault::IgnoreCertificate);
    let refused = a.call(&exchange, &url, &own).await;
    assert_eq!(refused, Err(ExchangeErrorKind::ResponseUnusable));
    exchange.app_only_token("service-b").await.unwrap_err();
    a.idp.heal();
    let fresh = a.exchange();
    assert_eq!(a.call(&fresh, &url, &own).await.unwrap().0, 200);

    // An opaque token shows it by introspection only.
    a.idp.set_issues_opaque(true);
    let refused = a.call(&a.exchange(), &url, &own).await;
    assert_eq!(refused, Err(ExchangeErrorKind::ResponseUnusable));
    a.idp.client("service-a").may_introspect("service-b");
    let client = || Client::new("service-a", TlsClientAuth);
    let introspecting = a.builder(client()).introspect_issued();
    let introspecting = introspecting.build().unwrap();
    let caller = a.caller().await;
    introspecting.token(&caller, "service-b").await.unwrap();
    assert_eq!(a.idp.introspection_requests(), 1);
    a.idp.fault(Endpoint::Token, Fault::IgnoreCertificate);
    let error = introspecting.app_only_token("service-b").await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ResponseUnusable);
}

/// MT-06, MT-08, CA-02
#[tokio::test]
async fn other_client_authentication_binds_too() {
    let a = ServiceA::start().await;
    let url = service_b(&a.idp, Trust::new(a.idp.issuer())).await;
    let registered = a.idp.client("service-a").secret(SECRET);
    registered.self_signed_tls_client_auth(&a.own());
    for client in [
        Client::new("service-a", ClientSecretBasic::new(SECRET)),
        Client::new("service-a", SelfSignedTlsClientAuth),
    ] {
        let exchange = a.builder(client).build().unwrap();
        assert_eq!(a.call(&exchange, &url, &a.own()).await.unwrap().0, 200);
    }
}
