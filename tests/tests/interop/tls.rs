//! Certificates, and a listener that requests one of its clients.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum::serve::{IncomingStream, Listener};
use http::Response;
use obo::authorization_server::HttpService;
use obo::binding::ClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::redirect::Policy;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tower::service_fn;
use tower::util::BoxCloneSyncService;

/// A certificate with its private key, in PEM.
#[derive(Clone)]
pub(crate) struct Identity(pub(crate) String);

impl Identity {
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = named(name).self_signed(&key).unwrap();
        Self(certificate.pem() + &key.serialize_pem())
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.0.as_bytes()).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        *ClientCertificate::from_der(&self.der()).thumbprint()
    }
}

/// The authority that issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = named(name).signed_by(&key, &self.0).unwrap();
        Identity(certificate.pem() + &key.serialize_pem())
    }

    /// An HTTP client that trusts the authority, with a certificate or without.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        let client = match identity {
            Some(Identity(pem)) => {
                client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
            }
            None => client,
        };
        client.redirect(Policy::none()).build().unwrap()
    }

    /// Serves `app` on a free port to clients without a certificate, with one of the authority, or
    /// with one of these. Returns the URL.
    pub(crate) async fn serve(&self, app: Router, known: &[Identity]) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        known.iter().for_each(|it| roots.add(it.der()).unwrap());
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let own = self.issue("localhost");
        let key = PrivateKeyDer::from_pem_slice(own.0.as_bytes()).unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![own.der()], key)
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let listener = TlsListener(tcp, TlsAcceptor::from(Arc::new(config)));
        let app = app.layer(map_request(show_certificate));
        let app = app.into_make_service_with_connect_info::<Shown>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    // OpenSSL takes a certificate with the name of its issuer for a self-signed one.
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A tower service of an HTTP client.
pub(crate) fn service(
    client: reqwest::Client,
) -> BoxCloneSyncService<http::Request<reqwest::Body>, Response<reqwest::Body>, reqwest::Error> {
    BoxCloneSyncService::new(service_fn(move |request: http::Request<reqwest::Body>| {
        let client = client.clone();
        async move { Ok(client.execute(request.try_into()?).await?.into()) }
    }))
}

/// The HTTP client of an authorization server: for each request, the one that `current` returns.
pub(crate) fn http_service(
    current: impl Fn() -> reqwest::Client + Send + Sync + 'static,
) -> HttpService {
    let current = Arc::new(current);
    HttpService::new(service_fn(move |request: http::Request<bytes::Bytes>| {
        let client = current();
        async move {
            let response = client.execute(request.try_into()?).await?;
            Ok::<Response<reqwest::Body>, reqwest::Error>(response.into())
        }
    }))
}

/// The certificate of a connection.
#[derive(Clone)]
struct Shown(Option<ClientCertificate>);

impl Connected<IncomingStream<'_, TlsListener>> for Shown {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let certificates = stream.io().get_ref().1.peer_certificates();
        let first = certificates.and_then(|certificates| certificates.first());
        Self(first.map(|der| ClientCertificate::from_der(der)))
    }
}

async fn show_certificate(mut request: Request) -> Request {
    let shown = request.extensions().get::<ConnectInfo<Shown>>();
    if let Some(certificate) = shown.and_then(|shown| shown.0.0) {
        request.extensions_mut().insert(certificate);
    }
    request
}

struct TlsListener(TcpListener, TlsAcceptor);

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

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
