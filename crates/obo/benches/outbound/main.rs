//! The cost of a call on behalf of a user with a cached token, as a ratio to one SHA-256 of the
//! caller's token, and what a proof adds: `cargo xtask bench`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark measures, prints, and stops when it cannot run"
)]

#[path = "../inbound/rounds.rs"]
mod rounds;
mod service;

use std::hint::black_box;

use aws_lc_rs::digest::{SHA256, digest};
use obo::Secret;
use obo::client::SigningKey;
use obo::policy::Algorithm;
use obo_testkit::{TestAlg, TestKey};
use rounds::{Figure, measure};
use service::call;
use tower::service_fn;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(cached());
}

async fn cached() {
    let (mut layered, token) = service::cached().await;
    let key = Secret::new(TestKey::generate(TestAlg::Es256).private_pem());
    let key = SigningKey::from_pem(Algorithm::Es256, &key).unwrap();
    let (mut bound, _) = service::with_key(Some(key.clone())).await;
    let mut bare = service_fn(service::respond);
    let [h, bare_time, layered_time, bound_time, signature] = measure([
        &mut || {
            black_box(digest(&SHA256, black_box(token.as_bytes())));
        },
        &mut || call(&mut bare),
        &mut || call(&mut layered),
        &mut || call(&mut bound),
        &mut || {
            black_box(key.sign(black_box(&[7; 400])));
        },
    ]);
    Figure::new("H, one SHA-256 of the caller's token".to_owned(), h).print();
    Figure::new(
        "outbound, cached, over the bare client".to_owned(),
        layered_time - bare_time,
    )
    .ratio(h, "H", 1.25)
    .print();
    Figure::new("one signature, ES256".to_owned(), signature).print();
    Figure::new(
        "outbound, bound, over cached and one signature".to_owned(),
        bound_time - layered_time - signature,
    )
    .ratio(1000.0, "us", 2.0)
    .print();
}
