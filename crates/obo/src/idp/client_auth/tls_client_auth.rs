//! RFC 8705 section 2.1: <https://www.rfc-editor.org/rfc/rfc8705#section-2.1>.

use std::future::ready;

use obo_core::TokenRequest;

use super::{Attempt, Authenticating, ClientAuth};

/// `tls_client_auth`: the certificate of the TLS connection, issued by an authority that the server
/// trusts.
///
/// The form has the `client_id` alone. The certificate and its key belong to the
/// [`HttpService`](crate::authorization_server::HttpService) of the
/// [`AuthorizationServer`](crate::AuthorizationServer), and are renewed there. Requests go to
/// `mtls_endpoint_aliases.token_endpoint` if the server's metadata has it.
///
/// With an X.509-SVID of SPIFFE the client identifier is the SPIFFE ID, the URI in the certificate.
/// The server checks this, and whether the connection has a certificate at all; neither can be
/// checked here.
///
/// ```
/// use obo::{AuthorizationServer, Client, TokenExchange};
/// use obo::authorization_server::HttpService;
/// use obo::client::TlsClientAuth;
///
/// # fn exchange(with_certificate: HttpService) -> Result<TokenExchange, obo::ConfigError> {
/// let client = Client::new("spiffe://corp.example/service-a", TlsClientAuth);
/// let idp = AuthorizationServer::builder("https://idp.example.com")
///     .with_http(with_certificate)
///     .build()?;
/// # TokenExchange::builder(idp, client).build()
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TlsClientAuth;

impl ClientAuth for TlsClientAuth {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.push_public("client_id", attempt.client_id);
        Box::pin(ready(Ok(())))
    }

    fn uses_mutual_tls(&self) -> bool {
        true
    }
}
