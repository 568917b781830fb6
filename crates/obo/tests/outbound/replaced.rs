//! Destinations that are replaced while the service runs.

use http::Request;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::{CallError, Destination, Destinations, OnBehalfOf};
use tower::{Layer as _, Service as _, ServiceExt};

use crate::downstream::Downstream;
use crate::setup::{Setup, audience, claims};

const B: &str = "https://b.example/";
const C: &str = "https://c.example/";
const D: &str = "https://stock.svc.example.com/";

fn destinations(names: &[(&str, &str)]) -> Destinations {
    let exact = |(uri, name): &(&str, &str)| Destination::new(uri, audience(name)).unwrap();
    let template = Destination::template("https://{x}.svc.example.com", audience("{x}"));
    let all = names.iter().map(exact).chain([template.unwrap()]);
    Destinations::new(all).unwrap()
}

type Client = OnBehalfOf<Downstream>;

/// The source of the token of a call, or why it was not made.
async fn call(client: &Client, uri: &str) -> Result<TokenSource, ExchangeErrorKind> {
    let request = Request::get(uri).body(()).unwrap();
    match client.clone().oneshot(request).await {
        Ok(response) => Ok(*response.extensions().get().unwrap()),
        Err(CallError::Exchange(error)) => Err(error.kind()),
        Err(CallError::Inner(never)) => panic!("{never}"),
    }
}

/// BT-21
#[tokio::test]
async fn replacement_reaches_every_client() {
    let setup = Setup::start().await;
    for name in ["service-c", "service-d", "stock"] {
        setup.idp.client("service-a").may_exchange_to(name);
    }
    let caller = setup.caller("alice").await;
    let known = destinations(&[(B, "service-b"), (C, "service-c")]);
    let exchange = setup.exchange();
    let downstream = Downstream::default();
    let [first, second] = [known.clone(), known.clone()].map(|known| {
        let layer = exchange.to_destinations(known);
        layer.layer(downstream.clone()).on_behalf_of(&caller)
    });
    for uri in [B, C, D] {
        assert_eq!(call(&first, uri).await, Ok(TokenSource::Exchange), "{uri}");
        assert_eq!(call(&second, uri).await, Ok(TokenSource::Cache), "{uri}");
    }

    known.replace(destinations(&[(B, "service-d")]));
    for client in [&first, &second] {
        // Removed, although its token is cached.
        let denied = Err(ExchangeErrorKind::UnknownDestination);
        assert_eq!(call(client, C).await, denied);
        assert_eq!(call(client, D).await, Ok(TokenSource::Cache));
    }
    assert_eq!(setup.idp.token_requests(), 3);
    assert_eq!(call(&first, B).await, Ok(TokenSource::Exchange));
    assert_eq!(claims(&downstream.authorization())["aud"], "service-d");
    assert_eq!(call(&second, B).await, Ok(TokenSource::Cache));
    assert_eq!(claims(&downstream.authorization())["aud"], "service-d");

    // Back again, with the cached tokens from before.
    known.replace(destinations(&[(B, "service-b"), (C, "service-c")]));
    for uri in [B, C] {
        assert_eq!(call(&second, uri).await, Ok(TokenSource::Cache), "{uri}");
    }
    assert_eq!(setup.idp.token_requests(), 4);
}

#[tokio::test]
async fn running_call_keeps_its_destination() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let known = destinations(&[(B, "service-b")]);
    let downstream = Downstream::default();
    let layer = setup.exchange().to_destinations(known.clone());
    let mut client = layer.layer(downstream.clone()).on_behalf_of(&caller);
    let request = Request::get(B).body(()).unwrap();
    let ready = ServiceExt::<Request<()>>::ready(&mut client).await;
    let under_way = ready.unwrap().call(request);
    known.replace(destinations(&[(C, "service-c")]));
    under_way.await.unwrap();
    assert_eq!(claims(&downstream.authorization())["aud"], "service-b");
    let denied = Err(ExchangeErrorKind::UnknownDestination);
    assert_eq!(call(&client, B).await, denied);
}
