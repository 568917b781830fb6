//! The reasons of refusals of bound tokens, which say what to change.

use http::{HeaderMap, HeaderName, HeaderValue};
use obo::binding::{BoundTokens, CertificateHeader, PeerAddress};
use obo::{BearerAuthLayer, Rejection, ResourceServer};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof, TokenBuilder};

use crate::guarded::{Guarded, with_line};

const DER: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x05];

/// The reason for which a service that accepts these tokens refuses a request.
async fn reason(
    idp: &TestIdp,
    tokens: Option<BoundTokens>,
    line: String,
    (name, value): (&'static str, String),
) -> String {
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let server = match tokens {
        Some(tokens) => server.bound_tokens(tokens),
        None => server,
    };
    let guarded = Guarded::new(BearerAuthLayer::new(server.build().unwrap()));
    let mut request = with_line(line);
    let value = HeaderValue::from_str(&value).unwrap();
    let header = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
    request.headers_mut().extend(header);
    let proxy = PeerAddress([10, 1, 2, 3].into());
    request.extensions_mut().insert(proxy);
    let response = guarded.send(request).await;
    let rejection = response.extensions().get::<Rejection>();
    rejection.unwrap().to_string()
}

fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a")
}

/// DP-06
#[tokio::test]
async fn reason_names_the_expected_htu() {
    let idp = TestIdp::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    let token = alice(&idp).bound_to(&key).mint();
    for (base, part) in [
        ("http://127.0.0.1:1", "scheme"),
        ("https://b.example", "host"),
        ("https://a.example:444", "port"),
        ("https://a.example/v1", "path"),
    ] {
        let proof = TestProof::new(&key, "GET", "https://a.example/x").token(&token);
        let tokens = BoundTokens::new().dpop(base);
        let line = format!("DPoP {token}");
        let reason = reason(&idp, Some(tokens), line, ("dpop", proof.make())).await;
        let expected = format!("its {part} differs; expected `htu` {base}/");
        assert!(reason.contains(&expected), "{reason}");
    }
}

#[tokio::test]
async fn reason_names_the_missing_setting() {
    let idp = TestIdp::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    let token = alice(&idp).bound_to(&key).mint();
    let none = || ("x-other", String::new());
    let reason_of = reason(&idp, None, format!("DPoP {token}"), none()).await;
    assert!(reason_of.contains("`BoundTokens::dpop`"), "{reason_of}");
    let reason_of = reason(&idp, None, format!("Bearer {token}"), none()).await;
    assert!(reason_of.contains("bound_tokens"), "{reason_of}");
}

/// MT-04, MT-05
#[tokio::test]
async fn reason_names_the_wrong_certificate_header() {
    let idp = TestIdp::start().await;
    let token = alice(&idp).bound_to_certificate(DER).mint();
    for (from, value, expected) in [
        ("10.1.0.0/16", "MAMCAQU=", "is not a byte sequence"),
        ("10.1.0.0/16", "-----BEGIN%20CERTIFICATE", "has PEM text"),
        ("10.2.0.0/16", ":MAMCAQU=:", "listed (`from`)"),
    ] {
        let tokens = BoundTokens::new().certificate_header(CertificateHeader::ClientCert, [from]);
        let line = format!("Bearer {token}");
        let header = ("client-cert", value.to_owned());
        let reason = reason(&idp, Some(tokens), line, header).await;
        assert!(reason.contains(expected), "{reason}");
    }
}
