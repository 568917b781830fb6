//! The differences between authorization servers, one file per product.
//!
//! Inbound, a product is a [`Profile`](crate::Profile); [`Profile::named`](crate::Profile::named)
//! finds it by name. Outbound, it is a [`Dialect`]; the default is RFC 8693 itself. The dialects of
//! products are data: [`Rfc8693`] with settings, and [`named`] finds them by name. For your own
//! server, write a preset in your own crate, or implement [`Dialect`] if settings are not enough.
//!
//! A new product is a file here and a line in `names.rs` with its name in configuration files.

pub mod auth0;
pub mod authentik;
pub mod cognito;
pub mod entra;
pub mod google;
pub mod keycloak;
mod names;
pub mod okta;
pub mod ping_federate;
mod product;
mod refusal;
mod registration;
mod rfc8693;
pub mod tokendings;
pub mod wso2;
pub mod zitadel;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Response;

pub use names::{named, names};
pub use product::product_of;
pub use refusal::Refusal;
pub use registration::Registration;
pub use rfc8693::{Rfc8693, TargetBy};

use crate::grant::Grant;
use crate::grant::issued_token::IssuedToken;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::grant::token_request::TokenRequest;
use crate::time::UnixTime;

/// How to request tokens from one kind of authorization server, and how to read its responses. No
/// I/O, no clock.
///
/// A dialect that only exchanges tokens passes other grants to [`Rfc8693`], which follows the
/// standards.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The name of this dialect, for logs and cache keys.
    fn name(&self) -> &'static str;

    /// Distinguishes this dialect in a [`CacheKey`](crate::CacheKey): its name and all settings
    /// that shape what is requested or accepted.
    ///
    /// It may contain values of parameters, so use it only in cache keys, never in logs. Each call
    /// needs it, so keep it in a field.
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }

    /// Whether a user has a different `sub` in each audience. Then subjects of two tokens are not
    /// compared.
    fn has_pairwise_subjects(&self) -> bool {
        false
    }

    /// Writes the form of the request for `grant`. Client authentication is added later.
    ///
    /// # Errors
    ///
    /// Fails if the server does not support the request or would refuse it; the class says which.
    /// Then nothing is sent.
    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError>;

    /// Reads the response to the request for `grant`, at time `now`.
    ///
    /// The dialect must check that an issued JWT is for the target and of the same user: no later
    /// step does. If a server only spells its responses differently, rewrite them and pass them to
    /// [`Rfc8693`], whose `response` checks both.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable token; the class says why. For [client
    /// credentials](Grant::ClientCredentials), the class is never about a user.
    fn response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError>;
}
