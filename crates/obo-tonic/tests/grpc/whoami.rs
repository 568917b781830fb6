//! A gRPC service that responds with its caller, written by hand: messages are bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes};
use futures_util::future::{BoxFuture, FutureExt as _};
use obo::{BearerAuthLayer, ExpiryLayer, Issuer, ResourceServer, Rule};
use obo_testkit::{TestIdp, TokenBuilder};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tower::{Service, service_fn};

pub(crate) const PATH: &str = "/test.Whoami/Call";

/// Responds with `subject by actor`.
#[derive(Clone)]
pub(crate) struct Whoami;

impl NamedService for Whoami {
    const NAME: &'static str = "test.Whoami";
}

impl Service<http::Request<Body>> for Whoami {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = service_fn(|request: Request<Bytes>| async move {
            let caller = obo_tonic::caller(&request)?;
            let actor = caller
                .current_actor()
                .map_or("no actor", |actor| actor.subject());
            let text = format!("{} by {actor}", caller.subject());
            Ok::<_, Status>(Response::new(Bytes::from(text)))
        });
        let response =
            async move { Ok(tonic::server::Grpc::new(Raw).unary(method, request).await) };
        response.boxed()
    }
}

/// Messages as plain bytes.
#[derive(Clone)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

pub(crate) fn token(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-b").scope("stock:read")
}

pub(crate) fn accepts(idp: &TestIdp, audience: &str) -> ResourceServer {
    let issuer = Issuer::new(idp.issuer()).unwrap();
    ResourceServer::builder(audience)
        .trust(issuer)
        .build()
        .unwrap()
}

/// Serves as `service-b` on a socket, with an interceptor for the rule if there is one.
pub(crate) async fn serve(idp: &TestIdp, rule: Option<Rule>) -> SocketAddr {
    serve_behind(BearerAuthLayer::new(accepts(idp, "service-b")), rule).await
}

/// As [`serve`], inside this layer.
pub(crate) async fn serve_behind(layer: BearerAuthLayer, rule: Option<Rule>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_at(listener, layer, rule)
}

/// As [`serve_behind`], on this socket.
pub(crate) fn serve_at(
    listener: TcpListener,
    layer: BearerAuthLayer,
    rule: Option<Rule>,
) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let mut server = Server::builder().layer(layer);
    let router = match rule {
        Some(rule) => server.add_service(InterceptedService::new(
            Whoami,
            obo_tonic::require(rule).unwrap(),
        )),
        None => server.add_service(Whoami),
    };
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// Serves inside both layers, added to tonic's server in this order.
pub(crate) async fn serve_expiring(server: ResourceServer, expiry_is_first: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    let bearer = BearerAuthLayer::new(server.clone());
    let expiry = ExpiryLayer::new(server);
    match expiry_is_first {
        true => {
            let mut server = Server::builder().layer(expiry).layer(bearer);
            tokio::spawn(server.add_service(Whoami).serve_with_incoming(incoming));
        }
        false => {
            let mut server = Server::builder().layer(bearer).layer(expiry);
            tokio::spawn(server.add_service(Whoami).serve_with_incoming(incoming));
        }
    }
    address
}

pub(crate) fn channel(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect_lazy()
}

/// Calls the service as a generated client does.
pub(crate) async fn call<S>(channel: S, request: Request<Bytes>) -> Result<String, Status>
where
    S: GrpcService<Body>,
    S::ResponseBody: Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<obo::error::BoxError>,
    S::Error: Into<obo::error::BoxError>,
{
    let mut client = tonic::client::Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::from_error(error.into()))?;
    let path = http::uri::PathAndQuery::from_static(PATH);
    let response = client.unary(request, path, Raw).await?;
    Ok(String::from_utf8(response.into_inner().to_vec()).unwrap())
}

/// A request with this token, or without a token.
pub(crate) fn with_token(token: Option<&str>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}
