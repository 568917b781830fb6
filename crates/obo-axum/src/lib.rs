//! Axum extractors for callers that an [`obo::BearerAuthLayer`] has validated, and an error for
//! handlers.
//!
//! ```no_run
//! # #[cfg(feature = "default-client")]
//! # mod program {
//! use axum::extract::Path;
//! use axum::{Router, routing::get};
//! use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
//! use obo_axum::{Authenticated, Error};
//!
//! async fn order(
//!     Authenticated(caller): Authenticated,
//!     Path(id): Path<u64>,
//! ) -> Result<String, Error> {
//!     Rule::user().check(&caller)?;
//!     Ok(format!("order {id} of {}", caller.subject()))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let issuer = "https://idp.example.com/realms/corp";
//!     let server = ResourceServer::builder("service-a").trust(issuer).build()?;
//!     let app = Router::new()
//!         .route("/orders/{id}", get(order))
//!         .layer(RequireLayer::new(Rule::scopes(["orders:read"]))?)
//!         // The layer that is added last runs first.
//!         .layer(BearerAuthLayer::new(server));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! A table of rules can use the router's own routes, by axum's `MatchedPath` (feature
//! `matched-path`). A route that the table does not list is denied:
//!
//! ```
//! use axum::extract::MatchedPath;
//! use axum::{Router, routing::get};
//! use obo::{RequireLayer, Rule, RuleTable};
//!
//! let table = RuleTable::builder()
//!     .route("GET /orders/{id}", Rule::scopes(["orders:read"]))
//!     .build()?;
//! let rules = RequireLayer::by_route(table, |extensions| {
//!     extensions.get::<MatchedPath>().map(MatchedPath::as_str)
//! });
//! let app: Router = Router::new().route("/orders/{id}", get(|| async {})).layer(rules);
//! # Ok::<(), obo::ConfigError>(())
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `default-client` | yes | the HTTP client of `obo` |
//! | `tracing` | yes | events of `obo`, and a log of failed requests |
//!
//! # Where to go next
//!
//! The crate page of [`obo`] has both sides. The guides `protect-an-api`,
//! `call-on-behalf-of-a-user` and `layer-order` in `docs/guides` of the repository use axum.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticated;
mod error;
mod origin;
mod user;

pub use authenticated::Authenticated;
pub use error::Error;
pub use origin::with_origin;
pub use user::User;
