//! The inbound layer: it admits requests with a valid access token and refuses all others.
//!
//! What happens to a request, in this order:
//!
//! 1. Without an `Authorization` header, or with one of another scheme, the request is refused with
//!    401 and a bare challenge. The layer admits it as anonymous if that is allowed for [all
//!    requests](BearerAuthLayer::allow_anonymous), for [its path](BearerAuthLayer::public_paths) or
//!    for [preflights](BearerAuthLayer::allow_preflight). Several headers, or a second token in the
//!    query: 400.
//! 2. The header is `Bearer`, spaces, and a token of at most 16 KiB. The token is parsed strictly
//!    as a compact JWS: canonical base64url, no duplicate members, no `crit`.
//! 3. The `iss` claim selects one of the trusted issuers, compared exactly. A token of another
//!    issuer causes no I/O.
//! 4. The `kid` selects a key of that issuer. A known key is cached. An unknown one waits for a
//!    fetch, which requests share and which has a budget. If no keys are available the response is
//!    503, never 401.
//! 5. The issuer's policy validates type, issuer, audience, times, required claims and, last, the
//!    signature.
//!
//!    With [introspection](crate::Trust::introspect), a request to the issuer replaces steps 4 and
//!    5, or follows them. The same policy validates the claims of its response. If the issuer does
//!    not respond, the response is 503.
//! 6. The [`Caller`](crate::Caller) goes into the request's extensions, and the request goes to the
//!    inner service. The `Authorization` header is marked sensitive, so that logs of headers do not
//!    show the token.
//!
//! Rules, an [`ExpiryLayer`](crate::ExpiryLayer) and extractors need the caller, so they must be
//! inside of this layer. Outside of it they refuse every request with 500, and the log names the
//! right order (see [`caller()`]).
//!
//! A request that is refused, or waits for keys or for introspection, releases the readiness of the
//! inner service, such as the permit of a concurrency limit. The layer polls a clone of the service
//! ready after a wait.
//!
//! A refusal is a response with an empty body. A gRPC request gets a gRPC status; this does not
//! need tonic. If the layer knows the service's [`ProtectedResource`](crate::ProtectedResource),
//! each `Bearer` and `DPoP` challenge names its metadata, whether this layer, a rule or a handler
//! raised it.
//!
//! A proxy that uses this service for forward authentication, and looks at the status alone, must
//! not forward a POST with a gRPC content type: a gRPC refusal has the status 200.
//!
//! The layer does not check what the caller may do: use [`Rule`](crate::Rule)s. It validates the
//! token once, before the body is read. To end streams when the token expires, add an
//! [`ExpiryLayer`](crate::ExpiryLayer).

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
