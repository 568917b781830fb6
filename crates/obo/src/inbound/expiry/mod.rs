//! Ends requests and streams when their token expires.
//!
//! A token is validated once, when its request starts. Without this layer a stream continues as
//! long as both ends keep it open: server-sent events or a gRPC subscription may continue for days
//! after the token has expired. An [`ExpiryLayer`](crate::ExpiryLayer) inside the
//! [`BearerAuthLayer`](crate::BearerAuthLayer) ends it when the server starts to refuse the token:
//! at its `exp` or at its maximum age, plus the leeway of the issuer's policy.
//!
//! - Before the response has started, the request is refused like any expired token: 401, or gRPC
//!   16.
//! - A gRPC response that has started ends with the trailers `grpc-status: 16` and `grpc-message:
//!   invalid token`.
//! - Any other response that has started fails, gRPC-Web included: the server resets the stream or
//!   closes the connection, so that clients do not take the part for the whole.
//!
//! The layer also reads the wall clock, every 5 s while a request runs. So a token that expires
//! while the machine is suspended ends its streams within 5 s after the machine wakes up, and the
//! same applies if the clock is set forward.
//!
//! In each case the inner service's work is dropped. Requests that were admitted without a token do
//! not expire.
//!
//! The layer does not check again whether a token was revoked. It does not end upgraded connections
//! (WebSockets), which are not response bodies, nor tasks that a handler has spawned. For both,
//! wait for [`ResourceServer::refused`](crate::ResourceServer::refused) in parallel with the work.

mod body;
mod countdown;
mod future;
pub(crate) mod layer;

pub use body::ExpiryBody;
pub(crate) use countdown::{Countdown, End};
pub use future::ResponseFuture;
pub use layer::Expiry;
