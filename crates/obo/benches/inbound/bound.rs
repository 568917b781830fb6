//! Requests with bound tokens, and the same with plain ones.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Request, header};
use obo::bearer::BearerAuth;
use obo::binding::{BoundTokens, ClientCertificate};
use obo::{BearerAuthLayer, ResourceServer, Trust};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};
use serde_json::json;
use tower::Layer as _;

use crate::service::{Bare, bare};

const BASE: &str = "https://a.example";
const TARGET: &str = "/orders/17";

/// A layer that has verified its three tokens: a plain one, one for a key, one for a certificate.
pub(crate) struct Bound {
    pub(crate) service: BearerAuth<Bare>,
    /// The client's key.
    pub(crate) key: TestKey,
    /// Each is for one request.
    pub(crate) proofs: Vec<String>,
    certificate: ClientCertificate,
    plain: String,
    with_key: String,
    with_certificate: String,
}

impl Bound {
    pub(crate) async fn new(alg: TestAlg, proofs: usize) -> Self {
        let idp = TestIdp::start().await;
        let key = TestKey::generate(alg);
        let certificate = ClientCertificate::from_der(b"a certificate in DER");
        let user = || idp.user("alice").audience("service-a").expires_in(3600);
        let plain = user().mint();
        let with_key = user().bound_to(&key).mint();
        let thumbprint = URL_SAFE_NO_PAD.encode(certificate.thumbprint());
        let thumbprint = json!({ "x5t#S256": thumbprint });
        let with_certificate = user().claim("cnf", thumbprint).mint();
        let bound = BoundTokens::new().dpop(BASE).certificates();
        let bound = bound.window(Duration::from_secs(300));
        let server = ResourceServer::builder("service-a").trust(Trust::new(idp.issuer()));
        let server = server.bound_tokens(bound).build().unwrap();
        server.validate(&plain).await.unwrap();
        let proof = TestProof::new(&key, "GET", &format!("{BASE}{TARGET}")).token(&with_key);
        Self {
            service: BearerAuthLayer::new(server).layer(bare()),
            key,
            proofs: (0..proofs).map(|_| proof.make()).collect(),
            certificate,
            plain: format!("Bearer {plain}"),
            with_key: format!("DPoP {with_key}"),
            with_certificate: format!("Bearer {with_certificate}"),
        }
    }

    fn request(&self, token: &str) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = TARGET.parse().unwrap();
        let token = HeaderValue::from_str(token).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, token);
        request
    }

    fn with_proof(&self, token: &str, proof: usize) -> Request<()> {
        let mut request = self.request(token);
        let proof = HeaderValue::from_str(&self.proofs[proof]).unwrap();
        request.headers_mut().insert("dpop", proof);
        request
    }

    fn over_tls(&self, token: &str) -> Request<()> {
        let mut request = self.request(token);
        request.extensions_mut().insert(self.certificate);
        request
    }

    /// A plain token, and a proof that is not read.
    pub(crate) fn bearer(&self, proof: usize) -> Request<()> {
        self.with_proof(&self.plain, proof)
    }

    pub(crate) fn dpop(&self, proof: usize) -> Request<()> {
        self.with_proof(&self.with_key, proof)
    }

    /// A plain token, on a connection with a client certificate.
    pub(crate) fn bearer_over_tls(&self) -> Request<()> {
        self.over_tls(&self.plain)
    }

    pub(crate) fn certificate(&self) -> Request<()> {
        self.over_tls(&self.with_certificate)
    }
}
