//! How this service proves to the authorization server who it is: one file per method, named as IANA registers it.
//!
//! Prefer a method without a shared secret (RFC 9700 section 2.5): what the platform gives ([`ClientAssertion`], the
//! certificate of [`TlsClientAuth`]), or [`PrivateKeyJwt`].
//!
//! Credentials are renewed without a restart: a file is read, and a closure called, at each attempt. A key is parsed again
//! when its file has changed; while the file cannot be used, the key of before is.
//!
//! A method of your own is an implementation of [`ClientAuth`] in your own crate; `Setup::client_auth` of `obo-config` gives
//! it a name in configuration files. What it sets by [`TokenRequest::push`](crate::token_endpoint::TokenRequest::push) is kept out of errors and logs.

mod assertion;
mod client;
mod client_assertion;
mod client_secret;
mod client_secret_basic;
mod client_secret_jwt;
mod client_secret_post;
mod file;
mod key_file;
mod private_key_jwt;
mod self_signed_tls_client_auth;
mod tls_client_auth;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

pub use client::Client;
pub use client_assertion::ClientAssertion;
pub use client_secret_basic::ClientSecretBasic;
pub use client_secret_jwt::ClientSecretJwt;
pub use client_secret_post::ClientSecretPost;
pub use private_key_jwt::PrivateKeyJwt;
pub use self_signed_tls_client_auth::SelfSignedTlsClientAuth;
pub use tls_client_auth::TlsClientAuth;

use obo_core::{ConfigError, Issuer, TokenEndpointError, TokenRequest, UnixTime};

/// What a client authenticates for: one attempt at one authorization server.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// Who this service is.
    pub client_id: &'a str,
    /// The authorization server.
    pub server: &'a Issuer,
    /// The URL that the request goes to.
    pub token_endpoint: &'a str,
    /// The time of the attempt.
    pub now: UnixTime,
}

/// What [`ClientAuth::authenticate`] returns.
pub type Authenticating<'a> =
    Pin<Box<dyn Future<Output = Result<(), TokenEndpointError>> + Send + 'a>>;

/// What a closure of the user's gives, sooner or later.
pub(crate) type Given<T> = Pin<Box<dyn Future<Output = Result<T, TokenEndpointError>> + Send>>;

/// A closure of the user's; clones are the same one.
pub(crate) struct Closure<F: ?Sized>(pub(crate) Arc<F>);

impl<F: ?Sized> Clone for Closure<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: ?Sized> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closure(..)")
    }
}

/// A client authentication method (RFC 6749 section 2.3).
pub trait ClientAuth: fmt::Debug + Send + Sync + 'static {
    /// Adds the credentials of one attempt to `request`; called anew for each attempt, retries included (CA-09).
    ///
    /// # Errors
    ///
    /// `ClientMisconfigured` when there is no usable credential, `Transient` when its source does not answer.
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a>;

    /// Finds a credential that cannot be used, when what the client is for is built; it may read files, and block.
    ///
    /// # Errors
    ///
    /// Fails if a setting is wrong, and names it.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Whether the client authenticates by its TLS certificate, so that the request goes to the server's endpoint for
    /// mutual TLS where it has one (RFC 8705 section 5).
    fn uses_mutual_tls(&self) -> bool {
        false
    }
}
