//! The listener with mutual TLS, over real handshakes (RFC 8705).

use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo_testkit::{Endpoint, Fault, TestCertificate, TestIdp, TestKey, TestProof};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::wire::{self, ACCESS_TOKEN, EXCHANGE, FORM, basic, claims_of, encode, get};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ID: (&str, &str) = ("client_id", "service-a");

async fn server() -> TestIdp {
    let idp = TestIdp::builder().mutual_tls().start().await;
    idp.client("service-a")
        .tls_client_auth("service-a")
        .may_exchange_to("service-b")
        .may_introspect("service-b");
    idp
}

/// Connects with the certificate, if there is one, and sends one request.
async fn send(
    url: &str,
    idp: &TestIdp,
    certificate: Option<&TestCertificate>,
    request: &str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(idp.authority_pem().as_bytes());
    roots.add(root.unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match certificate {
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key_pem().as_bytes()).unwrap();
            let chain = vec![CertificateDer::from(own.der().to_vec())];
            config.with_client_auth_cert(chain, key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let authority = url.split('/').nth(2).unwrap();
    let port = authority.rsplit(':').next().unwrap().parse().unwrap();
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = connector.connect(name, tcp).await?;
    tls.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    tls.read_to_string(&mut response).await?;
    Ok(response)
}

async fn post(
    idp: &TestIdp,
    certificate: Option<&TestCertificate>,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> (u16, Value) {
    let url = idp.mutual_tls_token_endpoint();
    post_to(&url, idp, certificate, headers, form).await
}

async fn post_to(
    url: &str,
    idp: &TestIdp,
    certificate: Option<&TestCertificate>,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> (u16, Value) {
    let path = url.splitn(4, '/').nth(3).unwrap();
    let (headers, body) = (
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n")),
        encode(form),
    );
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: {FORM}\r\ncontent-length: {}\r\n{}\r\n{body}",
        body.len(),
        headers.collect::<String>(),
    );
    let response = send(url, idp, certificate, &request).await.unwrap();
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn bound_to(response: &Value) -> Option<String> {
    let claims = claims_of(response["access_token"].as_str().unwrap());
    Some(claims["cnf"]["x5t#S256"].as_str()?.to_owned())
}

/// Computed by another library than the crate's.
fn thumbprint(certificate: &TestCertificate) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
    URL_SAFE_NO_PAD.encode(digest)
}

/// MT-06, CA-02
#[tokio::test]
async fn certificate_authenticates_its_client() {
    let idp = server().await;
    let (own, other) = (idp.certificate("service-a"), idp.certificate("other"));
    let forged = TestCertificate::self_signed("service-a");
    let foreign = TestIdp::start().await.certificate("service-a");
    assert_eq!(post(&idp, Some(&own), &[], &[GRANT, ID]).await.0, 200);
    let renewed = idp.certificate("service-a");
    assert_eq!(post(&idp, Some(&renewed), &[], &[GRANT, ID]).await.0, 200);
    for wrong in [Some(&other), Some(&forged), Some(&foreign), None] {
        let (status, body) = post(&idp, wrong, &[], &[GRANT, ID]).await;
        assert_eq!((status, &body["error"]), (401, &"invalid_client".into()));
    }
    let unknown = [GRANT, ("client_id", "service-x")];
    assert_eq!(post(&idp, Some(&own), &[], &unknown).await.0, 401);
    let (status, body) = post(&idp, Some(&own), &[], &[GRANT]).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_request".into()));
    // The plain listener knows no certificate.
    assert_eq!(wire::post(&idp, &[GRANT, ID]).await.status, 401);
}

/// CA-02
#[tokio::test]
async fn registered_certificate_authenticates() {
    let idp = server().await;
    let own = TestCertificate::self_signed("spiffe://corp.example/service-s");
    idp.client("service-s").self_signed_tls_client_auth(&own);
    let id = ("client_id", "service-s");
    assert_eq!(post(&idp, Some(&own), &[], &[GRANT, id]).await.0, 200);
    assert_eq!(post(&idp, Some(&own), &[], &[GRANT, ID]).await.0, 401);
    let same_name = TestCertificate::self_signed("spiffe://corp.example/service-s");
    assert_eq!(post(&idp, Some(&same_name), &[], &[GRANT, id]).await.0, 401);
}

/// MT-09
#[tokio::test]
async fn token_is_bound_to_the_certificate() {
    let idp = server().await;
    let own = idp.certificate("service-a");
    let subject = idp.user("alice").audience("service-a").mint();
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", &subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", "service-b"),
        ID,
    ];
    for form in [&exchange[..], &[GRANT, ID]] {
        let (_, response) = post(&idp, Some(&own), &[], form).await;
        assert_eq!(bound_to(&response), Some(thumbprint(&own)));
        assert_eq!(response["token_type"], "Bearer");
    }
    // An opaque token too, which only introspection shows.
    idp.set_issues_opaque(true);
    let (_, response) = post(&idp, Some(&own), &[], &exchange).await;
    let token = response["access_token"].as_str().unwrap();
    let url = idp
        .mutual_tls_token_endpoint()
        .replace("/token", "/introspect");
    let (_, shown) = post_to(&url, &idp, Some(&own), &[], &[ID, ("token", token)]).await;
    assert_eq!(shown["cnf"]["x5t#S256"], thumbprint(&own));
    assert_eq!(shown["active"], true);
}

/// MT-09
#[tokio::test]
async fn secret_and_certificate_bind_together() {
    let idp = server().await;
    idp.client("service-a").secret("s3cret");
    let (own, basic) = (idp.certificate("any"), basic("service-a", "s3cret"));
    let secret = [("authorization", &*basic)];
    let (_, response) = post(&idp, Some(&own), &secret, &[GRANT]).await;
    assert_eq!(bound_to(&response), Some(thumbprint(&own)));
    let (_, response) = post(&idp, None, &secret, &[GRANT]).await;
    assert_eq!(bound_to(&response), None);
    // The proof may name either URL.
    let key = TestKey::generate(obo_testkit::TestAlg::Es256);
    for url in [idp.token_endpoint(), idp.mutual_tls_token_endpoint()] {
        let proof = TestProof::new(&key, "POST", &url).make();
        let headers = [("authorization", &*basic), ("dpop", &proof)];
        let (_, response) = post(&idp, Some(&own), &headers, &[GRANT]).await;
        assert_eq!(response["token_type"], "DPoP");
        assert_eq!(bound_to(&response), Some(thumbprint(&own)));
    }
}

/// MT-09
#[tokio::test]
async fn ignored_certificate_binds_nothing() {
    let idp = server().await;
    let own = idp.certificate("service-a");
    idp.fault_once(Endpoint::Token, Fault::IgnoreCertificate);
    for expected in [None, Some(thumbprint(&own))] {
        let (_, response) = post(&idp, Some(&own), &[], &[GRANT, ID]).await;
        assert_eq!(bound_to(&response), expected);
    }
}

/// MT-07
#[tokio::test]
async fn metadata_lists_the_aliases() {
    let path = "/realms/corp";
    let idp = TestIdp::builder()
        .issuer_path(path)
        .mutual_tls()
        .start()
        .await;
    let url = format!("{}/.well-known/openid-configuration", idp.issuer());
    let document = get(&url).await.json();
    let aliases = &document["mtls_endpoint_aliases"];
    let token_endpoint = idp.mutual_tls_token_endpoint();
    assert_eq!(aliases["token_endpoint"], token_endpoint);
    assert!(token_endpoint.ends_with("/realms/corp/token"));
    let introspection = token_endpoint.replace("/token", "/introspect");
    assert_eq!(aliases["introspection_endpoint"], introspection);
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let methods = document["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("self_signed_tls_client_auth"), "{methods}");

    let plain = TestIdp::start().await;
    let url = format!("{}/.well-known/openid-configuration", plain.issuer());
    let document = get(&url).await.json();
    assert_eq!(document.get("mtls_endpoint_aliases"), None);
    let methods = document["token_endpoint_auth_methods_supported"].to_string();
    assert!(!methods.contains("tls_client_auth"), "{methods}");
}

#[tokio::test]
async fn stopped_server_stops_both_listeners() {
    let idp = server().await;
    let (own, url) = (
        idp.certificate("service-a"),
        idp.mutual_tls_token_endpoint(),
    );
    idp.stop();
    assert!(send(&url, &idp, Some(&own), "").await.is_err());
    idp.resume().await;
    assert_eq!(post(&idp, Some(&own), &[], &[GRANT, ID]).await.0, 200);
}
