//! The outbound side: a service around a client that gives each request a token for where it goes.
//!
//! What happens to a request, in this order:
//!
//! 1. The subject: the caller given to [`OnBehalfOf::on_behalf_of`], else the [`Caller`](crate::Caller) in the
//!    request's own extensions. None: no call.
//! 2. The destination: the one this client is for, or the one that the request's scheme, host, port and path name
//!    exactly. None: no call, and nothing was sent anywhere.
//! 3. A token for the destination's target: at hand, or exchanged. None: no call.
//! 4. `Authorization` is set to it, marked sensitive, replacing whatever was there, and a `Host` header to the
//!    destination's authority; then the ready inner service is called. It is not held while a token is awaited: a clone
//!    of it is polled ready afterwards. The response's extensions say where the token came from ([`TokenSource`](crate::exchange::TokenSource)).
//! 5. An answer that rejects the token (401, gRPC `UNAUTHENTICATED`) lets it go. Where the request can be
//!    [replayed](Replay) it is sent once more, with a new token. One that wants more of the user (RFC 9470, a claims
//!    challenge) is an error that says so to our own caller. A second rejection is passed on, as are all other answers.
//!    A gRPC response whose status comes at its end evicts the token then, and is not replayed: its [body](ResponseBody)
//!    is watched as it is read.
//!
//! The caller's own token never goes out.
//!
//! # Clients
//!
//! Any tower service of `http::Request` is one, with its timeouts, retries and load balancing inside or outside. A client
//! with a request type of its own takes a line that turns one into the other, such as `reqwest`:
//!
//! ```
//! # #[cfg(feature = "default-client")]
//! # fn stock(exchange: &obo::TokenExchange, stock: obo::Destination) -> impl Sized {
//! use tower::{Layer, service_fn};
//!
//! // As any client that carries tokens, one that follows no redirects.
//! let redirects = reqwest::redirect::Policy::none();
//! let client = reqwest::Client::builder().redirect(redirects).build().unwrap();
//! let client = service_fn(move |request: http::Request<reqwest::Body>| {
//!     let client = client.clone();
//!     async move {
//!         let response = client.execute(request.try_into()?).await?;
//!         Ok::<http::Response<reqwest::Body>, reqwest::Error>(response.into())
//!     }
//! });
//! let stock = exchange.to(stock).layer(client);
//! # stock
//! # }
//! ```
//!
//! A client that is no service at all asks for the token: [`OnBehalfOfLayer::token`] for a URI,
//! [`TokenExchange::token`](crate::TokenExchange::token) for an audience.

mod body;
mod downstream;
mod future;
mod layer;
mod recorded;
mod replay;
mod route;
pub(crate) mod service;
mod web_frames;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::OnBehalfOfLayer;
pub use recorded::RecordedBody;
pub use replay::Replay;
pub(crate) use route::Route;
pub(crate) use service::OnBehalfOf;
