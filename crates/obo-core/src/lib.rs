//! Protocol and policy of `obo`: what a bearer token is, when it is valid, and how one is exchanged.
//!
//! Nothing here does I/O, reads a clock or draws random numbers: time and randomness are arguments. The tower side
//! is the `obo` crate, which re-exports what its users need.
//!
//! The types carry the proofs. An [`UnverifiedJwt`] shows only its header and its issuer, to route it to a key; a
//! [`Validated`] is made by a [`Policy`] alone; a [`SubjectToken`] is taken from a `Validated` alone, so a token
//! that this service has not validated cannot be offered for exchange (RFC 8693 section 2.1).

mod actor;
mod audience;
mod base64url;
mod cache_key;
pub mod challenge;
mod claims;
mod claims_request;
mod crypto;
mod deserialize;
pub mod dialect;
mod error;
mod exchange;
mod foreign_assertion;
mod integer;
mod introspection;
mod issued_token;
mod issuer;
mod json;
mod jwk;
mod jwt;
mod kind;
mod media_type;
pub mod metadata;
mod own_audience;
mod payload;
mod policy;
mod profile;
mod pseudonym;
mod retry_after;
mod scope;
mod seen;
mod signing;
mod target;
mod time;
mod token;
mod token_endpoint;
mod typed;
mod unread;
mod validated;
mod values;
#[cfg(test)]
mod wycheproof;

pub use actor::{ActorId, CurrentActor, PriorActors};
pub use audience::{Audience, Resource};
pub use cache_key::{CacheKey, CacheKeys};
pub use claims_request::ClaimsRequest;
pub use crypto::{Algorithm, MacAlgorithm};
pub use error::{ConfigError, TokenError};
pub use exchange::{ExchangeRequest, TokenType};
pub use foreign_assertion::ForeignAssertion;
pub use introspection::{
    IntrospectionAnswer, SignedAnswer, ThinAnswers, TokenDigest, introspection_refusal,
};
pub use issued_token::IssuedToken;
pub use issuer::{Issuer, https_or_loopback};
pub use json::has_byte_order_mark;
pub use jwk::{KeySet, KeySetError, Selection, SkippedKey, VerificationKey};
pub use jwt::{Typ, UnverifiedJwt};
pub use media_type::{has_media_type, is_json};
pub use policy::{MAX_LEEWAY, Policy};
pub use profile::{Mark, Profile, ScopeFrom};
pub use pseudonym::PseudonymKey;
pub use retry_after::retry_after;
pub use scope::Scope;
pub use signing::{JwsHeader, SigningKey, compact_jws, mac_signature};
pub use target::Target;
pub use time::UnixTime;
pub use token::{ActorToken, BearerCredentials, BearerToken, Secret, SubjectToken};
pub use token_endpoint::{ErrorClass, RefusedToken, TokenEndpointError, TokenRequest};
pub use validated::{PrincipalKind, Validated};
