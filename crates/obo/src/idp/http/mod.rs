//! The HTTP client: any tower service of requests with bytes, behind a body limit and a deadline.

#[cfg(feature = "default-client")]
mod default_client;
mod freshness;
mod service;
mod tls_identity;

pub(crate) use freshness::freshness;
pub use service::HttpService;
pub(crate) use service::{HttpError, Limits};
pub use tls_identity::TlsIdentity;
