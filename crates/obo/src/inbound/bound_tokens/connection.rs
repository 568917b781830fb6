use std::net::IpAddr;

use http::uri::PathAndQuery;
use obo_core::binding::certificate;

/// The certificate that the client of a connection has shown. A TLS acceptor puts it into the
/// extensions of each request, once it has verified that the client has the key.
///
/// ```
/// use obo::binding::ClientCertificate;
///
/// # fn of(der: &[u8], mut request: http::Request<()>) {
/// // Once per connection.
/// let certificate = ClientCertificate::from_der(der);
/// // For each request.
/// request.extensions_mut().insert(certificate);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate([u8; 32]);

impl ClientCertificate {
    /// Computes the thumbprint of a certificate in DER.
    pub fn from_der(der: &[u8]) -> Self {
        Self(certificate::thumbprint(der))
    }

    /// Computes the thumbprint of the first certificate of a chain, which is the client's own;
    /// `None` if the chain is empty.
    ///
    /// ```
    /// use obo::binding::ClientCertificate;
    ///
    /// // As `peer_certificates` of a rustls connection has it.
    /// fn of_connection(chain: Option<&[Vec<u8>]>) -> Option<ClientCertificate> {
    ///     chain.and_then(ClientCertificate::from_chain)
    /// }
    /// ```
    pub fn from_chain<C: AsRef<[u8]>>(chain: &[C]) -> Option<Self> {
        let own = chain.first()?;
        Some(Self::from_der(own.as_ref()))
    }

    /// SHA-256 of the certificate in DER.
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The address from which a connection comes. A server puts it into the extensions of each request,
/// so that a header with a certificate counts only from a proxy that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// Path and query of a request as they were received. Put it into the extensions before a router
/// changes the URI, if the [`BearerAuthLayer`](crate::BearerAuthLayer) is inside of that router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalTarget(pub PathAndQuery);
