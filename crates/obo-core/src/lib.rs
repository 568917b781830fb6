//! Validates OAuth access tokens and builds token exchange requests, without I/O, clock and
//! randomness.
//!
//! Use it to write your own middleware, a command-line tool or a fuzzer. Time, keys and random
//! bytes are arguments, so every result is reproducible. For a web service, use the `obo` crate: it
//! adds tower layers, key fetching, caches and the HTTP client.
//!
//! This program validates a token and builds the request that exchanges it for a token for another
//! service:
//!
//! ```
//! use obo_core::dialect::{Dialect, Registration, Rfc8693};
//! use obo_core::{
//!     Audience, BearerToken, Caller, ExchangeRequest, Grant, Issuer, KeySet, Policy, Selection,
//!     Target, TokenError, UnixTime, UnverifiedJwt,
//! };
//!
//! const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
//! const TOKEN: &str = concat!(
//!     "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0.",
//!     "eyJhdWQiOiJzZXJ2aWNlLWEiLCJjbGllbnRfaWQiOiJ3ZWIiLCJleHAiOjE4MDAwMDM2MDAsImlhdCI6",
//!     "MTgwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9pZHAuZXhhbXBsZS5jb20iLCJqdGkiOiIxIiwic2NvcGUi",
//!     "OiJvcmRlcnM6cmVhZCIsInN1YiI6ImFsaWNlIn0",
//!     ".i16sm5XHeihBqCbF8-ZK1OTkIuEi47gI4ayDWjBgcakEFusAFoozE8Y5rGx_SYu3ijrs53trFEWVpzwhqdFEDA",
//! );
//!
//! fn validate(policy: &Policy, keys: &KeySet, now: UnixTime) -> Result<Caller, TokenError> {
//!     let jwt = UnverifiedJwt::parse(BearerToken::parse(TOKEN)?)?;
//!     jwt.check_bearer()?;
//!     let key = match keys.select(jwt.kid(), jwt.algorithm()) {
//!         Selection::Key(key) => key,
//!         Selection::Unknown => return Err(TokenError::UnknownKey),
//!         Selection::Misfit => return Err(TokenError::Algorithm),
//!         Selection::Ambiguous => return Err(TokenError::AmbiguousKey),
//!     };
//!     policy.verify(jwt, key, now)
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let issuer = Issuer::new("https://idp.example.com")?;
//!     let policy = Policy::new(Audience::new("service-a")?, issuer.clone());
//!     let keys = KeySet::parse(KEYS.as_bytes())?;
//!     let caller = validate(&policy, &keys, UnixTime::from_secs(1_800_000_001))?;
//!     assert_eq!(caller.subject(), "alice");
//!     assert!(caller.scope().contains("orders:read"));
//!
//!     let target = Target::audience(Audience::new("service-b")?);
//!     let grant = Grant::from(ExchangeRequest::new(&caller, target));
//!     let request = Rfc8693::new().request(&grant, Registration::new(&issuer, "service-a"))?;
//!     // Send `request.body()` to the token endpoint. `Rfc8693::response` reads the response.
//!     assert!(request.pairs().any(|pair| pair == ("subject_token", TOKEN)));
//!     assert!(request.pairs().any(|pair| pair == ("audience", "service-b")));
//!     Ok(())
//! }
//! ```
//!
//! The types prevent mistakes. An [`UnverifiedJwt`] shows only its header and its issuer. Only a
//! [`Policy`] makes a [`Caller`], and only a `Caller` has a [`SubjectToken`]. So a token that was
//! not validated cannot be exchanged (RFC 8693 section 2.1).
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `jsonwebtoken` | no | conversions from keys and algorithms of the `jsonwebtoken` crate |
//!
//! # Where to go next
//!
//! | to | see |
//! | --- | --- |
//! | validate tokens | [`Policy`], [`Profile`], [`KeySet`], [`UnverifiedJwt`] |
//! | introspect tokens | [`IntrospectionResponse`], [`Policy::validate`], [`Policy::confirm`] |
//! | check that a token is bound to its sender | [`binding`], with proofs (DPoP) and certificates |
//! | exchange tokens | [`Grant`], [`Target`], [`dialect`] |
//! | support an authorization server | [`dialect`], with one file per product |
//! | read and write challenges | [`challenge`] |
//! | read discovery documents | [`metadata`] |
//! | share tokens and logouts between replicas | [`fleet`] |
//! | read logout tokens and security event tokens | [`event`] |
//! | write audit records | [`AuditSubjects`], [`PseudonymKey`], [`UnverifiedClaims`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod binding;
pub mod challenge;
mod deserialize;
pub mod dialect;
mod error;
pub mod event;
pub mod fleet;
mod grant;
mod introspection;
mod jose;
pub mod metadata;
mod secret;
mod time;
mod token;
mod validate;
mod wire;

pub use challenge::claims_request::ClaimsRequest;
pub use error::{ConfigError, TokenError};
pub use grant::Grant;
pub use grant::cache_key::{CacheKey, CacheKeys};
pub use grant::issued_token::IssuedToken;
pub use grant::request::ExchangeRequest;
pub use grant::target::Target;
pub use grant::token_endpoint::{ErrorClass, RefusedToken, TokenEndpointError};
pub use grant::token_request::TokenRequest;
pub use introspection::{
    IntrospectionResponse, MissingMembers, SignedIntrospection, TokenDigest, introspection_refusal,
};
pub use jose::crypto::{Algorithm, MacAlgorithm};
pub use jose::jwk::{KeySet, KeySetError, Selection, SkippedKey, VerificationKey};
pub use jose::signing::{JwsHeader, SigningKey, compact_jws, mac_signature};
pub use secret::Secret;
pub use time::{UnixTime, as_in_files};
pub use token::audience::{Audience, Resource};
pub use token::bearer::{ActorToken, BearerCredentials, BearerToken, SubjectToken, TokenScheme};
pub use token::foreign_assertion::ForeignAssertion;
pub use token::issuer::{Issuer, https_or_loopback};
pub use token::scope::Scope;
pub use token::token_type::TokenType;
pub use validate::actor::{ActorId, CurrentActor, PriorActors};
pub use validate::caller::{Caller, PrincipalKind};
pub use validate::jwt::{TokenTyp, UnverifiedJwt};
pub use validate::policy::{MAX_LEEWAY, Policy, PolicyBuilder, TokenCheck};
pub use validate::profile::{ClaimMatcher, Profile, ScopeClaim};
pub use validate::pseudonym::{AuditSubjects, PseudonymKey};
pub use validate::unverified::{UnverifiedClaims, record_text};
pub use wire::json::has_byte_order_mark;
pub use wire::media_type::{has_media_type, is_json};
pub use wire::retry_after::retry_after;
