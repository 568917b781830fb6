//! Client authentication: how this service proves its identity to the authorization server. One
//! file per method, named as in the IANA registry.
//!
//! Prefer a method without a shared secret (RFC 9700 section 2.5): an assertion of the platform
//! ([`ClientAssertion`]), the certificate of [`TlsClientAuth`], or [`PrivateKeyJwt`].
//!
//! Credentials are renewed without a restart: a file is read, and a closure called, at each
//! attempt. A key is parsed again when its file has changed. While the file is not usable, the
//! previous key stays in use. While a read hangs, no attempt waits for it: the last content of the
//! file is used.
//!
//! For a method of your own, implement [`ClientAuth`] in your crate. `Setup::client_auth` of
//! `obo-config` gives it a name in configuration files. What it adds by
//! [`TokenRequest::push`](crate::token_endpoint::TokenRequest::push) never appears in errors and
//! logs.

mod assertion;
mod client;
mod client_assertion;
mod client_secret;
mod client_secret_basic;
mod client_secret_jwt;
mod client_secret_post;
mod dpop_key;
mod file;
mod key_file;
mod private_key_jwt;
mod proof_signer;
mod reads;
mod remote_signer;
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
pub use dpop_key::DpopKey;
pub(crate) use file::CredentialFile;
pub use private_key_jwt::PrivateKeyJwt;
pub(crate) use proof_signer::{ProofSigner, Proving};
pub use self_signed_tls_client_auth::SelfSignedTlsClientAuth;
pub use tls_client_auth::TlsClientAuth;

use obo_core::{ConfigError, Issuer, TokenEndpointError, TokenRequest, UnixTime};

/// One attempt at one authorization server, which a client authenticates for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The client identifier.
    pub client_id: &'a str,
    /// The authorization server.
    pub server: &'a Issuer,
    /// The URL that the request is sent to.
    pub token_endpoint: &'a str,
    /// The time of the attempt.
    pub now: UnixTime,
}

/// What [`ClientAuth::authenticate`] returns.
pub type Authenticating<'a> =
    Pin<Box<dyn Future<Output = Result<(), TokenEndpointError>> + Send + 'a>>;

/// The result of a closure of the application.
pub(crate) type Given<T> = Pin<Box<dyn Future<Output = Result<T, TokenEndpointError>> + Send>>;

/// A closure of the application, shared by clones.
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
///
/// ```
/// use obo::Secret;
/// use obo::client::{Attempt, Authenticating, ClientAuth};
/// use obo::token_endpoint::TokenRequest;
///
/// #[derive(Debug)]
/// struct ApiKey(Secret);
///
/// impl ClientAuth for ApiKey {
///     fn authenticate<'a>(
///         &'a self,
///         request: &'a mut TokenRequest,
///         attempt: Attempt<'a>,
///     ) -> Authenticating<'a> {
///         Box::pin(async move {
///             request.push_public("client_id", attempt.client_id);
///             request.push("api_key", self.0.expose());
///             Ok(())
///         })
///     }
/// }
///
/// let client = obo::Client::new("service-a", ApiKey("k3y".into()));
/// ```
pub trait ClientAuth: fmt::Debug + Send + Sync + 'static {
    /// Adds the credentials of one attempt to `request`. It is called for each attempt, retries
    /// included.
    ///
    /// # Errors
    ///
    /// Fails as `ClientMisconfigured` without a usable credential, and as `Transient` if the source
    /// of the credential does not respond.
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a>;

    /// Checks the credential when the client is built into an exchange or server. It may read files
    /// and block.
    ///
    /// # Errors
    ///
    /// Fails if a setting is wrong, and names it.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Whether the client authenticates by its TLS certificate. Then requests go to the endpoints
    /// for mutual TLS, if the server has them (RFC 8705 section 5).
    fn uses_mutual_tls(&self) -> bool {
        false
    }
}
