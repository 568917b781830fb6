//! The listener with TLS: it asks for a certificate, and leaves it to the endpoints whose it is.

use std::sync::Arc;

use axum::{Extension, Router};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

use crate::certificate::TestCertificate;
use crate::client_certificate::Presented;
use crate::connection::serve;
use crate::thumbprint::sha256;

/// An acceptor with this certificate of the server.
pub(crate) fn acceptor(certificate: &TestCertificate) -> TlsAcceptor {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = AnyCertificate(provider.signature_verification_algorithms);
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem().as_bytes());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key.expect("a key in PEM"))
        .expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection, unless its handshake fails.
pub(crate) async fn accept(acceptor: TlsAcceptor, stream: TcpStream, router: Router) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let shown = stream.get_ref().1.peer_certificates();
    let shown = shown.and_then(|chain| chain.first()).map(|der| Presented {
        thumbprint: sha256(der),
        binds: true,
    });
    let router = match shown {
        Some(shown) => router.layer(Extension(shown)),
        None => router,
    };
    serve(stream, router).await;
}

/// Accepts each certificate whose key the client has, and clients without one: the server knows
/// which certificates its authority has issued, and which ones are registered.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
