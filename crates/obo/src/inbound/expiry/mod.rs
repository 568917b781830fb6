//! Requests that end when their token does, for streams that outlive it.
//!
//! A token is validated once, when its request starts. Without this layer, a stream goes on for as long as both ends
//! like; a server-sent event or a gRPC subscription may then be served for days after the token has expired. An
//! [`ExpiryLayer`](crate::ExpiryLayer) inside the [`BearerAuthLayer`](crate::BearerAuthLayer) ends it at the moment from which the server
//! would refuse the token: its `exp`, or the end of its maximum age, plus the leeway of the issuer's policy.
//!
//! - Before the response has begun, the request is refused as any expired token is: 401, or gRPC 16.
//! - A gRPC response that has begun ends with the trailers `grpc-status: 16` and `grpc-message: invalid token`.
//! - Any other response that has begun, gRPC-Web among them, fails: the server resets the stream or cuts the connection,
//!   so that nobody takes what came for the whole.
//!
//! The end holds by the wall clock too, which is read every 5 s while the request is under way: a token that expires while
//! the machine sleeps ends its streams within that time after it wakes up, and so does a clock that is set forward.
//!
//! In each case what was under way inside is dropped. Requests that the layer around let pass without a token have no end.
//!
//! What it does not do: look again whether a token was revoked; end a connection that was upgraded (a WebSocket), which
//! is no response body; stop a task that a handler has spawned. For the latter two there is
//! [`ResourceServer::refused`](crate::ResourceServer::refused), a future to wait for beside the work.

mod body;
mod countdown;
mod future;
pub(crate) mod layer;

pub use body::ExpiryBody;
pub(crate) use countdown::{Countdown, End};
pub use future::ResponseFuture;
pub use layer::Expiry;
