//! How authorization servers differ: one file each.
//!
//! Inbound, a product's difference is data, a [`Profile`](crate::Profile), and [`Profile::named`](crate::Profile::named)
//! finds it by name. Outbound it is a [`Dialect`], with RFC 8693 itself as the default.

pub mod auth0;
pub mod authentik;
pub mod cognito;
pub mod entra;
pub mod google;
pub mod keycloak;
pub mod okta;
mod profiles;
mod refusal;
mod rfc8693;
pub mod zitadel;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub(crate) use profiles::{profile, profile_names};
pub use rfc8693::Rfc8693;

use crate::{
    ConfigError, ExchangeRequest, IssuedToken, Issuer, TokenEndpointError, TokenRequest, UnixTime,
};

/// How one kind of authorization server wants to be asked, and what its answers mean. Pure: no I/O, no clock.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// The name by which configuration tells dialects apart.
    fn name(&self) -> &'static str;

    /// What tells this dialect from others in a [`CacheKey`](crate::CacheKey): its name, and every setting that shapes
    /// what is asked for or accepted (TX-41).
    ///
    /// It may hold values of parameters, so it is for cache keys alone, never for logs.
    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }

    /// The form to send to `server`; client authentication is added to it afterwards.
    ///
    /// # Errors
    ///
    /// When this kind of server cannot be asked for what `request` wants.
    fn request(
        &self,
        request: &ExchangeRequest,
        server: &Issuer,
    ) -> Result<TokenRequest, ConfigError>;

    /// What the answer to `request` means at the time `now`.
    ///
    /// # Errors
    ///
    /// The class of the failure; a token that must not be used is one.
    fn response(
        &self,
        request: &ExchangeRequest,
        response: &http::Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError>;
}
