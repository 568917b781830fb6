//! A gRPC service for tokens that are bound to a certificate, with tonic's own TLS.
//!
//! Run: `cargo run --example tonic_mutual_tls`
//!
//! Prints: `with another certificate: Unauthenticated`

use obo::binding::BoundTokens;
use obo::{BearerAuthLayer, ResourceServer};
use obo_examples::stock::{Sku, stock_client::StockClient, stock_server::StockServer};
use obo_examples::{BoxError, StockService};
use obo_testkit::{TestCertificate, TestIdp};
use obo_tonic::ClientCertificateLayer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Request;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity, Server, ServerTlsConfig};

fn identity(certificate: &TestCertificate) -> Identity {
    Identity::from_pem(certificate.pem(), certificate.key_pem())
}

async fn serve(listener: TcpListener, idp: TestIdp) -> Result<(), BoxError> {
    let server = ResourceServer::builder("service-b")
        .trust(idp.issuer())
        .bound_tokens(BoundTokens::new().certificates())
        .build()?;
    let tls = ServerTlsConfig::new()
        .identity(identity(&idp.certificate("localhost")))
        .client_ca_root(Certificate::from_pem(idp.authority_pem()));
    // In tonic the layer that is added first runs first.
    let server = Server::builder()
        .tls_config(tls)?
        .layer(ClientCertificateLayer::new())
        .layer(BearerAuthLayer::new(server))
        .add_service(StockServer::new(StockService));
    Ok(server
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(serve(listener, idp.clone()));

    let (own, other) = (idp.certificate("service-a"), idp.certificate("thief"));
    let token = idp.user("alice").audience("service-b");
    let token = token.bound_to_certificate(own.der()).mint();
    let level = async |certificate| {
        let root = Certificate::from_pem(idp.authority_pem());
        let tls = ClientTlsConfig::new()
            .ca_certificate(root)
            .identity(identity(certificate));
        let channel = Channel::from_shared(url.clone())?
            .tls_config(tls)?
            .connect_lazy();
        let mut request = Request::new(Sku { id: "tea".into() });
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
        Ok::<_, BoxError>(StockClient::new(channel).level(request).await)
    };
    println!(
        "with its certificate: {} pieces",
        level(&own).await??.get_ref().pieces
    );
    let refused = level(&other).await?.err().ok_or("the thief got in")?;
    println!("with another certificate: {:?}", refused.code());
    Ok(())
}
