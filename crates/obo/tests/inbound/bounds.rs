//! The trait bounds of the layer, checked by compiling.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{Request, Response};
use obo::bearer::BearerAuth;
use obo::expiry::Expiry;
use obo::expiry::ExpiryBody;
use obo::require::Require;
use obo::{BearerAuthLayer, ExpiryLayer, Rejection, RequireLayer, ResourceServer, Rule};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::guarded::service_a;
use crate::issuer::FakeIssuer;

/// A service for any body that is `Clone`, `Send` and `Sync` if `P` is.
#[derive(Clone)]
struct Any<P>(PhantomData<P>);

impl<B, P> Service<Request<B>> for Any<P> {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new("inner".to_owned())))
    }
}

#[test]
fn layers_and_services_are_shareable() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<BearerAuthLayer>();
    shared::<BearerAuth<Any<()>>>();
    shared::<RequireLayer>();
    shared::<Require<Any<()>>>();
    shared::<ExpiryLayer>();
    shared::<Expiry<Any<()>>>();
    shared::<ResourceServer>();
    shared::<Rule>();
    shared::<Rejection>();

    fn sent<T: Send>() {}
    sent::<<BearerAuth<Any<()>> as Service<Request<Vec<u8>>>>::Future>();
    sent::<<Require<Any<()>> as Service<Request<Vec<u8>>>>::Future>();
    sent::<<Expiry<Any<()>> as Service<Request<Vec<u8>>>>::Future>();
    sent::<ExpiryBody<Vec<u8>>>();
}

#[tokio::test]
async fn body_may_borrow_and_stay_local() {
    let idp = FakeIssuer::new().await;
    let rule = RequireLayer::new(Rule::user()).unwrap();
    let layer = BearerAuthLayer::new(service_a(idp.known()));
    let service = layer.layer(rule.layer(Any::<Rc<()>>(PhantomData)));
    let text = String::from("body");
    let request = |body| {
        let token = format!("Bearer {}", idp.token().mint());
        Request::builder()
            .header("authorization", token)
            .body(body)
            .unwrap()
    };
    for body in [(Rc::new(1), text.as_str()), (Rc::new(2), &text)] {
        let response = service.clone().oneshot(request(body)).await.unwrap();
        assert_eq!(response.body(), "inner");
    }
}
