//! The outbound side: a service around a client that gives each request a token for where it goes.
//!
//! What happens to a request, in this order:
//!
//! 1. The subject: the caller given to [`OnBehalfOf::on_behalf_of`], else the [`Validated`](crate::Validated) in the
//!    request's own extensions. None: no call.
//! 2. The destination: the one this client is for, or the one that the request's scheme, host, port and path name
//!    exactly. None: no call, and nothing was sent anywhere.
//! 3. A token for the destination's target: at hand, or exchanged. None: no call.
//! 4. `Authorization` is set to it, marked sensitive, replacing whatever was there; then the ready inner service is
//!    called. The response's extensions say where the token came from ([`TokenSource`](crate::TokenSource)).
//! 5. An answer that rejects the token (401, gRPC `UNAUTHENTICATED`) lets it go. Where the request can be
//!    [replayed](Replay) it is sent once more, with a new token. A second such answer is passed on, as are all others.
//!
//! The caller's own token never goes out.

mod downstream;
mod future;
mod layer;
mod recorded;
mod replay;
mod service;

pub use future::ResponseFuture;
pub use layer::OnBehalfOfLayer;
pub use recorded::RecordedBody;
pub use replay::Replay;
pub use service::OnBehalfOf;
