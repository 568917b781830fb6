//! A TLS server that asks its clients for a certificate, and shows it to the service.

use std::sync::Arc;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use obo::binding::ClientCertificate;
use obo_testkit::TestIdp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tower::ServiceBuilder;

use crate::BoxError;
use crate::services::listen;

/// Serves `app` on a free port, and returns its URL. The testkit issues the server's certificate,
/// and those of the clients.
///
/// # Errors
///
/// Fails if the operating system gives no port.
pub async fn serve(app: Router, idp: &TestIdp) -> Result<String, BoxError> {
    let tls = acceptor(idp)?;
    let listener = listen().await?;
    let url = format!("https://{}", listener.local_addr()?);
    tokio::spawn(accept(listener, tls, app));
    Ok(url)
}

pub(crate) async fn accept(listener: TcpListener, tls: TlsAcceptor, app: Router) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(tls.clone(), stream, app.clone()));
        }
    }
}

/// One connection. It ends if the handshake fails, such as with a certificate of another authority.
async fn connection(tls: TlsAcceptor, stream: TcpStream, app: Router) -> Result<(), BoxError> {
    let stream = tls.accept(stream).await?;
    // Once per connection: this computes the thumbprint.
    let chain = stream.get_ref().1.peer_certificates();
    let certificate = chain.and_then(ClientCertificate::from_chain);
    // For each request: the `BearerAuthLayer` finds it in the extensions.
    let app = ServiceBuilder::new()
        .option_layer(certificate.map(Extension))
        .service(app);
    let app = TowerToHyperService::new(app);
    let http = Builder::new(TokioExecutor::new());
    http.serve_connection(TokioIo::new(stream), app).await
}

pub(crate) fn acceptor(idp: &TestIdp) -> Result<TlsAcceptor, BoxError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        idp.authority_pem().as_bytes(),
    )?)?;
    // A client without a certificate connects too. Tokens that are bound to one are refused then.
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()?;
    let own = idp.certificate("127.0.0.1");
    let chain = vec![CertificateDer::from_pem_slice(own.pem().as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(own.key_pem().as_bytes())?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
