//! The inbound side through the public API, against the rows of the conformance checklist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod guarded;
mod introspecting;
mod issuer;
mod receiving;

mod any_bytes;
mod bound_certificates;
mod bound_proofs;
mod bound_replicas;
mod bound_tokens;
mod bounds;
mod builder;
mod cached_tokens;
mod discovery;
mod expiry;
mod explained;
mod grpc;
mod header;
mod introspection;
mod introspection_cache;
mod introspection_dropped;
mod introspection_faults;
mod introspection_forgotten;
mod introspection_load;
mod introspection_responses;
mod introspection_routes;
mod introspection_signed;
mod issuers;
mod keys_age;
mod keys_outage;
mod keys_rotation;
mod keys_start;
mod keys_status;
mod layer_order;
mod logout;
mod paths;
mod profiles;
mod protected_resource;
mod raw_endpoint;
mod raw_keys;
mod readiness;
mod redaction;
mod refusals;
mod refused;
mod rules;
mod security_events;
mod spellings;
mod token_cache;
mod tokens;
mod unproven_tokens;
mod wall_clock;
