//! gRPC health checks and reflection without a token, all other methods with one.
//!
//! Run: `cargo run --example grpc_health_open`
//!
//! Prints: `stock: Unauthenticated`

use obo::{BearerAuthLayer, ResourceServer, bearer::PublicPaths};
use obo_examples::stock::{Sku, stock_client::StockClient, stock_server::StockServer};
use obo_examples::{BoxError, StockService};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_request::MessageRequest,
};

async fn serve(listener: TcpListener, issuer: &str) -> Result<(), BoxError> {
    let server = ResourceServer::builder("service-b").trust(issuer).build()?;
    // Paths are compared whole. A method that is not listed needs a token.
    let open = PublicPaths::new([
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ])?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<StockServer<StockService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let server = Server::builder()
        .layer(BearerAuthLayer::new(server).public_paths(open))
        .add_service(health)
        .add_service(reflection)
        .add_service(StockServer::new(StockService));
    let incoming = TcpListenerStream::new(listener);
    Ok(server.serve_with_incoming(incoming).await?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let issuer = idp.issuer().to_owned();
    tokio::spawn(async move { serve(listener, &issuer).await });

    let channel = Channel::from_shared(url)?.connect().await?;
    let service = HealthCheckRequest::default();
    let health = HealthClient::new(channel.clone()).check(service).await?;
    println!("health: {:?}", health.get_ref().status());

    let list = Some(MessageRequest::ListServices(String::new()));
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: list,
    };
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let services = reflection
        .server_reflection_info(tokio_stream::once(list))
        .await?;
    println!(
        "reflection: {}",
        services.into_inner().message().await?.is_some()
    );

    let status = StockClient::new(channel).level(Sku::default()).await.err();
    println!("stock: {:?}", status.ok_or("no refusal")?.code());
    Ok(())
}
