//! Tokens that are bound to a certificate, over real handshakes with tonic's own TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use obo::binding::{BoundTokens, ClientCertificate};
use obo::{BearerAuthLayer, Client, ClientSecretBasic, Introspection, ResourceServer, Trust};
use obo_testkit::{TestCertificate, TestIdp};
use obo_tonic::ClientCertificateLayer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity, Server, ServerTlsConfig};
use tonic_types::StatusExt as _;

use crate::whoami::{Whoami, call, token, with_token};

/// A service that asks for a certificate, and how many requests came with one.
struct Service {
    idp: TestIdp,
    port: u16,
    certified: Arc<AtomicUsize>,
}

impl Service {
    async fn start(idp: TestIdp, trust: Trust) -> Self {
        let server = ResourceServer::builder("service-b")
            .trust(trust)
            .bound_tokens(BoundTokens::new().certificates())
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = idp.certificate("localhost");
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(own.pem(), own.key_pem()))
            .client_ca_root(Certificate::from_pem(idp.authority_pem()))
            .client_auth_optional(true);
        let certified = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&certified);
        let counted = tower::layer::layer_fn(move |inner| {
            let count = Arc::clone(&count);
            tower::util::MapRequest::new(inner, move |request: http::Request<_>| {
                let has_one = request.extensions().get::<ClientCertificate>().is_some();
                count.fetch_add(usize::from(has_one), Ordering::SeqCst);
                request
            })
        });
        let mut router = Server::builder()
            .tls_config(tls)
            .unwrap()
            .layer(ClientCertificateLayer::new())
            .layer(counted)
            .layer(BearerAuthLayer::new(server));
        let router = router.add_service(Whoami);
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        Self {
            idp,
            port,
            certified,
        }
    }

    fn channel(&self, certificate: Option<&TestCertificate>) -> Channel {
        let tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(self.idp.authority_pem()));
        let tls = match certificate {
            Some(own) => tls.identity(Identity::from_pem(own.pem(), own.key_pem())),
            None => tls,
        };
        let endpoint = Channel::from_shared(format!("https://127.0.0.1:{}", self.port)).unwrap();
        endpoint.tls_config(tls).unwrap().connect_lazy()
    }

    /// Calls over three connections: with the certificate, with another one, and without one.
    async fn check(&self, mint: impl Fn(&TestCertificate) -> String) {
        let (own, other) = (
            self.idp.certificate("service-a"),
            self.idp.certificate("thief"),
        );
        let bound = mint(&own);
        let channel = self.channel(Some(&own));
        for _ in 0..3 {
            let called = call(channel.clone(), with_token(Some(&bound))).await;
            assert_eq!(called.unwrap(), "alice by no actor");
        }
        assert_eq!(self.certified.swap(0, Ordering::SeqCst), 3);
        for wrong in [Some(&other), None] {
            let channel = self.channel(wrong);
            let refused = call(channel, with_token(Some(&bound))).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
            let info = refused.get_details_error_info().unwrap();
            assert_eq!(info.reason, "INVALID_TOKEN");
            let challenge = refused.metadata().get("www-authenticate").unwrap();
            assert_eq!(challenge, r#"Bearer error="invalid_token""#);
        }
        assert_eq!(self.certified.load(Ordering::SeqCst), 1);
        // The first connection is not confused with the ones after it.
        let again = call(channel, with_token(Some(&bound))).await;
        assert_eq!(again.unwrap(), "alice by no actor");
    }
}

/// MT-01, MT-02, MT-04
#[tokio::test]
async fn only_its_certificate_may_use_jwt() {
    let idp = TestIdp::start().await;
    let trust = Trust::new(idp.issuer());
    let service = Service::start(idp, trust).await;
    let mint = |own: &TestCertificate| token(&service.idp).bound_to_certificate(own.der()).mint();
    service.check(mint).await;
    // A plain token needs no certificate.
    let plain = token(&service.idp).mint();
    let called = call(service.channel(None), with_token(Some(&plain))).await;
    assert_eq!(called.unwrap(), "alice by no actor");
}

/// MT-01, MT-02
#[tokio::test]
async fn only_its_certificate_may_use_opaque() {
    let idp = TestIdp::start().await;
    idp.client("service-b").secret("s3cret");
    let client = Client::new("service-b", ClientSecretBasic::new("s3cret"));
    let trust = Trust::new(idp.issuer()).introspect(Introspection::new(client));
    let service = Service::start(idp, trust).await;
    let mint = |own: &TestCertificate| {
        let token = token(&service.idp).bound_to_certificate(own.der());
        token.mint_opaque()
    };
    service.check(mint).await;
}
