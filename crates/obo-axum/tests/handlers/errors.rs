//! Errors that a handler returns with `?`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use obo::error::{ExchangeErrorKind, TokenError};
use obo::{
    Audience, CallError, Caller, Client, ClientSecretBasic, Destination, ExchangeError, Issuer,
    Rejection, RequireLayer, Rule, TokenExchange,
};
use obo_axum::{Authenticated, Error};
use obo_testkit::{Endpoint, Fault, TestIdp};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::app::{INSUFFICIENT, alice, bearer, call, trust, with_token};

async fn nothing() {}

/// A route whose layer requires the rule, and one whose handler checks it.
fn both_ways(rule: Rule) -> Router {
    let in_handler = |State(rule): State<Rule>, Authenticated(caller): Authenticated| async move {
        rule.check(&caller)?;
        Ok::<_, Error>(())
    };
    let layer = RequireLayer::new(rule.clone()).unwrap();
    Router::new()
        .route("/layer", get(nothing).layer(layer))
        .route("/handler", get(in_handler).with_state(rule))
}

/// BT-13
#[tokio::test]
async fn handler_and_layer_respond_alike() {
    let idp = TestIdp::start().await;
    let scope = Some(r#"Bearer error="insufficient_scope", scope="orders:read orders:write""#);
    for (rule, challenge) in [
        (Rule::scopes(["orders:write", "orders:read"]), scope),
        (Rule::any_actor(), Some(INSUFFICIENT)),
        (Rule::actors(["service-b"]), Some(INSUFFICIENT)),
        (Rule::service(), Some(INSUFFICIENT)),
    ] {
        let router = both_ways(rule).layer(bearer(trust(&idp)));
        let token = alice(&idp).mint();
        let by_layer = call(&router, with_token("/layer", &token)).await;
        by_layer.assert_refused(403, challenge);
        assert_eq!(
            call(&router, with_token("/handler", &token)).await,
            by_layer
        );
    }
    let router = both_ways(Rule::user()).layer(bearer(trust(&idp)));
    for path in ["/layer", "/handler"] {
        let got = call(&router, with_token(path, &alice(&idp).mint())).await;
        assert_eq!(got.status, 200, "{path}");
    }
}

/// BT-09
#[tokio::test]
async fn rejections_match_layer_responses() {
    let step_up = Rejection::StepUp {
        acr_values: vec!["gold".to_owned()],
        max_age: None,
    };
    for rejection in [
        Rejection::MissingCredentials,
        Rejection::InvalidRequest("x"),
        TokenError::Expired {
            ago: Duration::from_secs(61),
            leeway: Duration::from_secs(60),
        }
        .into(),
        Rejection::Misconfigured("x"),
        step_up,
    ] {
        let error = Error::from(rejection.clone());
        assert_eq!(error.to_string(), rejection.to_string());
        let response = error.into_response();
        let expected: Response<String> = rejection
            .response()
            .to_response(&http::Method::GET, &http::HeaderMap::new());
        assert_eq!(response.status(), expected.status());
        assert_eq!(response.headers(), expected.headers());
    }
}

/// A service that exchanges a token for `service-b` and calls it, with both kinds of error.
pub(crate) struct Calling {
    pub(crate) exchange: TokenExchange,
    pub(crate) to_b: Destination,
}

impl Calling {
    pub(crate) fn new(idp: &TestIdp) -> Self {
        idp.client("service-a")
            .secret("s3cret")
            .may_exchange_to("service-b");
        let secret = ClientSecretBasic::new("s3cret");
        let client = Client::new("service-a", secret);
        let audience = Audience::new("service-b").unwrap();
        Self {
            exchange: TokenExchange::builder(Issuer::new(idp.issuer()).unwrap(), client)
                .build()
                .unwrap(),
            to_b: Destination::new("https://b.example", audience).unwrap(),
        }
    }

    async fn token(&self, caller: &Caller, audience: &str) -> Result<(), ExchangeError> {
        let audience = Audience::new(audience).unwrap();
        self.exchange.token(caller, audience).await.map(drop)
    }

    async fn call<E: Clone + Into<obo::error::BoxError> + 'static>(
        &self,
        caller: &Caller,
        uri: &str,
        outcome: Result<(), E>,
    ) -> Result<(), CallError> {
        let service_b = service_fn(move |_: Request<()>| {
            let outcome = outcome.clone();
            async { outcome.map(Response::new) }
        });
        let service_b = self
            .exchange
            .to_destination(self.to_b.clone())
            .unwrap()
            .layer(service_b);
        let request = Request::get(uri).body(()).unwrap();
        let called = service_b.on_behalf_of(caller).oneshot(request).await;
        called.map(drop)
    }
}

pub(crate) async fn validated(idp: &TestIdp) -> Caller {
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let server = obo::ResourceServer::builder("service-a")
        .trust(issuer)
        .build()
        .unwrap();
    server.validate(&alice(idp).mint()).await.unwrap()
}

/// The response to an error that a handler returns with `?`.
fn respond(result: Result<(), impl Into<Error>>) -> (u16, Response<axum::body::Body>) {
    let error: Error = result.unwrap_err().into();
    let response = error.into_response();
    (response.status().as_u16(), response)
}

#[tokio::test]
async fn failed_exchange_maps_to_status() {
    let idp = TestIdp::start().await;
    let (calling, caller) = (Calling::new(&idp), validated(&idp).await);
    calling.token(&caller, "service-b").await.unwrap();

    let denied = calling.token(&caller, "service-z").await;
    assert_eq!(
        denied.as_ref().unwrap_err().kind(),
        ExchangeErrorKind::TargetDenied
    );
    let (status, response) = respond(denied);
    assert_eq!((status, response.headers().len()), (403, 0));

    idp.fault(Endpoint::Token, Fault::RetryAfter(503, "7".to_owned()));
    let down = calling.token(&caller, "service-y").await;
    let (status, response) = respond(down);
    assert_eq!(
        (status, &response.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
}

#[tokio::test]
async fn failed_call_maps_to_status() {
    let idp = TestIdp::start().await;
    let (calling, caller) = (Calling::new(&idp), validated(&idp).await);
    let called = calling
        .call::<Infallible>(&caller, "https://b.example/", Ok(()))
        .await;
    assert!(called.is_ok());

    let elsewhere = calling
        .call::<Infallible>(&caller, "https://c.example/", Ok(()))
        .await;
    let (status, response) = respond(elsewhere);
    assert_eq!((status, response.headers().len()), (500, 0));

    let refused = || calling.call(&caller, "https://b.example/", Err(std::fmt::Error));
    let (status, _) = respond(refused().await);
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let error = Error::from(refused().await.unwrap_err());
    assert_eq!(error.to_string(), "the call failed");
    let source = error.cause().source().unwrap();
    assert!(source.is::<std::fmt::Error>());
}

/// OB-01
#[tokio::test]
async fn error_details_go_to_logs_only() {
    let idp = TestIdp::start().await;
    let (calling, caller) = (Calling::new(&idp), validated(&idp).await);
    let error = Error::from(calling.token(&caller, "service-z").await.unwrap_err());
    let printed = format!("{error} {error:?}");
    assert!(
        printed.contains("service-z") && printed.contains("invalid_target"),
        "{printed}"
    );
    assert!(error.cause().source().is_some());
    let token = caller.subject_token().expose();
    assert!(
        !printed.contains(token.rsplit_once('.').unwrap().1),
        "{printed}"
    );
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(!format!("{:?}", Authenticated(caller.clone())).contains(signature));
}
