//! On behalf of: tower middleware that validates the bearer token coming in and, per downstream audience, exchanges it
//! for the token going out, so that the service called knows the user *and* the service that calls for them.
//!
//! - **Inbound:** a [`BearerAuthLayer`] around any HTTP or gRPC service admits requests with an access token that a
//!   [`ResourceServer`] accepts, and puts a [`Validated`] into their extensions. [`Rule`]s say who may do what.
//! - **Outbound:** a [`TokenExchange`] trades the caller's token for one addressed to a [`Destination`] (RFC 8693); the
//!   [`OnBehalfOf`] service puts it on each request of the client it wraps.
//!
//! Both fail closed. A request without an acceptable token reaches no handler; a call without an exchanged token is not
//! made, and the caller's own token is never forwarded.
//!
//! `obo-axum` and `obo-tonic` have the extractors and accessors; `obo-testkit` is an authorization server for tests.

mod answer;
pub mod app_only;
mod authorization_server;
pub mod bearer;
mod client_auth;
mod clock;
mod config;
mod destination;
mod error;
mod error_info;
mod exact_path;
pub mod exchange;
pub mod expiry;
mod flight;
mod grpc;
mod http;
mod introspection;
mod jwks;
mod observe;
pub mod on_behalf_of;
mod path_table;
mod protected_resource;
mod random;
mod rejection;
pub mod require;
mod resource_server;
mod verified_tokens;

#[doc(no_inline)]
pub use obo_core::metadata::ServerMetadata;
#[doc(no_inline)]
pub use obo_core::{
    ActorId, ActorToken, Algorithm, Audience, CacheKey, CacheKeys, ClaimsRequest, ConfigError,
    CurrentActor, ErrorClass, ExchangeRequest, IssuedToken, Issuer, MAX_LEEWAY, MacAlgorithm, Mark,
    Policy, PrincipalKind, PriorActors, Profile, PseudonymKey, Resource, Scope, ScopeFrom, Secret,
    SigningKey, SubjectToken, Target, TokenEndpointError, TokenError, TokenRequest, TokenType, Typ,
    UnixTime, Validated, challenge, dialect,
};
pub(crate) use obo_core::{
    BearerCredentials, BearerToken, ForeignAssertion, JwsHeader, KeySet, RefusedToken, Selection,
    UnverifiedJwt, VerificationKey, compact_jws, has_byte_order_mark, https_or_loopback,
    mac_signature, retry_after,
};

pub use self::http::HttpService;
pub use answer::Answer;
pub use app_only::{AppOnly, AppOnlyLayer};
pub use authorization_server::AuthorizationServer;
pub use bearer::{BearerAuth, BearerAuthLayer};
pub use client_auth::{
    Attempt, Authenticating, Client, ClientAssertion, ClientAuth, ClientConfig, ClientSecretBasic,
    ClientSecretJwt, ClientSecretPost, MethodConfig, PrivateKeyJwt, SelfSignedTlsClientAuth,
    TlsClientAuth,
};
pub use clock::{Clock, TestClock};
pub use config::ResourceServerConfig;
pub use destination::{Destination, Destinations, DestinationsConfig};
pub use error::{BoxError, CallError, ExchangeError, ExchangeErrorKind};
pub use exact_path::{folded_path, is_unambiguous};
pub use exchange::{Exchanged, TokenExchange, TokenSource};
pub use expiry::{Expiry, ExpiryLayer};
pub use grpc::GrpcKind;
pub use introspection::Introspection;
pub use jwks::{KeyRefresh, KeyStatus};
#[doc(hidden)]
pub use observe::also_find_rejections;
pub use on_behalf_of::{OnBehalfOf, OnBehalfOfLayer};
pub use protected_resource::{ProtectedResource, ProtectedResourceService};
pub use rejection::Rejection;
pub use require::{Party, Require, RequireLayer, Rule, RuleTable};
pub use resource_server::ResourceServer;
