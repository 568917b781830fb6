//! The connections of the chain: plain, or with mutual TLS.

use std::sync::Arc;

use axum::body::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use obo::authorization_server::HttpService;
use obo_testkit::{TestCertificate, TestIdp};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};
use tower::service_fn;

use super::binding::Holder;
use crate::BoxError;

/// The HTTP client of the services.
pub type Http<B = String> = Client<HttpsConnector<HttpConnector>, B>;

/// What a client connects with.
#[derive(Clone)]
pub(super) struct Tls {
    /// The authority of the services' certificates.
    root: String,
    /// The client's own certificate, if it has one.
    pub(super) own: Option<TestCertificate>,
}

impl Tls {
    pub(super) fn without_certificate(idp: &TestIdp) -> Self {
        let root = idp.authority_pem();
        Self { root, own: None }
    }

    pub(super) fn with_certificate(idp: &TestIdp, name: &str) -> Self {
        Self {
            own: Some(idp.certificate(name)),
            ..Self::without_certificate(idp)
        }
    }

    fn for_http(&self) -> Result<ClientConfig, BoxError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.as_bytes())?)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let Some(own) = &self.own else {
            return Ok(config.with_no_client_auth());
        };
        let chain = vec![CertificateDer::from_pem_slice(own.pem().as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(own.key_pem().as_bytes())?;
        Ok(config.with_client_auth_cert(chain, key)?)
    }

    fn for_grpc(&self) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.root));
        match &self.own {
            Some(own) => tls.identity(identity(own)),
            None => tls,
        }
    }
}

impl Holder {
    /// An HTTP client that connects with what this holder has.
    pub(super) fn http<B>(&self) -> Result<Http<B>, BoxError>
    where
        B: http_body::Body<Data: Send> + Send,
    {
        let tls = match self {
            Self::Certificate(tls) => tls.for_http()?,
            Self::Bearer | Self::Key(_) => ClientConfig::builder()
                .with_root_certificates(Arc::new(RootCertStore::empty()))
                .with_no_client_auth(),
        };
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// The same client for the authorization server.
    pub(super) fn http_service(&self) -> Result<HttpService, BoxError> {
        let http = self.http::<Full<Bytes>>()?;
        Ok(HttpService::new(service_fn(
            move |request: Request<Bytes>| http.request(request.map(Full::new)),
        )))
    }

    /// A gRPC client that connects with what this holder has.
    pub(super) fn channel(&self, url: String) -> Result<Endpoint, BoxError> {
        let endpoint = Endpoint::from_shared(url)?;
        match self {
            Self::Certificate(tls) => Ok(endpoint.tls_config(tls.for_grpc())?),
            Self::Bearer | Self::Key(_) => Ok(endpoint),
        }
    }
}

/// TLS of a gRPC service. As over HTTP, a client may have no certificate.
pub(super) fn grpc_server(idp: &TestIdp) -> ServerTlsConfig {
    ServerTlsConfig::new()
        .identity(identity(&idp.certificate("127.0.0.1")))
        .client_ca_root(Certificate::from_pem(idp.authority_pem()))
        .client_auth_optional(true)
}

fn identity(certificate: &TestCertificate) -> Identity {
    Identity::from_pem(certificate.pem(), certificate.key_pem())
}
