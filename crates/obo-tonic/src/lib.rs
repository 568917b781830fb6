//! Accessors, interceptors and client channels for tonic services that use `obo`.
//!
//! ```no_run
//! # #[cfg(feature = "default-client")]
//! # mod program {
//! # mod generated {
//! #     #[derive(Default)]
//! #     pub struct Level;
//! #     pub use tonic::service::Routes;
//! # }
//! # use generated::{Level, Routes};
//! use obo::{BearerAuthLayer, ResourceServer};
//! use tonic::transport::Server;
//! use tonic::{Request, Response, Status};
//!
//! // A method of a generated service.
//! async fn level(request: Request<String>) -> Result<Response<Level>, Status> {
//!     let caller = obo_tonic::caller(&request)?;
//!     println!("the level of {} for {}", request.get_ref(), caller.subject());
//!     Ok(Response::new(Level::default()))
//! }
//!
//! async fn serve(routes: Routes) -> Result<(), Box<dyn std::error::Error>> {
//!     let issuer = "https://idp.example.com/realms/corp";
//!     let server = ResourceServer::builder("service-b").trust(issuer).build()?;
//!     Server::builder()
//!         // The layer that is added first runs first.
//!         .layer(BearerAuthLayer::new(server))
//!         .layer(obo_tonic::RejectionLayer)
//!         .add_routes(routes)
//!         .serve("127.0.0.1:50051".parse()?)
//!         .await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! A method can convert other errors into statuses with [`into_status`], or with `?` in a function
//! that returns an [`Error`].
//!
//! To call another service on behalf of the user, wrap the channel of a generated client with
//! [`channel`].
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `default-client` | yes | the HTTP client of `obo` |
//! | `tracing` | yes | events of `obo`, and a log of failed calls |
//! | `tls` | no | `ClientCertificateLayer`, for tokens that are bound to a certificate |
//!
//! # Where to go next
//!
//! The crate page of [`obo`] has both sides. The guides `protect-an-api`,
//! `call-on-behalf-of-a-user` and `layer-order` in `docs/guides` of the repository cover tonic too.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accessors;
#[cfg(feature = "tls")]
mod client_certificate;
mod error;
mod intermediary;
mod on_behalf_of;
mod rejection_layer;
mod require;
mod status;

pub use accessors::{caller, caller_with_claims};
#[cfg(feature = "tls")]
pub use client_certificate::{ClientCertificateLayer, ClientCertificateService};
pub use error::{Error, into_status};
pub use on_behalf_of::{CallerInterceptor, OnBehalfOf, ResponseFuture, carry, channel};
pub use rejection_layer::{RejectionFuture, RejectionLayer, RejectionService};
pub use require::{RequireInterceptor, require};
pub use status::{exchange_error, status};
