//! A plain HTTP client, and callers as the services of the chain see them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo::exchange::Exchanged;
use obo::{Audience, Caller, Issuer, ResourceServer};
use obo_examples::chain::Chain;
use serde_json::Value;

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

pub(crate) fn issuer(chain: &Chain) -> Issuer {
    Issuer::new(chain.idp.issuer()).unwrap()
}

/// Status and headers of a service's response to a token.
pub(crate) async fn get(uri: &str, token: &str) -> Response<()> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(uri)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Empty::<Bytes>::new());
    let response = client.request(request.unwrap()).await.unwrap();
    response.map(drop)
}

/// The caller with this token at `service`.
pub(crate) async fn caller(chain: &Chain, service: &str, token: &str) -> Caller {
    let server = ResourceServer::builder(audience(service))
        .trust(issuer(chain))
        .build()
        .unwrap();
    server.validate(token).await.unwrap()
}

/// The caller at ServiceB when ServiceA calls it for alice.
pub(crate) async fn alice_at_b(chain: &Chain) -> Caller {
    let token = chain.idp.user("alice").audience("service-b");
    caller(chain, "service-b", &token.actor("service-a").mint()).await
}

/// The claims of an exchanged token, read without the crates under test.
pub(crate) fn claims(exchanged: &Exchanged) -> Value {
    let value = exchanged.token().authorization().to_str().unwrap();
    let claims = value.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}
