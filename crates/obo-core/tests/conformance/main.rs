//! Tests protocol and policy through the public API, by the rows of the specifications.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod events;
mod signer;
mod token;
mod validate;
mod wire;

mod access_token;
mod actors;
mod algorithms;

mod authorization;
mod binding;
mod cache_key;
mod checks;
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
mod introspection_form;
mod introspection_thin;
mod jose_header;
mod key_hygiene;
mod key_selection;
mod logout_token;
mod numeric_date;
mod policy_builder;
mod presets;
mod profile;
mod proof;
mod proof_form;
mod proof_making;
mod records;
mod redaction;
mod security_event;
mod signed_introspection;
