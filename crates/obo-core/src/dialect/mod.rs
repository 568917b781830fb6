//! How authorization servers differ: one file each.
//!
//! Inbound, a product's difference is data, a [`Profile`](crate::Profile), and [`Profile::named`](crate::Profile::named)
//! finds it by name. Outbound it is a [`Dialect`], with RFC 8693 itself as the default. Those of products are data too:
//! [`Rfc8693`] with the settings that the product needs, and [`named`] finds them by name. A server of your own gets a
//! preset in your own crate, or an implementation of [`Dialect`] where data does not reach.
//!
//! A new product is a file here and a line in `names.rs`, with the name that configuration has for it.

pub mod auth0;
pub mod authentik;
pub mod cognito;
pub mod entra;
pub mod google;
pub mod keycloak;
mod names;
pub mod okta;
pub mod ping_federate;
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
pub use refusal::Refusal;
pub use registration::Registration;
pub use rfc8693::{Rfc8693, TargetBy};

use crate::grant::Grant;
use crate::grant::issued_token::IssuedToken;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::grant::token_request::TokenRequest;
use crate::time::UnixTime;

/// How one kind of authorization server wants to be asked, and what its responses mean. Pure: no I/O, no clock.
///
/// A dialect that only exchanges tokens hands other grants to [`Rfc8693`], which writes them as the standards do.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The name of this dialect, for logs and cache keys.
    fn name(&self) -> &'static str;

    /// What tells this dialect from others in a [`CacheKey`](crate::CacheKey): its name, and every setting that shapes
    /// what is asked for or accepted.
    ///
    /// It may hold values of parameters, so it is for cache keys alone, never for logs. Each call needs it, so keep it in
    /// a field.
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }

    /// Whether the server gives a user another `sub` in each audience, so that subjects of two tokens are not compared.
    fn has_pairwise_subjects(&self) -> bool {
        false
    }

    /// Writes the form that asks for `grant`; client authentication is added to it afterwards.
    ///
    /// # Errors
    ///
    /// Fails if this kind of server cannot be asked for it, or would refuse it: the class says which. Nothing is sent then.
    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError>;

    /// Reads the response to the request for `grant`, at the time `now`.
    ///
    /// Whether an issued JWT is addressed to the target, and of the same user, is for the dialect to check: nothing after it
    /// does. A dialect whose responses are only spelled otherwise rewrites them and hands them to [`Rfc8693`], whose
    /// `response` checks both.
    ///
    /// # Errors
    ///
    /// Fails if there is no token, or none that may be used; the class says why. For
    /// [client credentials](Grant::ClientCredentials) it is never a class that speaks of a user.
    fn response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError>;
}
