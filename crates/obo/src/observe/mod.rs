//! Everything that is reported to `tracing` and `metrics`. No call site needs a `cfg`, and none can
//! log a token.
//!
//! `docs/observability.md` lists events and metrics with their fields and labels.

#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables, dead_code, clippy::single_match)
)]

#[macro_use]
mod shim;
mod client;
mod credentials;
mod inbound;
mod introspection;
mod keys;
mod outbound;

pub(crate) use client::{client_call, client_called};
pub(crate) use credentials::{client_key_not_renewed, client_key_renewed};
pub(crate) use inbound::{
    Passed, allowed, anonymous, no_layer, refused, stream_ended, token_cache,
};
pub(crate) use introspection::introspected;
pub(crate) use keys::{keys_fetched, keys_skipped, keys_unavailable, not_rediscovered};
pub(crate) use outbound::{
    Endpoint, Exchange, Failure, breaker, call_not_made, evicted, exchange_cache, step_up_required,
};
pub(crate) use shim::Span;
