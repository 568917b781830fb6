//! Mutual TLS to the authorization server: a service authenticates by its certificate, and its
//! tokens are bound to it.
//!
//! Run: `cargo run --example mutual_tls`
//!
//! Prints: `without a certificate: ClientMisconfigured`

use bytes::Bytes;
use http::Request;
use obo::authorization_server::HttpService;
use obo::binding::ClientCertificate;
use obo::client::TlsClientAuth;
use obo::{AuthorizationServer, Client, ConfigError, TokenExchange};
use obo_examples::BoxError;
use obo_testkit::TestIdp;
use reqwest::{Certificate, ClientBuilder, Identity, redirect::Policy};
use tower::service_fn;

/// An HTTP client with these certificates. It must not follow redirects.
fn http(client: ClientBuilder) -> Result<HttpService, reqwest::Error> {
    let client = client.redirect(Policy::none()).build()?;
    Ok(HttpService::new(service_fn(
        move |request: Request<Bytes>| {
            let client = client.clone();
            async move {
                let response = client.execute(request.try_into()?).await?;
                Ok::<http::Response<reqwest::Body>, reqwest::Error>(response.into())
            }
        },
    )))
}

/// `TlsClientAuth` sends the client's identifier, and TLS proves it. A token that is not bound to
/// the certificate is refused.
fn exchange(issuer: &str, http: HttpService, der: &[u8]) -> Result<TokenExchange, ConfigError> {
    let server = AuthorizationServer::builder(issuer).with_http(http);
    let thumbprint = *ClientCertificate::from_der(der).thumbprint();
    TokenExchange::builder(server.build()?, Client::new("service-a", TlsClientAuth))
        .bound_to_certificate(move || thumbprint)
        .build()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::builder().mutual_tls().start().await;
    let client = idp.client("service-a").tls_client_auth("service-a");
    client.may_request("service-b");

    // The authority that issued the server's certificate, then this service's certificate and key.
    let root = Certificate::from_pem(idp.authority_pem().as_bytes())?;
    let own = idp.certificate("service-a");
    let identity = Identity::from_pem(own.identity_pem().as_bytes())?;
    let builder = reqwest::Client::builder().tls_certs_only([root.clone()]);
    let with = exchange(idp.issuer(), http(builder.identity(identity))?, own.der())?;
    let token = with.app_only_token("service-b").await?;
    println!("with the certificate: {:?}", token.token());

    let builder = reqwest::Client::builder().tls_certs_only([root]);
    let without = exchange(idp.issuer(), http(builder)?, own.der())?;
    let error = without.app_only_token("service-b").await.err();
    let kind = error.ok_or("a token")?.kind();
    println!("without a certificate: {kind:?}");
    Ok(())
}
