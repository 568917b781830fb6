//! `tls_client_auth` and `self_signed_tls_client_auth`.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, header};
use obo::authorization_server::HttpService;
use obo::client::{ClientAuth, ClientSecretPost, SelfSignedTlsClientAuth, TlsClientAuth};
use obo::exchange::TokenExchangeBuilder;
use obo::{AuthorizationServer, Client, TokenExchange};
use serde_json::{Value, json};
use tower::service_fn;

use crate::setup::{Setup, audience, issuer};
use crate::stub::{issued, json as reply};

/// Exchanges once at a server with that metadata; returns the request to the token endpoint.
async fn asked(id: &str, auth: impl ClientAuth, more: Value) -> Request<Bytes> {
    asked_with(id, auth, more, |exchange| exchange).await
}

async fn asked_with(
    id: &str,
    auth: impl ClientAuth,
    more: Value,
    set: impl FnOnce(TokenExchangeBuilder) -> TokenExchangeBuilder,
) -> Request<Bytes> {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let posted: Arc<Mutex<Option<Request<Bytes>>>> = Arc::default();
    let noted = Arc::clone(&posted);
    let mut document = json!({
        "issuer": setup.idp.issuer(),
        "token_endpoint": "https://idp.example/token",
    });
    let members = document.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let reply = match request.method().as_str() {
            "POST" => {
                *noted.lock().unwrap() = Some(request);
                issued("token-for-b", json!({}))
            }
            _ => reply(200, &document),
        };
        ready(Ok::<_, Infallible>(reply))
    }));
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_http(http)
        .build()
        .unwrap();
    let exchange = TokenExchange::builder(server, Client::new(id, auth));
    let exchange = set(exchange).build().unwrap();
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    exchanged.unwrap();
    posted.lock().unwrap().take().unwrap()
}

fn credentials(asked: &Request<Bytes>) -> Vec<(String, String)> {
    assert!(!asked.headers().contains_key(header::AUTHORIZATION));
    form_urlencoded::parse(asked.body())
        .into_owned()
        .filter(|(name, _)| name.starts_with("client"))
        .collect()
}

fn alias() -> Value {
    json!({ "mtls_endpoint_aliases": { "token_endpoint": "https://mtls.idp.example/token" } })
}

/// MT-06, CA-02
#[tokio::test]
async fn form_names_client_without_secret() {
    let ca = asked("service a", TlsClientAuth, json!({})).await;
    let own = asked("service a", SelfSignedTlsClientAuth, json!({})).await;
    for asked in [ca, own] {
        let id = ("client_id".to_owned(), "service a".to_owned());
        assert_eq!(credentials(&asked), [id]);
        let body = std::str::from_utf8(asked.body()).unwrap();
        assert!(body.ends_with("&client_id=service+a"), "{body}");
    }
}

/// MT-07
#[tokio::test]
async fn mtls_endpoint_is_preferred() {
    let plain = "https://idp.example/token";
    let with_alias = "https://mtls.idp.example/token";
    assert_eq!(asked("a", TlsClientAuth, alias()).await.uri(), with_alias);
    let own = asked("a", SelfSignedTlsClientAuth, alias()).await;
    assert_eq!(own.uri(), with_alias);
    assert_eq!(asked("a", TlsClientAuth, json!({})).await.uri(), plain);
    let secret = ClientSecretPost::new("s3cret");
    assert_eq!(asked("a", secret, alias()).await.uri(), plain);
}

/// MT-07
#[tokio::test]
async fn binding_alone_prefers_mtls_endpoint() {
    let secret = || ClientSecretPost::new("s3cret");
    let bind = |exchange: TokenExchangeBuilder| {
        let exchange = exchange.bound_to_certificate(|| [1; 32]);
        exchange.danger_unchecked_binding()
    };
    let bound = asked_with("a", secret(), alias(), bind).await;
    assert_eq!(bound.uri(), "https://mtls.idp.example/token");
    let bound = asked_with("a", secret(), json!({}), bind).await;
    assert_eq!(bound.uri(), "https://idp.example/token");
}

/// SP-02
#[tokio::test]
async fn x509_svid_uses_spiffe_id() {
    let id = "spiffe://corp.example/ns/shop/sa/service-a";
    let asked = asked(id, TlsClientAuth, alias()).await;
    assert_eq!(
        credentials(&asked),
        [("client_id".to_owned(), id.to_owned())]
    );
}
