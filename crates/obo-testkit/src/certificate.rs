//! Certificates for mutual TLS, made when they are needed.

use std::fmt;

use pem::Pem;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

use crate::thumbprint::sha256;

/// A certificate with its private key, from [`TestIdp::certificate`](crate::TestIdp::certificate).
///
/// It serves for a client and for a server. `Debug` does not show the key.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idp = obo_testkit::TestIdp::start().await;
/// let own = idp.certificate("web-app");
/// let token = idp.user("alice").audience("service-a").bound_to_certificate(own.der()).mint();
/// # }
/// ```
#[derive(Clone)]
pub struct TestCertificate {
    der: Vec<u8>,
    key_pem: String,
}

impl TestCertificate {
    /// Makes a certificate that no authority has issued, for `self_signed_tls_client_auth`.
    ///
    /// # Panics
    ///
    /// If the name cannot be in a certificate.
    pub fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().expect("a P-256 key");
        let certificate = named(name).self_signed(&key).expect("a certificate");
        Self {
            der: certificate.der().to_vec(),
            key_pem: key.serialize_pem(),
        }
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem::encode(&Pem::new("CERTIFICATE", self.der.clone()))
    }

    /// The private key in PEM (PKCS #8).
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The certificate and the private key in PEM, as HTTP clients read an identity.
    pub fn identity_pem(&self) -> String {
        self.pem() + &self.key_pem
    }

    /// The SHA-256 of the certificate, the `x5t#S256` of a token that is bound to it.
    pub fn thumbprint(&self) -> String {
        sha256(&self.der)
    }
}

impl fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestCertificate")
            .field(&self.thumbprint())
            .finish()
    }
}

/// Issues the certificates of one server, its clients and the services under test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut authority = named("obo-testkit, never for production");
        authority.subject_alt_names.clear();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a P-256 key");
        Self(CertifiedIssuer::self_signed(authority, key).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, name: &str) -> TestCertificate {
        let key = KeyPair::generate().expect("a P-256 key");
        let issued = named(name).signed_by(&key, &self.0);
        TestCertificate {
            der: issued.expect("a certificate").der().to_vec(),
            key_pem: key.serialize_pem(),
        }
    }
}

/// The name is the common name too. An identifier of SPIFFE is a URI.
fn named(name: &str) -> CertificateParams {
    let names = match name.contains("://") {
        true => Vec::new(),
        false => vec![name.to_owned()],
    };
    let mut params = CertificateParams::new(names).expect("an ASCII name");
    if name.contains("://") {
        let uri = name.try_into().expect("an ASCII name");
        params.subject_alt_names.push(SanType::URI(uri));
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
