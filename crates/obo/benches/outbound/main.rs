//! The cost of a call on behalf of a user with a cached token, as a ratio to one SHA-256 of the
//! caller's token: `cargo xtask bench`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark measures, prints, and stops when it cannot run"
)]

mod memory;
#[path = "../inbound/rounds.rs"]
mod rounds;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use http::{Request, Response};
use obo::{
    Audience, Client, ClientSecretBasic, Destination, Issuer, ResourceServer, TokenExchange,
};
use obo_testkit::TestIdp;
use rounds::{Figure, allocations, measure};
use tower::{Layer as _, Service, service_fn};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(cached());
    // `cargo test --all-targets` runs this too, without optimisation: skip the 100,000 users there.
    if std::env::args().any(|argument| argument == "--bench") {
        memory::print();
    }
}

fn respond(request: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    black_box(&request);
    ready(Ok(Response::new(())))
}

fn call<S: Service<Request<()>>>(service: &mut S) {
    let request = Request::get("https://b.example/stock").body(()).unwrap();
    let response = service.call(request).now_or_never();
    assert!(response.expect("the response needs no wait").is_ok());
}

async fn cached() {
    let idp = TestIdp::start().await;
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let secret = ClientSecretBasic::new("s3cret");
    let exchange = TokenExchange::builder(issuer.clone(), Client::new("service-a", secret))
        .build()
        .unwrap();
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
    exchange.token(&caller, audience.clone()).await.unwrap();

    let destination = Destination::new("https://b.example", audience).unwrap();
    let mut bare = service_fn(respond);
    let layered = exchange
        .to_destination(destination)
        .unwrap()
        .layer(service_fn(respond));
    let mut layered = layered.on_behalf_of(&caller);
    let [h, bare_time, layered_time] = measure([
        &mut || {
            black_box(digest(&SHA256, black_box(token.as_bytes())));
        },
        &mut || call(&mut bare),
        &mut || call(&mut layered),
    ]);
    let allocated = allocations(|| call(&mut layered)) - allocations(|| call(&mut bare));
    Figure::new("H, one SHA-256 of the caller's token".to_owned(), h).print();
    Figure::new(
        "outbound, cached, over the bare client".to_owned(),
        layered_time - bare_time,
    )
    .ratio(h, "H", 1.25)
    .allocations(allocated, None)
    .print();
}
