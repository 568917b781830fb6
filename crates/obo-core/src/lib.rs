//! Protocol and policy of `obo`: what a bearer token is, when it is valid, and how one is
//! exchanged.
//!
//! Nothing here does I/O, reads a clock or draws random numbers: time and randomness are arguments.
//! The tower side is the `obo` crate, which re-exports what its users need.
//!
//! The types carry the proofs. An [`UnverifiedJwt`] shows only its header and its issuer, to route
//! it to a key; a [`Caller`] is made by a [`Policy`] alone; a [`SubjectToken`] is taken from a
//! `Caller` alone, so a token that this service has not validated cannot be offered for exchange
//! (RFC 8693 section 2.1).

pub mod challenge;
mod deserialize;
pub mod dialect;
mod error;
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
pub use time::UnixTime;
pub use token::audience::{Audience, Resource};
pub use token::bearer::{ActorToken, BearerCredentials, BearerToken, SubjectToken};
pub use token::foreign_assertion::ForeignAssertion;
pub use token::issuer::{Issuer, https_or_loopback};
pub use token::scope::Scope;
pub use token::token_type::TokenType;
pub use validate::actor::{ActorId, CurrentActor, PriorActors};
pub use validate::caller::{Caller, PrincipalKind};
pub use validate::jwt::{TokenTyp, UnverifiedJwt};
pub use validate::policy::{MAX_LEEWAY, Policy, PolicyBuilder};
pub use validate::profile::{ClaimMatcher, Profile, ScopeClaim};
pub use validate::pseudonym::PseudonymKey;
pub use wire::json::has_byte_order_mark;
pub use wire::media_type::{has_media_type, is_json};
pub use wire::retry_after::retry_after;
