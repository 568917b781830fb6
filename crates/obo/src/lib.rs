//! Tower middleware that validates bearer tokens and exchanges them, on behalf of the user, for calls to other services.
//!
//! A token is addressed to one service. A service that calls another one for a user trades the token it received for one
//! addressed to that service (RFC 8693), which names the user and the service that calls. Both sides fail closed: a request
//! without an acceptable token reaches no handler, a call without an exchanged token is not made, and the caller's own token
//! is never forwarded.
//!
//! # A server
//!
//! ```no_run
//! # #[cfg(feature = "default-client")]
//! # mod server {
//! use axum::{Router, routing::get};
//! use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
//! use obo_axum::Authenticated;
//!
//! async fn order(Authenticated(caller): Authenticated) -> String {
//!     format!("an order of {}", caller.subject())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let issuer = "https://idp.example.com/realms/corp";
//!     let server = ResourceServer::builder("service-a").trust(issuer).build()?;
//!     let app = Router::new()
//!         .route("/orders/{id}", get(order))
//!         .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
//!         .layer(BearerAuthLayer::new(server));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # A client
//!
//! ```no_run
//! # #[cfg(feature = "default-client")]
//! # mod client {
//! # use axum::{Router, routing::get};
//! use axum::extract::State;
//! use http::Request;
//! use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
//! use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use obo::{Client, ClientSecretBasic, OnBehalfOf, TokenExchange};
//! use obo_axum::Authenticated;
//! use tower::{Layer, ServiceExt};
//!
//! type Stock = OnBehalfOf<HttpClient<HttpsConnector<HttpConnector>, String>>;
//!
//! fn stock() -> Result<Stock, Box<dyn std::error::Error>> {
//!     let client = Client::new("service-a", ClientSecretBasic::from_file("client-secret"));
//!     let exchange = TokenExchange::builder("https://idp.example.com/realms/corp", client).build()?;
//!     let https = HttpsConnectorBuilder::new().with_native_roots()?.https_only().enable_http1().build();
//!     let http = HttpClient::builder(TokioExecutor::new()).build(https);
//!     Ok(exchange.to("https://stock.corp.example", "service-b")?.layer(http))
//! }
//!
//! async fn level(
//!     Authenticated(caller): Authenticated,
//!     State(stock): State<Stock>,
//! ) -> Result<String, obo_axum::Error> {
//!     let request = Request::get("https://stock.corp.example/level").body(String::new())?;
//!     let response = stock.on_behalf_of(&caller).oneshot(request).await?;
//!     Ok(format!("the stock service says {}", response.status()))
//! }
//! # fn router(stock: Stock) -> Router { Router::new().route("/level", get(level)).with_state(stock) }
//! # }
//! ```
//!
//! Make `stock` once and clone it: clones share the cache of exchanged tokens.
//!
//! Both programs need a tokio runtime and these dependencies:
//!
//! ```toml
//! obo = "0.1"
//! obo-axum = "0.1"
//! axum = "0.8"
//! http = "1"
//! hyper-rustls = "0.27"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! ```
//!
//! # Where to go next
//!
//! | for | see |
//! | --- | --- |
//! | several issuers, typed claims, introspection | [`Trust`] |
//! | who may do what | [`Rule`], [`RuleTable`], [`RequireLayer`] |
//! | streams that end with their token | [`ExpiryLayer`] |
//! | what happens to a request, step by step | [`bearer`], [`on_behalf_of`] |
//! | client authentication | [`client`] |
//! | why a request was refused or a call not made | the events of `tracing`, once the program has a subscriber |
//! | authorization servers that deviate from RFC 8693 | [`dialect`] |
//! | extractors, tonic, configuration files, tests | the crates `obo-axum`, `obo-tonic`, `obo-config`, `obo-testkit` |
//!
//! # Features
//!
//! | feature | default | what |
//! | --- | --- | --- |
//! | `default-client` | yes | an HTTP client for discovery, key sets and exchanges; without it, give one by [`HttpService`](authorization_server::HttpService) |
//! | `tracing` | yes | events and spans |
//! | `metrics` | no | counters, gauges and histograms |
//! | `jsonwebtoken` | no | conversions from the key and algorithm types of the `jsonwebtoken` crate |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;
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

/// Who a [`Caller`] is.
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

/// Where calls go, and which audience their tokens have.
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
    pub use crate::box_error::{BoxError, causes};
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
