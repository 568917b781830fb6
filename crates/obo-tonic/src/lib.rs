//! Tonic's view of `obo`: who calls, which rules a method has, and clients that call on behalf of a user.
//!
//! The inbound side is [`obo::BearerAuthLayer`] itself, given to `tonic::transport::Server::layer`. Inside it:
//!
//! ```
//! # type Sku = (); type Level = ();
//! use tonic::{Request, Response, Status};
//!
//! async fn level(request: Request<Sku>) -> Result<Response<Level>, Status> {
//!     let caller = obo_tonic::caller(&request)?;
//!     Ok(Response::new(Level::default()))
//! }
//! ```
//!
//! A method's own failures are statuses by [`into_status`], or by `?` in a function that returns an [`Error`].
//!
//! The outbound side is a [`channel`] that a generated client takes in place of its own.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accessors;
mod error;
mod intermediary;
mod on_behalf_of;
mod rejection_layer;
mod require;
mod status;

pub use accessors::{caller, caller_with_claims};
pub use error::{Error, into_status};
pub use on_behalf_of::{CallerInterceptor, OnBehalfOf, ResponseFuture, carry, channel};
pub use rejection_layer::{RejectionFuture, RejectionLayer, RejectionService};
pub use require::{RequireInterceptor, require};
pub use status::{exchange_error, status};
