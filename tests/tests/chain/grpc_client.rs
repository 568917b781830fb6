//! A generated gRPC client around a channel that calls on behalf of a user.

use axum::response::IntoResponse as _;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::{Caller, Client, ClientSecretBasic, Destination, Destinations, TokenExchange};
use obo_examples::chain::Chain;
use obo_examples::stock::stock_client::StockClient;
use obo_examples::stock::{Availability, Sku};
use obo_testkit::TestIdp;
use obo_tonic::{OnBehalfOf, carry, exchange_error};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::setup::{audience, caller, issuer};

type Stock = OnBehalfOf<Channel>;

fn exchange(chain: &Chain, client: &str) -> TokenExchange {
    let secret = "s3cret-of-the-client";
    let registered = chain.idp.client(client).secret(secret);
    registered.may_exchange_to("service-b");
    let auth = ClientSecretBasic::new(secret);
    TokenExchange::builder(issuer(chain), Client::new(client, auth))
        .build()
        .unwrap()
}

/// A channel of `service-a` to `uri`, with tokens for `to`.
fn stock(chain: &Chain, client: &str, uri: &str, to: &str) -> Stock {
    let exchange = exchange(chain, client);
    let destination = Destination::new(uri, audience(to)).unwrap();
    let channel = Channel::from_shared(uri.to_owned()).unwrap();
    obo_tonic::channel(
        exchange.to_destination(destination).unwrap(),
        channel.connect_lazy(),
    )
}

fn stock_of_b(chain: &Chain) -> Stock {
    stock(
        chain,
        "service-a",
        &format!("http://{}", chain.b),
        "service-b",
    )
}

async fn alice(chain: &Chain) -> Caller {
    caller(chain, "service-a", &chain.token_of("alice")).await
}

/// A handler in which `?` turns the status of the call into its own.
async fn level(stock: Stock, caller: &Caller) -> Result<Response<Availability>, Status> {
    let mut client = StockClient::with_interceptor(stock, carry(caller));
    let level = client.level(Sku { id: "tea".into() }).await?;
    Ok(level)
}

/// GR-10
#[tokio::test]
async fn interceptor_carries_the_caller() {
    let chain = Chain::start().await.unwrap();
    let (stock, caller) = (stock_of_b(&chain), alice(&chain).await);
    for expected in [TokenSource::Exchange, TokenSource::Cache] {
        let response = level(stock.clone(), &caller).await.unwrap();
        assert_eq!(response.extensions().get(), Some(&expected));
        let at_b = &response.get_ref().hops[0];
        assert_eq!((&*at_b.subject, &*at_b.audience), ("alice", "service-b"));
        assert_eq!(at_b.actors, ["service-a"]);
    }
}

/// GR-10
#[tokio::test]
async fn bound_client_beats_interceptor() {
    let chain = Chain::start().await.unwrap();
    let bob = caller(&chain, "service-a", &chain.token_of("bob")).await;
    let stock = stock_of_b(&chain).on_behalf_of(&alice(&chain).await);
    let response = level(stock, &bob).await.unwrap();
    assert_eq!(response.get_ref().hops[0].subject, "alice");
}

/// GR-10, BT-21
#[tokio::test]
async fn origin_selects_the_destination() {
    let chain = Chain::start().await.unwrap();
    let (exchange, uri) = (exchange(&chain, "service-a"), format!("http://{}", chain.b));
    let to = |uri: &str| Destination::new(uri, audience("service-b")).unwrap();
    let below = format!("{uri}/stock.Stock");
    let known = Destinations::new([to("https://other.example"), to(&below)]).unwrap();
    let channel = Channel::from_shared(uri.clone()).unwrap().connect_lazy();
    let stock = obo_tonic::channel(exchange.to_destinations(known.clone()), channel);
    let stock = stock.on_behalf_of(&alice(&chain).await);
    let mut client = StockClient::with_origin(stock, uri.parse().unwrap());
    let tea = || Sku { id: "tea".into() };
    let response = client.level(tea()).await.unwrap();
    assert_eq!(response.get_ref().hops[0].audience, "service-b");

    known.replace(Destinations::new([to("https://other.example")]).unwrap());
    let status = client.level(tea()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let error = exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
}

/// TX-38, GR-02
#[tokio::test]
async fn call_without_subject_is_not_made() {
    let chain = Chain::start().await.unwrap();
    let mut client = StockClient::new(stock_of_b(&chain));
    let status = client.level(Sku { id: "tea".into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.metadata().contains_key("www-authenticate"));
    let error = exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::NoSubject);
    assert_eq!(chain.idp.token_requests(), 0);
}

/// TX-39, GR-03
#[tokio::test]
async fn failed_exchange_keeps_its_cause() {
    let chain = Chain::start().await.unwrap();
    let uri = format!("http://{}", chain.b);
    let stock = stock(&chain, "service-a", &uri, "service-z");
    let status = level(stock, &alice(&chain).await).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let error = exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);
    assert!(!status.message().contains("service-z"), "{status}");
}

/// GR-04
#[tokio::test]
async fn unreachable_issuer_is_unavailable() {
    let chain = Chain::start().await.unwrap();
    let (stock, caller) = (stock_of_b(&chain), alice(&chain).await);
    chain.idp.stop();
    let status = level(stock, &caller).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    let error = exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::Transient);
}

/// GR-10
#[tokio::test]
async fn called_status_comes_through() {
    let chain = Chain::start().await.unwrap();
    let uri = format!("http://{}", chain.b);
    let stock = stock(&chain, "service-x", &uri, "service-b");
    let token = chain.idp.user("alice").audience("service-x").mint();
    let at_x = caller(&chain, "service-x", &token).await;
    let status = level(stock, &at_x).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(exchange_error(&status).is_none());
}

/// GR-10
#[tokio::test]
async fn dead_channel_keeps_transport_code() {
    let chain = Chain::start().await.unwrap();
    // The port stays reserved, so nothing listens there.
    let stopped = TestIdp::start().await;
    stopped.stop();
    let stock = stock(&chain, "service-a", stopped.issuer(), "service-b");
    let status = level(stock, &alice(&chain).await).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(exchange_error(&status).is_none());
}

/// The guide says: an axum handler does not pass on the refusal of a gRPC service.
#[test]
fn services_own_status_is_500() {
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        let error = obo_axum::Error::from(Status::new(code, "of the service"));
        assert_eq!(error.into_response().status(), 500);
    }
}
