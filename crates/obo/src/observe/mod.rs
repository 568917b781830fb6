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
mod cause;
mod client;
mod credentials;
#[cfg(feature = "metrics")]
pub(crate) mod described;
mod fleet;
mod inbound;
mod introspection;
mod keys;
mod logout;
#[cfg(feature = "tracing")]
mod names;
mod outbound;
mod refused_token;

pub(crate) use cause::Cause;
pub(crate) use client::{client_call, client_called};
pub(crate) use credentials::{client_key_not_renewed, client_key_renewed, credential_late};
pub(crate) use fleet::{
    fleet_heard, listener_ended, logouts_readable, logouts_unreadable, revoked, ring_not_renewed,
    ring_renewed, shared_lookup, store_available, store_call, store_call_failed, store_unavailable,
    value_ignored,
};
pub(crate) use inbound::{
    Passed, allowed, anonymous, no_layer, refused, stream_ended, token_cache,
};
pub(crate) use introspection::introspected;
pub(crate) use keys::{keys_fetched, keys_skipped, keys_unavailable, not_rediscovered};
pub(crate) use logout::{logout_ignored, logout_received, logout_refused, logout_unavailable};
pub(crate) use outbound::{
    Call, Endpoint, Exchange, Failure, Lookup, Source, breaker, call_not_made, evicted,
    exchange_cache, proof_refused, step_up_required, token_obtained,
};
pub(crate) use refused_token::token_refused;
pub(crate) use shim::Span;
