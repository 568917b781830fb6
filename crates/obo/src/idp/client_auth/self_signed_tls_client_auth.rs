//! RFC 8705 section 2.2: <https://www.rfc-editor.org/rfc/rfc8705#section-2.2>.

use obo_core::TokenRequest;

use super::{Attempt, Authenticating, ClientAuth, TlsClientAuth};

/// `self_signed_tls_client_auth`: the certificate of the TLS connection, which is registered at the
/// server itself.
///
/// It sends the same as [`TlsClientAuth`]: the `client_id` alone.
///
/// ```
/// use obo::{AuthorizationServer, Client, TokenExchange};
/// use obo::authorization_server::HttpService;
/// use obo::client::SelfSignedTlsClientAuth;
///
/// # fn exchange(with_certificate: HttpService) -> Result<TokenExchange, obo::ConfigError> {
/// let client = Client::new("service-a", SelfSignedTlsClientAuth);
/// let idp = AuthorizationServer::builder("https://idp.example.com")
///     .with_http(with_certificate)
///     .build()?;
/// let exchange = TokenExchange::builder(idp, client).build()?;
/// # Ok(exchange)
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SelfSignedTlsClientAuth;

impl ClientAuth for SelfSignedTlsClientAuth {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        TlsClientAuth.authenticate(request, attempt)
    }

    fn uses_mutual_tls(&self) -> bool {
        TlsClientAuth.uses_mutual_tls()
    }
}
