//! An OAuth authorization server that runs inside your test.
//!
//! It binds a loopback port, generates its keys at start, and stops when its handle is dropped.
//! **Never use it in production:** it issues tokens for any user to the holder of the handle, keeps
//! everything in memory, and records secrets. Its metadata says so too.
//!
//! # A test
//!
//! Point your service at the testkit's issuer, and send it tokens, valid ones and bad ones. This
//! service validates tokens by itself; with `obo`, it is a `ResourceServer`.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt as _, Empty};
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use jsonwebtoken::jwk::JwkSet;
//! use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
//! use obo_testkit::{TestAlg, TestIdp, TestKey};
//!
//! /// The service under test: returns the subject of a valid token.
//! async fn subject(idp: &TestIdp, token: &str) -> Option<String> {
//!     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
//!     let response = client.get(idp.jwks_uri().parse().ok()?).await.ok()?;
//!     let body = response.into_body().collect().await.ok()?.to_bytes();
//!     let keys: JwkSet = serde_json::from_slice(&body).ok()?;
//!     let key = keys.find(decode_header(token).ok()?.kid.as_deref()?)?;
//!
//!     let mut validation = Validation::new(Algorithm::RS256);
//!     validation.set_audience(&["service-a"]);
//!     validation.set_issuer(&[idp.issuer()]);
//!     let key = DecodingKey::from_jwk(key).ok()?;
//!     let token = decode::<serde_json::Value>(token, &key, &validation).ok()?;
//!     token.claims["sub"].as_str().map(str::to_owned)
//! }
//!
//! #[tokio::main(flavor = "current_thread")] // `#[tokio::test]` in a test
//! async fn main() {
//!     let idp = TestIdp::start().await;
//!     let alice = || idp.user("alice").audience("service-a").scope("orders:read");
//!     assert_eq!(subject(&idp, &alice().mint()).await.as_deref(), Some("alice"));
//!
//!     for bad in [
//!         alice().expires_in(-100).mint(),
//!         alice().without("exp").mint(),
//!         alice().issuer("https://elsewhere.example").mint(),
//!         alice().sign_with(&TestKey::generate(TestAlg::Rs256)).mint(),
//!         idp.user("alice").audience("service-b").mint(),
//!     ] {
//!         assert_eq!(subject(&idp, &bad).await, None);
//!     }
//!     assert_eq!(idp.jwks_requests(), 6);
//! }
//! ```
//!
//! # What it tests
//!
//! - Valid, expired and forged tokens: [`TokenBuilder`] sets or removes any claim and header, and
//!   signs with any [`TestKey`].
//! - Key rotation: [`TestIdp::rotate`], [`withdraw`](TestIdp::withdraw),
//!   [`publish_extra_jwk`](TestIdp::publish_extra_jwk).
//! - Token exchange (RFC 8693) and client credentials: [`TestIdp::client`] registers a client and
//!   its rights.
//! - Opaque tokens and introspection (RFC 7662, RFC 9701): [`TokenBuilder::mint_opaque`],
//!   [`TestIdp::revoke`].
//! - Bound tokens: [`TokenBuilder::bound_to`] and [`TestProof`] (RFC 9449); the token endpoint
//!   binds tokens to the key of a proof, with a nonce if [`TestIdp::set_demands_nonce`] says so.
//!   With the feature `tls`, `TestIdp::certificate` issues certificates, and `Builder::mutual_tls`
//!   starts a listener that binds tokens to them (RFC 8705).
//! - Logouts: [`TestIdp::logout_token`] and [`TestIdp::security_event`] build the messages,
//!   [`TestIdp::send_logout`] and [`TestIdp::send_security_event`] send them.
//! - Failures of the server: [`TestIdp::fault`] with a [`Fault`], [`TestIdp::stop`].
//! - The requests of your service: [`TestIdp::requests`].
//! - The passage of time: [`TestIdp::set_clock_offset`].
//!
//! The server has both metadata documents (RFC 8414, OpenID Connect Discovery), the JWK Set, a
//! token endpoint and an introspection endpoint. It is strict wherever an RFC leaves room. Clients
//! authenticate by `client_secret_basic`, `client_secret_post`, `client_secret_jwt`,
//! `private_key_jwt`, an assertion of the platform that they run on, or a certificate.
//!
//! The testkit shares no code with the crates that it tests, so a bug in them cannot hide itself.
//! The `jsonwebtoken` crate signs its tokens and verifies client assertions.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `tls` | no | `Builder::mutual_tls`: a listener with mutual TLS; `TestIdp::certificate` |
//!
//! # Where to go next
//!
//! - [`TestIdp`] is where each test starts. [`TestIdp::builder`] sets issuer path and algorithm.
//! - `docs/guides/test-with-the-testkit.md` tests services that use `obo`.
//! - `examples/standalone.rs` runs the server as its own process, for clients in other languages.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a testkit panics on misuse, which fails the test as it should"
)]

mod access_token;
mod act;
mod alg;
#[cfg(feature = "tls")]
mod certificate;
mod client;
mod client_assertion;
mod client_authentication;
mod client_certificate;
mod connection;
mod dpop;
mod fault;
mod form;
mod introspection;
mod issue;
mod jwt;
mod key_set;
mod listener;
mod lock;
mod metadata;
#[cfg(feature = "tls")]
mod mutual_tls;
mod nonces;
mod oauth_error;
mod public_key;
mod random;
mod recorded;
mod registration;
mod router;
mod sender;
mod server;
mod state;
mod target;
mod test_key;
mod test_proof;
mod thumbprint;
mod token_builder;
mod token_endpoint;
mod token_exchange;

pub use alg::TestAlg;
#[cfg(feature = "tls")]
pub use certificate::TestCertificate;
pub use client::TestClient;
pub use fault::{Endpoint, Fault};
pub use recorded::Recorded;
pub use server::{Builder, TestIdp};
pub use test_key::TestKey;
pub use test_proof::TestProof;
pub use token_builder::TokenBuilder;
