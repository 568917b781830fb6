//! A service that calls another one on behalf of a user, with a cached token.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;

use futures_util::FutureExt as _;
use http::{Request, Response};
use obo::client::{DpopKey, SigningKey};
use obo::{
    Audience, Client, ClientSecretBasic, Destination, Issuer, ResourceServer, TokenExchange,
};
use obo_testkit::TestIdp;
use tower::{Layer as _, Service, service_fn};

pub(crate) fn respond(request: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    black_box(&request);
    ready(Ok(Response::new(())))
}

pub(crate) fn call<S: Service<Request<()>>>(service: &mut S) {
    let request = Request::get("https://b.example/stock").body(()).unwrap();
    let response = service.call(request).now_or_never();
    assert!(response.expect("the response needs no wait").is_ok());
}

/// The service, and the caller's token.
pub(crate) async fn cached() -> (impl Service<Request<()>>, String) {
    with_key(None).await
}

/// The same. With a key, the token is bound to it, so that each call has a proof.
pub(crate) async fn with_key(key: Option<SigningKey>) -> (impl Service<Request<()>>, String) {
    let idp = TestIdp::start().await;
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let secret = ClientSecretBasic::new("s3cret");
    let exchange = TokenExchange::builder(issuer.clone(), Client::new("service-a", secret));
    let is_bound = key.is_some();
    let exchange = match key {
        Some(key) => exchange.dpop(DpopKey::new(key).unwrap()),
        None => exchange,
    };
    let exchange = exchange.build().unwrap();
    let mut token = idp.user("alice").audience("service-a");
    for n in 0..17 {
        token = token.claim(
            &format!("extension_{n:02}"),
            format!("value {n} of some length"),
        );
    }
    let token = token.mint();
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        .build()
        .unwrap();
    let caller = server.validate(&token).await.unwrap();
    let audience = Audience::new("service-b").unwrap();
    let uri = "https://b.example";
    let destination = Destination::new(uri, audience).unwrap();
    let layer = exchange.to_destination(match is_bound {
        true => destination.bind_dpop(),
        false => destination,
    });
    let layer = layer.unwrap();
    layer.token(&caller, &uri.parse().unwrap()).await.unwrap();
    let layered = layer.layer(service_fn(respond));
    (layered.on_behalf_of(&caller), token)
}
