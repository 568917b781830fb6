//! The certificate of a connection: client authentication and binding (RFC 8705).

use http::Extensions;

use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;

/// The certificate that the client of a connection has shown, in the extensions of each request.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) thumbprint: String,
    /// Whether tokens are bound to it.
    pub(crate) binds: bool,
}

/// The thumbprint of the certificate that issued tokens are bound to.
pub(crate) fn to_bind(extensions: &Extensions) -> Option<String> {
    let presented = extensions.get::<Presented>();
    let presented = presented.filter(|presented| presented.binds);
    presented.map(|presented| presented.thumbprint.clone())
}

/// Authenticates by `tls_client_auth` or `self_signed_tls_client_auth`; `None` without a
/// certificate.
pub(crate) fn authenticate(
    state: &State,
    extensions: &Extensions,
    form: &Form,
) -> Option<Result<Registration, OAuthError>> {
    let Presented { thumbprint, .. } = extensions.get()?;
    let client = form
        .required("client_id")
        .and_then(|id| state.client(id, None));
    Some(client.and_then(|client| {
        let issued = state.certificates.lock().get(thumbprint).cloned();
        let is_issued = issued.is_some() && issued == client.certificate_name;
        match is_issued || client.certificates.contains(thumbprint) {
            true => Ok(client),
            false => Err(OAuthError::authentication_failed()),
        }
    }))
}
