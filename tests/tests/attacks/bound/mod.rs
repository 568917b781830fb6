//! Tokens that are bound to a key (RFC 9449) or to a certificate (RFC 8705).

mod draft;
mod steps;
mod world;

mod certificate_forms;
mod claims;
mod forms;
mod header_keys;
mod keys;
mod schemes;
mod signatures;
mod thumbprints;
mod uris;

mod certificates;
mod nonces;
mod proofs;
mod published;
mod replays;
mod routed;
