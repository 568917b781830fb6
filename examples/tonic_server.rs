//! A gRPC service with tonic: a method that knows its caller, and a rule for the service.
//!
//! Run: `cargo run --example tonic_server`
//!
//! Prints: `bob: PermissionDenied`

use obo::{BearerAuthLayer, ResourceServer, Rule};
use obo_examples::BoxError;
use obo_examples::stock::stock_client::StockClient;
use obo_examples::stock::stock_server::{Stock, StockServer};
use obo_examples::stock::{Availability, Sku};
use obo_testkit::TestIdp;
use obo_tonic::RejectionLayer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

struct StockService;

#[tonic::async_trait]
impl Stock for StockService {
    async fn level(&self, request: Request<Sku>) -> Result<Response<Availability>, Status> {
        let caller = obo_tonic::caller(&request)?;
        println!("{} asks for the level", caller.subject());
        Ok(Response::new(Availability {
            pieces: 3,
            ..Default::default()
        }))
    }
}

async fn serve(listener: TcpListener, issuer: &str) -> Result<(), BoxError> {
    let server = ResourceServer::builder("service-b").trust(issuer).build()?;
    let may_read = obo_tonic::require(Rule::scopes(["stock:read"]))?;
    // In tonic the layer that is added first runs first.
    let server = Server::builder()
        .layer(BearerAuthLayer::new(server))
        // Hands what methods and interceptors refuse to the log and the metrics.
        .layer(RejectionLayer)
        .add_service(StockServer::with_interceptor(StockService, may_read));
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
    let call = async |token: String| {
        let mut request = Request::new(Sku { id: "tea".into() });
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
        let response = StockClient::new(channel.clone()).level(request).await;
        Ok::<_, BoxError>(response.map(|level| level.get_ref().pieces))
    };
    let alice = idp.user("alice").audience("service-b").scope("stock:read");
    println!("alice: {} pieces", call(alice.mint()).await??);
    let bob = idp.user("bob").audience("service-b");
    let status = call(bob.mint()).await?.err().ok_or("bob got in")?;
    println!("bob: {:?}", status.code());
    Ok(())
}
