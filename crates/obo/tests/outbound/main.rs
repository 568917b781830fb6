//! The outbound side by its public API: requests to the authorization server, and the outcome of
//! its responses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod downstream;
mod raw_server;
mod setup;
mod stub;

mod actor;
mod actor_refused;
mod any_response;
mod app_only;
mod authorization;
mod bounds;
mod cache_keys;
mod certificate_tokens;
mod claims_challenge;
mod client_authentication;
mod destinations;
mod discovery;
mod dpop_calls;
mod dpop_late;
mod dpop_signer;
mod dpop_tokens;
mod error_responses;
mod introspect_issued;
mod lifetimes;
mod neighbours;
mod no_secrets;
mod outages;
mod readiness;
mod rejected;
mod rejected_late;
mod renewal;
mod replaced;
mod retries;
mod revoked;
mod seams;
mod server_faults;
mod single_flight;
mod token_isolation;
mod wall_clock;
mod wire;
mod wire_faults;
