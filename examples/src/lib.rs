//! What the examples share: the generated stock service, and the chain of three services that `bin/chain.rs` walks.

pub mod chain;

/// The gRPC service that ServiceB offers, generated from `proto/stock.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod stock {
    tonic::include_proto!("stock");
}

/// The README's snippets, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// What an example's `main` fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
