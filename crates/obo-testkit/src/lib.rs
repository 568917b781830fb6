//! An OAuth authorization server inside your test.
//!
//! It binds a loopback port, makes its keys at start and stops when its handle is dropped. It is
//! **never for production**: it hands out tokens for any user to whoever holds the handle, keeps
//! everything in memory, and records secrets. Its metadata says so as well.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use obo_testkit::TestIdp;
//!
//! let idp = TestIdp::start().await;
//! idp.client("service-a").secret("s3cret").may_exchange_to("service-b");
//!
//! // What ServiceA receives, and may now exchange for a token to ServiceB.
//! let token = idp.user("alice").audience("service-a").scope("orders:read").mint();
//!
//! // What nobody may accept.
//! let expired = idp.user("alice").audience("service-a").expires_in(-1).mint();
//! # assert_ne!(token, expired);
//! assert_eq!(idp.token_requests(), 0);
//! # }
//! ```
//!
//! - **Endpoints:** both metadata documents (RFC 8414, OpenID Connect Discovery), the JWK Set, and a
//!   token endpoint with client credentials and token exchange (RFC 8693), strict wherever the RFC
//!   leaves room. Clients authenticate by `client_secret_basic`, `client_secret_post`,
//!   `client_secret_jwt`, `private_key_jwt`, or an assertion of the platform they run on.
//! - **Opaque tokens:** [`TokenBuilder::mint_opaque`], an introspection endpoint (RFC 7662) with signed answers where they are
//!   asked for (RFC 9701), [`TestIdp::revoke`].
//! - **Attacks:** [`TokenBuilder`] sets, bends or leaves out any claim and header, and signs with any
//!   [`TestKey`].
//! - **Faults:** [`TestIdp::fault`] makes an endpoint slow, broken or dishonest;
//!   [`TestIdp::stop`] takes the server down.
//! - **Evidence:** [`TestIdp::requests`] is what was asked, in order.
//!
//! The kit shares no code with the crates it tests: it writes its own JSON and signs by itself, so
//! that a bug in an encoder cannot cancel itself out.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test kit panics on misuse: that fails the test, which is the point"
)]

mod access_token;
mod act;
mod alg;
mod builder;
mod client;
mod client_assertion;
mod client_authentication;
mod client_credentials;
mod fault;
mod form;
mod introspection;
mod issue;
mod jwt;
mod key_set;
mod listener;
mod lock;
mod metadata;
mod oauth_error;
mod opaque;
mod public_key;
mod random;
mod recorded;
mod registration;
mod router;
mod scope;
mod server;
mod state;
mod target;
mod test_key;
mod token_builder;
mod token_endpoint;
mod token_exchange;

pub use alg::TestAlg;
pub use builder::Builder;
pub use client::TestClient;
pub use fault::{Endpoint, Fault};
pub use recorded::Recorded;
pub use server::TestIdp;
pub use test_key::TestKey;
pub use token_builder::TokenBuilder;
