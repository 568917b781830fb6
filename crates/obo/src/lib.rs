//! On behalf of: tower middleware that validates the bearer token coming in and, per downstream audience, exchanges it
//! for the token going out, so that the service called knows the user *and* the service that calls for them.
//!
//! - **Inbound:** a [`BearerAuthLayer`] around any HTTP or gRPC service admits requests with an access token that a
//!   [`ResourceServer`] accepts, and puts a [`Caller`] into their extensions. [`Rule`]s say who may do what.
//! - **Outbound:** a [`TokenExchange`] trades the caller's token for one addressed to a [`Destination`] (RFC 8693); the
//!   [`OnBehalfOf`] service puts it on each request of the client it wraps.
//!
//! Both fail closed. A request without an acceptable token reaches no handler; a call without an exchanged token is not
//! made, and the caller's own token is never forwarded.
//!
//! `obo-axum` and `obo-tonic` have the extractors and accessors; `obo-testkit` is an authorization server for tests.

mod box_error;
mod clock;
mod idp;
mod inbound;
mod observe;
mod outbound;
pub mod path;
mod polled;
mod random;
pub mod refusal;

#[doc(no_inline)]
pub use obo_core::{
    Audience, Caller, ConfigError, Issuer, Policy, Profile, Resource, Scope, Secret, challenge,
};

pub use idp::client_auth::{Client, ClientSecretBasic, PrivateKeyJwt};
pub use idp::server::AuthorizationServer;
pub use inbound::bearer::{self, layer::BearerAuthLayer};
pub use inbound::expiry::{self, layer::ExpiryLayer};
pub use inbound::introspection::Introspection;
pub use inbound::protected_resource::ProtectedResource;
pub use inbound::require::{self, layer::RequireLayer, rule::Rule, rule_table::RuleTable};
pub use inbound::resource_server::ResourceServer;
pub use inbound::trust::Trust;
pub use outbound::app_only::{self, AppOnly};
pub use outbound::destination::{Destination, Destinations};
pub use outbound::error::{CallError, ExchangeError};
pub use outbound::exchange::{self, token_exchange::TokenExchange};
pub use outbound::on_behalf_of::{self, OnBehalfOf};
pub use refusal::rejection::Rejection;

/// What an [`AuthorizationServer`] is made of and shows: its metadata, its keys, the HTTP client to it.
pub mod authorization_server {
    pub use crate::idp::http::HttpService;
    pub use crate::idp::jwks::{KeyRefresh, KeyStatus};
    pub use crate::idp::server::AuthorizationServerBuilder;
    #[doc(no_inline)]
    pub use obo_core::metadata::ServerMetadata;
}

/// Who a caller is: the claims of a [`Caller`] token.
pub mod caller {
    #[doc(no_inline)]
    pub use obo_core::{ActorId, CurrentActor, PrincipalKind, PriorActors, PseudonymKey};
}

/// How this service proves to the authorization server who it is: client authentication methods (RFC 6749 section 2.3).
pub mod client {
    pub use crate::idp::client_auth::{
        Attempt, Authenticating, ClientAssertion, ClientAuth, ClientSecretJwt, ClientSecretPost,
        SelfSignedTlsClientAuth, TlsClientAuth,
    };
    #[doc(no_inline)]
    pub use obo_core::{MacAlgorithm, SigningKey};
}

/// Where calls go, and for whom their tokens are.
pub mod destination {
    #[doc(no_inline)]
    pub use obo_core::Target;
}

/// How authorization servers differ: requests and responses of a token endpoint, one module per product.
pub mod dialect {
    #[doc(no_inline)]
    pub use obo_core::Grant;
    pub use obo_core::dialect::*;
}

/// What goes wrong, besides a [`ConfigError`] and an [`ExchangeError`].
pub mod error {
    pub use crate::box_error::BoxError;
    pub use crate::outbound::error::ExchangeErrorKind;
    #[doc(no_inline)]
    pub use obo_core::TokenError;
}

/// What a [`Policy`] is made of.
pub mod policy {
    #[doc(no_inline)]
    pub use obo_core::{Algorithm, ClaimMatcher, MAX_LEEWAY, PolicyBuilder, ScopeClaim, TokenTyp};
}

/// The metadata of a protected resource (RFC 9728).
pub mod protected_resource {
    pub use crate::inbound::protected_resource::ProtectedResourceService;
}

/// What makes a [`ResourceServer`].
pub mod resource_server {
    pub use crate::inbound::resource_server::ResourceServerBuilder;
}

/// Clocks and times.
pub mod time {
    pub use crate::clock::{Clock, TestClock};
    #[doc(no_inline)]
    pub use obo_core::UnixTime;
}

/// The tokens of an exchange.
pub mod token {
    #[doc(no_inline)]
    pub use obo_core::{
        ActorToken, ClaimsRequest, ExchangeRequest, IssuedToken, SubjectToken, TokenType,
    };
}

/// Requests to a token endpoint, and why they fail.
pub mod token_endpoint {
    #[doc(no_inline)]
    pub use obo_core::{ErrorClass, RefusedToken, TokenEndpointError, TokenRequest};
}
