//! Stacks of tower layers: timeouts, limits and retries, outside and inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use obo_testkit::{Endpoint, Fault};
use tower::retry::Policy;
use tower::timeout::error::Elapsed;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::setup::Setup;

type Plain = Client<HttpConnector, Empty<Bytes>>;

fn plain() -> Plain {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn get<S, B>(service: &mut S, uri: &str) -> Result<StatusCode, BoxError>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    let request = Request::get(uri).body(Empty::new()).unwrap();
    let ready = service.ready().await.map_err(Into::into)?;
    let response = ready.call(request).await.map_err(Into::into)?;
    Ok(response.status())
}

#[tokio::test]
async fn limits_and_timeouts_compose() {
    let setup = Setup::start().await;
    let mut request_of_alice = ServiceBuilder::new()
        .concurrency_limit(1)
        .timeout(Duration::from_secs(30))
        .map_request(|mut request: Request<Empty<Bytes>>| {
            request
                .headers_mut()
                .insert("x-outside", "1".parse().unwrap());
            request
        })
        .layer(setup.to_b())
        .concurrency_limit(1)
        .timeout(Duration::from_secs(30))
        .service(plain());
    let caller = setup.caller.clone();
    let mut with_caller = (&mut request_of_alice).map_request(move |mut request: Request<_>| {
        request.extensions_mut().insert(caller.clone());
        request
    });
    for _ in 0..3 {
        assert_eq!(get(&mut with_caller, &setup.b).await.unwrap(), 200);
    }
    assert_eq!(setup.idp.token_requests(), 1);
}

/// TX-44
#[tokio::test]
async fn outer_timeout_keeps_the_exchange() {
    let setup = Setup::start().await;
    setup.idp.fault(Endpoint::Token, Fault::Hang);
    let to_b = tower::Layer::layer(&setup.to_b(), plain()).on_behalf_of(&setup.caller);
    let mut impatient = ServiceBuilder::new()
        .timeout(Duration::from_millis(1))
        .service(to_b.clone());
    let error = get(&mut impatient, &setup.b).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    setup.idp.wait_for_requests(Endpoint::Token, 1).await;
    setup.idp.heal();
    assert_eq!(get(&mut to_b.clone(), &setup.b).await.unwrap(), 200);
    assert_eq!(setup.idp.token_requests(), 1);
}

/// Retries while the service is unavailable.
#[derive(Clone)]
struct WhileUnavailable;

impl<B> Policy<Request<Empty<Bytes>>, Response<B>, BoxError> for WhileUnavailable {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Empty<Bytes>>,
        response: &mut Result<Response<B>, BoxError>,
    ) -> Option<Self::Future> {
        let is_unavailable = matches!(response, Ok(response) if response.status() == 503);
        is_unavailable.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<Empty<Bytes>>) -> Option<Request<Empty<Bytes>>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retries_use_the_cached_token() {
    let setup = Setup::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let shaky = service_fn(move |_: Request<Empty<Bytes>>| {
        let status = match counted.fetch_add(1, Ordering::SeqCst) {
            0..3 => 503,
            _ => 200,
        };
        let response = Response::builder().status(status).body(()).unwrap();
        async { Ok::<_, BoxError>(response) }
    });
    let outside = ServiceBuilder::new()
        .retry(WhileUnavailable)
        .map_err(BoxError::from)
        .service(tower::Layer::layer(&setup.to_b(), shaky.clone()).on_behalf_of(&setup.caller));
    let inside = ServiceBuilder::new().retry(WhileUnavailable).service(shaky);
    let inside = tower::Layer::layer(&setup.to_b(), inside).on_behalf_of(&setup.caller);
    assert_eq!(get(&mut outside.clone(), &setup.b).await.unwrap(), 200);
    assert_eq!(calls.swap(0, Ordering::SeqCst), 4);
    assert_eq!(get(&mut inside.clone(), &setup.b).await.unwrap(), 200);
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(setup.idp.token_requests(), 1);
}

#[tokio::test]
async fn balanced_clients_share_the_tokens() {
    use tower::balance::p2c::Balance;
    use tower::discover::ServiceList;
    use tower::load::{CompleteOnResponse, PendingRequests};
    let setup = Setup::start().await;
    let replicas = [plain(), plain()].map(|client| {
        let to_b = tower::Layer::layer(&setup.to_b(), client).on_behalf_of(&setup.caller);
        PendingRequests::new(to_b, CompleteOnResponse::default())
    });
    let mut balanced = Balance::new(ServiceList::new(replicas));
    for _ in 0..4 {
        assert_eq!(get(&mut balanced, &setup.b).await.unwrap(), 200);
    }
    assert_eq!(setup.idp.token_requests(), 1);
}
