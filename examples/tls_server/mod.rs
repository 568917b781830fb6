//! A TLS server that requires a certificate of its clients, with certificates made at start.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use obo_examples::BoxError;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// What a client needs, as PEM.
pub(crate) struct Pem {
    /// The certificate of the authority that issued the other two.
    pub(crate) authority: String,
    /// The client's certificate and its private key.
    pub(crate) client: String,
}

/// Serves `app` on a free port, and returns its URL and what its clients need.
pub(crate) async fn serve(app: Router) -> Result<(String, Pem), BoxError> {
    let mut authority = CertificateParams::new([])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let (server_key, client_key) = (KeyPair::generate()?, KeyPair::generate()?);
    let server = CertificateParams::new(["localhost".to_owned()])?;
    let server = server.signed_by(&server_key, &authority)?;
    let client = CertificateParams::new(["service-a".to_owned()])?;
    let client = client.signed_by(&client_key, &authority)?;

    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der().clone()], server_key.into())?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("https://localhost:{}", tcp.local_addr()?.port());
    let tls = TlsListener(tcp, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move { axum::serve(tls, app).await });

    let pem = Pem {
        authority: authority.pem(),
        client: client.pem() + &client_key.serialize_pem(),
    };
    Ok((url, pem))
}

struct TlsListener(TcpListener, TlsAcceptor);

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// Drops connections whose handshake fails.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((tcp, address)) = self.0.accept().await
                && let Ok(tls) = self.1.accept(tcp).await
            {
                return (tls, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
