//! The inbound side: a layer that admits requests with a valid access token and answers all others itself.
//!
//! What happens to a request, in this order:
//!
//! 1. No `Authorization` line, or one of another scheme: 401 with a bare challenge, or on as anonymous where the layer
//!    allows that for [all requests](BearerAuthLayer::allow_anonymous), for [its path](BearerAuthLayer::public_paths) or
//!    for [preflights](BearerAuthLayer::allow_preflight). Several lines, or a token in the query beside the header: 400.
//! 2. `Bearer` 1*SP token68 and nothing else, at most 16 KiB; then a compact JWS read strictly: canonical base64url, no
//!    member twice, no `crit`.
//! 3. The `iss` claim chooses one of the configured issuers, compared exactly. Any other costs no I/O.
//! 4. The `kid` chooses a key of that issuer. A known one is at hand; an unknown one waits for a shared, rationed fetch.
//!    Without keys the answer is 503, never 401.
//! 5. The issuer's policy judges type, issuer, audience, times, required claims and, last, the signature.
//!
//!    Where an issuer is [asked about its tokens](crate::Trust::introspect), that takes the place of 4 and 5, or
//!    comes after them: what it says is judged by the same policy, and no answer is 503.
//! 6. The [`Caller`](crate::Caller) goes into the request's extensions and the request to the inner service. Its
//!    `Authorization` line is marked sensitive, so that no log of headers shows the token.
//!
//! What needs a caller must be inside of this layer: a rule, an [`ExpiryLayer`](crate::ExpiryLayer), an extractor. Outside
//! of it, each request is refused with 500, and the log names the right order (see [`caller()`]).
//!
//! A request that waits for keys or for the issuer leaves the readiness of the inner service, such as the permit of a
//! concurrency limit, to others; a clone of the service is polled ready after the wait.
//!
//! A refusal is a response with an empty body. A gRPC request is answered as gRPC, without needing tonic. Where the layer
//! knows the service's [`ProtectedResource`](crate::ProtectedResource), each `Bearer` challenge names its metadata,
//! whether this layer, a rule or a handler raised it.
//!
//! A proxy that asks this service for permission and goes by the status alone (forward authentication) must not pass on a
//! POST with a content type of gRPC: its refusal has the status 200.
//!
//! What it does not check: what the caller may do. That is for [`Rule`](crate::Rule)s. And the token is judged once, before
//! the body is read: a stream goes on when it expires, unless an [`ExpiryLayer`](crate::ExpiryLayer) ends it.

mod caller;
mod credentials;
mod future;
pub(crate) mod layer;
mod open;
mod resource_metadata;
mod service;

pub use super::public_paths::PublicPaths;
pub use caller::caller;
pub use future::ResponseFuture;
pub(crate) use layer::BearerAuthLayer;
pub use service::BearerAuth;
