//! Strict readers of what other parties send.

pub(crate) mod base64url;
pub(crate) mod integer;
pub(crate) mod json;
pub(crate) mod media_type;
pub(crate) mod retry_after;
pub(crate) mod seen;
