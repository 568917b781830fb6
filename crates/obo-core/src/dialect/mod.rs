//! How authorization servers differ: one file each.
//!
//! Inbound, a product's difference is data, a [`Profile`](crate::Profile), and [`Profile::named`](crate::Profile::named)
//! finds it by name. Outbound it is a [`Dialect`], with RFC 8693 itself as the default. Those of products are data too:
//! [`Rfc8693`] with the settings that the product needs, and [`named`] finds them by name. A server of your own gets a
//! preset in your own crate, or an implementation of [`Dialect`] where data does not reach.

pub mod auth0;
pub mod authentik;
pub mod cognito;
pub mod entra;
pub mod google;
pub mod keycloak;
pub mod okta;
pub mod ping_federate;
mod presets;
mod profiles;
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

pub use presets::{named, names};
pub use refusal::Refusal;
pub use registration::Registration;
pub use rfc8693::{Rfc8693, TargetBy};

use crate::grant::issued_token::IssuedToken;
use crate::grant::request::ExchangeRequest;
use crate::grant::target::Target;
use crate::grant::token_endpoint::{TokenEndpointError, TokenRequest};
use crate::time::UnixTime;

/// How one kind of authorization server wants to be asked, and what its answers mean. Pure: no I/O, no clock.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The name by which configuration tells dialects apart.
    fn name(&self) -> &'static str;

    /// What tells this dialect from others in a [`CacheKey`](crate::CacheKey): its name, and every setting that shapes
    /// what is asked for or accepted (TX-41).
    ///
    /// It may hold values of parameters, so it is for cache keys alone, never for logs. Each call asks for it, so keep it
    /// at hand.
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }

    /// Whether the server gives a user another `sub` in each audience, so that subjects of two tokens are not compared.
    fn has_pairwise_subjects(&self) -> bool {
        false
    }

    /// The form by which the client asks for the exchange; client authentication is added to it afterwards.
    ///
    /// # Errors
    ///
    /// When this kind of server cannot be asked for what `request` wants, or would refuse it: the class says which. Nothing
    /// is sent then.
    fn request(
        &self,
        request: &ExchangeRequest,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError>;

    /// What the answer to `request` means at the time `now`.
    ///
    /// # Errors
    ///
    /// The class of the failure; a token that must not be used is one.
    fn response(
        &self,
        request: &ExchangeRequest,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError>;

    /// The form by which the client asks for a token of its own for `target` (RFC 6749 section 4.4).
    ///
    /// Without a target it is about this service and for nobody in particular, such as an
    /// [`ActorToken`](crate::ActorToken). By default it is written as [`Rfc8693`] does.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    fn client_request(
        &self,
        target: Option<&Target>,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        Rfc8693::new().client_request(target, by)
    }

    /// What the answer to a request for a token of the client's own means at the time `now`. By default it is judged as
    /// [`Rfc8693`] does.
    ///
    /// # Errors
    ///
    /// As [`response`](Self::response); never one that speaks of a user.
    fn client_response(
        &self,
        target: Option<&Target>,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        Rfc8693::new().client_response(target, response, now)
    }
}
