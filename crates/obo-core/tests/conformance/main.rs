//! Tests protocol and policy through the public API, by the rows of the specifications.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod signer;
mod token;
mod validate;
mod wire;

mod access_token;
mod actors;
mod algorithms;
mod authorization;
mod cache_key;
mod claims;
mod compact_form;
mod dialect_settings;
mod dialects;
mod exchange_lifetime;
mod exchange_refusal;
mod exchange_request;
mod exchange_response;
mod forgery;
mod introspection;
mod jose_header;
mod key_hygiene;
mod key_selection;
mod numeric_date;
mod policy_builder;
mod presets;
mod profile;
mod redaction;
mod signed_introspection;
