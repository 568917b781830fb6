use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use http::Request;
use obo::binding::ClientCertificate;
use tonic::transport::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower_layer::Layer;
use tower_service::Service;

/// The certificates of one connection. Its requests share one allocation.
type Chain = Vec<CertificateDer<'static>>;

/// How many connections keep their thumbprint. More of them are correct too, and cost a hash for
/// some requests.
const SLOTS: usize = 1024;

/// Shows the certificate of a connection to the [`BearerAuthLayer`](obo::BearerAuthLayer), for
/// tokens that are bound to it (RFC 8705).
///
/// It reads the certificate from tonic's own TLS
/// ([`ServerTlsConfig::client_ca_root`][client_ca_root]), on TCP. The thumbprint is computed once
/// for each connection.
///
/// [client_ca_root]: tonic::transport::server::ServerTlsConfig::client_ca_root
///
/// ```no_run
/// # async fn serve(
/// #     routes: tonic::service::Routes,
/// #     tls: tonic::transport::ServerTlsConfig,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use obo::binding::BoundTokens;
/// use obo::{BearerAuthLayer, ResourceServer};
/// use obo_tonic::ClientCertificateLayer;
/// use tonic::transport::Server;
///
/// let server = ResourceServer::builder("service-b")
///     .trust("https://idp.example.com/realms/corp")
///     .bound_tokens(BoundTokens::new().certificates())
///     .build()?;
/// Server::builder()
///     .tls_config(tls)?
///     // In tonic the layer that is added first runs first.
///     .layer(ClientCertificateLayer::new())
///     .layer(BearerAuthLayer::new(server))
///     .add_routes(routes)
///     .serve("127.0.0.1:50051".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClientCertificateLayer {
    thumbprints: Thumbprints,
}

impl ClientCertificateLayer {
    /// Makes a layer without any thumbprints.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for ClientCertificateLayer {
    type Service = ClientCertificateService<S>;

    fn layer(&self, inner: S) -> ClientCertificateService<S> {
        ClientCertificateService {
            inner,
            thumbprints: self.thumbprints.clone(),
        }
    }
}

/// The service of a [`ClientCertificateLayer`].
#[derive(Clone, Debug)]
pub struct ClientCertificateService<S> {
    inner: S,
    thumbprints: Thumbprints,
}

impl<S, B> Service<Request<B>> for ClientCertificateService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let extensions = request.extensions();
        let connection = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
        let chain = connection.and_then(TlsConnectInfo::peer_certs);
        if let Some(own) = chain.and_then(|chain| self.thumbprints.of(&chain)) {
            request.extensions_mut().insert(own);
        }
        self.inner.call(request)
    }
}

/// The thumbprints of open connections, found by the address of their certificates.
///
/// Tonic has no place for a value per connection, and clones the service for each request.
#[derive(Clone)]
struct Thumbprints(Arc<[Slot]>);

/// The `Weak` keeps the address from being used again while it is here.
type Slot = Mutex<Option<(Weak<Chain>, ClientCertificate)>>;

impl Default for Thumbprints {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Slot::default()).collect())
    }
}

impl fmt::Debug for Thumbprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thumbprints(..)")
    }
}

impl Thumbprints {
    fn of(&self, chain: &Arc<Chain>) -> Option<ClientCertificate> {
        // The low bits of addresses are alike, those of the product are spread from all of them.
        let spread = (Arc::as_ptr(chain).addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = self.0.get((spread >> 32) as usize % SLOTS)?;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, own)) = &*slot
            && std::ptr::eq(known.as_ptr(), Arc::as_ptr(chain))
        {
            return Some(*own);
        }
        let own = ClientCertificate::from_chain(chain)?;
        *slot = Some((Arc::downgrade(chain), own));
        Some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(der: &[u8]) -> Arc<Chain> {
        Arc::new(vec![CertificateDer::from(der.to_vec())])
    }

    /// MT-01
    #[test]
    fn thumbprint_stays_with_its_connection() {
        let thumbprints = Thumbprints::default();
        // More than there is room for, and most end at once: addresses would be used again.
        for number in 0..4 * SLOTS {
            let der = number.to_be_bytes();
            let chain = chain(&der);
            let own = ClientCertificate::from_der(&der);
            for _ in 0..2 {
                assert_eq!(thumbprints.of(&chain), Some(own));
            }
        }
        let open: Vec<_> = (0..2 * SLOTS).map(|n| chain(&n.to_be_bytes())).collect();
        for _ in 0..2 {
            for (number, chain) in open.iter().enumerate() {
                let own = ClientCertificate::from_der(&number.to_be_bytes());
                assert_eq!(thumbprints.of(chain), Some(own));
            }
        }
    }

    #[test]
    fn empty_chain_has_no_certificate() {
        assert_eq!(Thumbprints::default().of(&Arc::new(Vec::new())), None);
    }
}
