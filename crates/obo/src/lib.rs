//! Tower middleware that validates bearer tokens, and exchanges them to call other services on
//! behalf of the user.
//!
//! A token has one service as its audience. A service that calls another one for a user exchanges
//! the token that it received for one with the other service as its audience (RFC 8693). The new
//! token names the user and the calling service. Both sides fail closed: a request without a valid
//! token reaches no handler, a call without an exchanged token is not made, and the caller's own
//! token is never forwarded.
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
//!     let issuer = "https://idp.example.com/realms/corp";
//!     let exchange = TokenExchange::builder(issuer, client).build()?;
//!     let https = HttpsConnectorBuilder::new().with_native_roots()?;
//!     let https = https.https_only().enable_http1().build();
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
//! # fn router(stock: Stock) -> Router {
//! #     Router::new().route("/level", get(level)).with_state(stock)
//! # }
//! # }
//! ```
//!
//! Create `stock` once and clone it. Clones share the cache of exchanged tokens.
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
//! | several issuers, typed claims, introspection | [`Trust`], [`Introspection`] |
//! | tokens bound to a key (DPoP) or a certificate | [`binding::BoundTokens`], [`Rule::bound`] |
//! | rules for routes and methods | [`Rule`], [`RuleTable`], [`RequireLayer`] |
//! | paths without a token, CORS preflights | [`BearerAuthLayer`] |
//! | logouts that reach every replica | [`fleet`], [`logout`] |
//! | tokens that are bound to keys or certificates | [`binding`] |
//! | streams that end when their token expires | [`ExpiryLayer`] |
//! | the steps of a request and of a call | [`bearer`], [`on_behalf_of`] |
//! | calls without a user, background jobs | [`AppOnly`] |
//! | several called services | [`Destinations`] |
//! | client authentication | [`client`] |
//! | authorization servers that deviate from RFC 8693 | [`dialect`] |
//! | why a request was refused or a call not made | `tracing` events of the target `obo::audit` |
//! | records of several services that can be joined | [`audit::AuditSubjects`], [`trace`] |
//!
//! The crates `obo-axum` and `obo-tonic` have extractors and clients, `obo-config` reads
//! configuration files, and `obo-testkit` is an authorization server for tests.
//!
//! The guides are in `docs/guides` of the repository. Start with `protect-an-api` and
//! `call-on-behalf-of-a-user`. Then see `layer-order`, `introspection`, `background-work`,
//! `configure-per-authorization-server`, `bound-tokens`, `test-with-the-testkit`,
//! `local-development`, `operations`, `run-a-fleet`, `command`, `configuration-file` and
//! `migrating`.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `default-client` | yes | an HTTP client for discovery, key sets, introspection and exchanges |
//! | `tracing` | yes | events and spans |
//! | `metrics` | no | counters, gauges and histograms |
//! | `jsonwebtoken` | no | conversions from the types of the `jsonwebtoken` crate |
//!
//! Without `default-client`, pass an HTTP client as
//! [`HttpService`](authorization_server::HttpService).
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;
mod box_error;
mod clock;
pub mod fleet;
mod idp;
mod inbound;
mod observe;
mod outbound;
pub mod path;
mod polled;
mod random;
pub mod refusal;
pub mod trace;

#[doc(no_inline)]
pub use obo_core::{
    Audience, Caller, ConfigError, Issuer, Policy, Profile, Resource, Scope, Secret, challenge,
};

pub use idp::client_auth::{Client, ClientSecretBasic, PrivateKeyJwt};
pub use idp::server::AuthorizationServer;
pub use inbound::bearer::{self, layer::BearerAuthLayer};
pub use inbound::expiry::{self, layer::ExpiryLayer};
pub use inbound::introspection::Introspection;
pub use inbound::logout;
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

/// How audit records name users and tokens.
pub mod audit {
    #[doc(no_inline)]
    pub use obo_core::{AuditSubjects, PseudonymKey};
}

/// The parts of an [`AuthorizationServer`]: its metadata, its keys, and the HTTP client.
pub mod authorization_server {
    pub use crate::idp::http::{HttpService, TlsIdentity};
    pub use crate::idp::jwks::{KeyRefresh, KeyStatus};
    pub use crate::idp::server::AuthorizationServerBuilder;
    #[doc(no_inline)]
    pub use obo_core::metadata::ServerMetadata;
}

/// Tokens that are bound to a key (RFC 9449) or a certificate (RFC 8705).
///
/// | to | use |
/// | --- | --- |
/// | accept bound tokens | [`BoundTokens`] |
/// | refuse plain tokens | [`Rule::bound`], [`Trust::require_bound`], [`require_dpop`] |
/// | call with tokens bound to a key | [`TokenExchangeBuilder::dpop`], [`Destination::bind_dpop`] |
/// | call with tokens bound to a certificate | [`TokenExchangeBuilder::bound_to_certificate`] |
///
/// The guide `bound-tokens` says which binding to choose.
///
/// [`BoundTokens`]: binding::BoundTokens
/// [`require_dpop`]: binding::BoundTokens::require_dpop
/// [`TokenExchangeBuilder::dpop`]: exchange::TokenExchangeBuilder::dpop
/// [`TokenExchangeBuilder::bound_to_certificate`]:
///     exchange::TokenExchangeBuilder::bound_to_certificate
pub mod binding {
    pub use crate::inbound::bound_tokens::{
        BoundTokens, ClientCertificate, OriginalTarget, PeerAddress,
    };
    #[doc(no_inline)]
    pub use obo_core::binding::certificate::{CertificateError, CertificateHeader};
    #[doc(no_inline)]
    pub use obo_core::binding::dpop::ProofError;
    #[doc(no_inline)]
    pub use obo_core::binding::{Binding, Thumbprint};
}

/// The parts of a [`Caller`]: its actors and its kind.
pub mod caller {
    #[doc(no_inline)]
    pub use obo_core::{ActorId, CurrentActor, PrincipalKind, PriorActors};
}

/// Client authentication methods (RFC 6749 section 2.3).
pub mod client {
    pub use crate::idp::client_auth::{
        Attempt, Authenticating, ClientAssertion, ClientAuth, ClientSecretJwt, ClientSecretPost,
        DpopKey, SelfSignedTlsClientAuth, TlsClientAuth,
    };
    #[doc(no_inline)]
    pub use obo_core::{MacAlgorithm, SigningKey};
}

/// The target of a [`Destination`]: the audience or resource of its tokens.
pub mod destination {
    #[doc(no_inline)]
    pub use obo_core::Target;
}

/// The differences of authorization servers at the token endpoint, with one module per product.
pub mod dialect {
    #[doc(no_inline)]
    pub use obo_core::Grant;
    pub use obo_core::dialect::*;
}

/// Errors, besides [`ConfigError`] and [`ExchangeError`].
pub mod error {
    pub use crate::box_error::{BoxError, causes, with_causes};
    pub use crate::outbound::error::ExchangeErrorKind;
    #[doc(no_inline)]
    pub use obo_core::TokenError;
}

/// Descriptions of the metrics, for the recorder that a program installs.
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use crate::observe::described::{DURATION_BUCKETS, describe};
}

/// The parts of a [`Policy`].
pub mod policy {
    #[doc(no_inline)]
    pub use obo_core::{Algorithm, ClaimMatcher, MAX_LEEWAY, PolicyBuilder, ScopeClaim, TokenTyp};
}

/// The service for the metadata of a protected resource (RFC 9728).
pub mod protected_resource {
    pub use crate::inbound::protected_resource::ProtectedResourceService;
}

/// The builder of a [`ResourceServer`], and its checks of a token.
pub mod resource_server {
    pub use crate::inbound::resource_server::ResourceServerBuilder;
    #[doc(no_inline)]
    pub use obo_core::TokenCheck;
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

/// Requests to a token endpoint and their errors.
pub mod token_endpoint {
    #[doc(no_inline)]
    pub use obo_core::{ErrorClass, RefusedToken, TokenEndpointError, TokenRequest};
}
