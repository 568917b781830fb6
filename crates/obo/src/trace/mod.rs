//! Trace context (W3C Trace Context, level 1): reads it from requests, and sends it with calls.
//!
//! A [`TraceContextLayer`] outside of the [`BearerAuthLayer`](crate::BearerAuthLayer) reads
//! `traceparent` and `tracestate` of each request. It keeps them for the request: audit records
//! have the trace's identifier as `trace_id`, and requests to authorization servers carry the
//! context. A [`PropagateLayer`] around an HTTP client or a gRPC channel sends it to the called
//! service.
//!
//! ```
//! use obo::trace::{PropagateLayer, TraceContextLayer};
//! use obo::{BearerAuthLayer, ResourceServer};
//! use tower::{Layer, ServiceBuilder};
//!
//! # use std::convert::Infallible;
//! # use http::{Request, Response};
//! # async fn orders(_: Request<String>) -> Result<Response<String>, Infallible> {
//! #     Ok(Response::new(String::new()))
//! # }
//! # fn example(
//! #     exchange: obo::TokenExchange,
//! #     client: impl Clone,
//! # ) -> Result<(), obo::ConfigError> {
//! let server = ResourceServer::builder("service-a")
//!     .trust("https://idp.example.com/realms/corp")
//!     .build()?;
//! let service = ServiceBuilder::new()
//!     .layer(TraceContextLayer::new())
//!     .layer(BearerAuthLayer::new(server))
//!     .service_fn(orders);
//!
//! let client = PropagateLayer::new().layer(client);
//! let stock = exchange.to("https://stock.corp.example", "service-b")?.layer(client);
//! # Ok(())
//! # }
//! ```
//!
//! The headers are sent to every service that is called, so call only services that may see them.
//! A task that a handler spawns has no trace of its own; [`Trace::scope`] passes it on.
//!
//! # OpenTelemetry
//!
//! This crate does not depend on OpenTelemetry. A function of yours can write the headers instead,
//! such as the propagator of `opentelemetry`: pass it to [`TraceContextLayer::propagator`]. It is
//! called inside the span of each request that is sent. The example `opentelemetry` shows it.

mod header;
mod propagate;
mod receive;
mod scope;

pub use propagate::{Propagate, PropagateLayer};
pub use receive::{ResponseFuture, TraceContext, TraceContextLayer};
pub use scope::Trace;
pub(crate) use scope::{inject, within};

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

/// A function that writes the headers of the current trace.
#[derive(Clone)]
struct Propagator(Arc<dyn Fn(&mut HeaderMap) + Send + Sync>);

impl fmt::Debug for Propagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Propagator(..)")
    }
}
