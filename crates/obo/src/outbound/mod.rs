//! The outbound side: calls to other services, each with a token for its destination.

pub mod app_only;
pub(crate) mod destination;
pub(crate) mod error;
pub mod exchange;
pub mod on_behalf_of;
pub(crate) mod service;
