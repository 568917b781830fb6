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

mod authenticated;
mod error;
mod user;

pub use authenticated::Authenticated;
pub use error::Error;
pub use user::User;
