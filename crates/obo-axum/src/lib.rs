//! Axum extractors for callers that an [`obo::BearerAuthLayer`] has validated, and an error that handlers return.
//!
//! ```
//! use axum::Json;
//! use obo::Rule;
//! use obo_axum::{Authenticated, Error};
//!
//! async fn orders(Authenticated(caller): Authenticated) -> Result<Json<String>, Error> {
//!     Rule::user().check(&caller)?;
//!     Ok(Json(format!("orders of {}", caller.subject())))
//! }
//! # let _: axum::Router = axum::Router::new().route("/orders", axum::routing::get(orders));
//! ```
//!
//! Rules for a whole router go by the paths of its own routes. A route that the table does not list is denied:
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
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticated;
mod error;
mod user;

pub use authenticated::Authenticated;
pub use error::Error;
pub use user::User;
