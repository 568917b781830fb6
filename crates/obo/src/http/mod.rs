//! The HTTP seam: any tower service of requests with bytes, behind a body cap and a deadline.

#[cfg(feature = "default-client")]
mod default_client;
mod service;

pub use service::HttpService;
pub(crate) use service::{HttpError, Limits, retry_after};
