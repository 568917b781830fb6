//! An authorization server, its client `service-a`, and callers whose tokens `service-a` has
//! validated.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenExchangeBuilder;
use obo::{
    Audience, Caller, Client, ClientSecretBasic, Destination, ExchangeError, Issuer, OnBehalfOf,
    Profile, ResourceServer, TokenExchange, Trust,
};
use obo_testkit::{Endpoint, Recorded, TestAlg, TestIdp};
use serde_json::Value;
use tower::Layer as _;

use crate::downstream::Downstream;

pub(crate) const SECRET: &str = "the-secret-of-service-a";
pub(crate) const URI_OF_B: &str = "https://service-b.example";

pub(crate) struct Setup {
    pub(crate) idp: TestIdp,
    server: obo::AuthorizationServer,
    at_a: ResourceServer,
}

impl Setup {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        let client = idp.client("service-a").secret(SECRET);
        client.may_exchange_to("service-b");
        let server = obo::AuthorizationServer::from(issuer(&idp));
        let at_a = ResourceServer::builder(audience("service-a"))
            .trust(server.clone())
            .build()
            .unwrap();
        Self { idp, server, at_a }
    }

    /// A setup whose callers' tokens may lack a time of issue.
    pub(crate) async fn lenient() -> Self {
        let setup = Self::start().await;
        let trust = Trust::new(setup.server.clone()).profile(Profile::LENIENT);
        let at_a = ResourceServer::builder("service-a").trust(trust);
        let at_a = at_a.build().unwrap();
        Self { at_a, ..setup }
    }

    pub(crate) fn exchange(&self) -> TokenExchange {
        self.builder().build().unwrap()
    }

    /// The builder of that exchange.
    pub(crate) fn builder(&self) -> TokenExchangeBuilder {
        TokenExchange::builder(self.server.clone(), client())
    }

    /// A call to ServiceB, as a service around its stand-in.
    pub(crate) fn to_b(&self) -> (OnBehalfOf<Downstream>, Downstream) {
        to_b(&self.exchange())
    }

    pub(crate) async fn caller(&self, user: &str) -> Caller {
        let token = self.idp.user(user).audience("service-a");
        self.validated(&token.mint()).await
    }

    pub(crate) async fn validated(&self, token: &str) -> Caller {
        self.at_a.validate(token).await.unwrap()
    }

    /// The last request to the token endpoint.
    pub(crate) fn asked(&self) -> Recorded {
        let requests = self.idp.requests();
        let mut asked = requests
            .iter()
            .rev()
            .filter(|request| request.endpoint == Some(Endpoint::Token));
        asked.next().expect("a token request").clone()
    }
}

pub(crate) fn to_b(exchange: &TokenExchange) -> (OnBehalfOf<Downstream>, Downstream) {
    let service_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let downstream = Downstream::default();
    (
        exchange
            .to_destination(service_b)
            .unwrap()
            .layer(downstream.clone()),
        downstream,
    )
}

pub(crate) fn issuer(idp: &TestIdp) -> Issuer {
    Issuer::new(idp.issuer()).unwrap()
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

pub(crate) fn client() -> Client {
    Client::new("service-a", ClientSecretBasic::new(SECRET))
}

/// One part of a JWT: 0 is the header, 1 the claims.
pub(crate) fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).expect("a compact JWS");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims of the token in an `Authorization` value.
pub(crate) fn claims(authorization: &http::HeaderValue) -> Value {
    let value = authorization.to_str().unwrap();
    part(value.strip_prefix("Bearer ").unwrap(), 1)
}

/// The response to our own caller: HTTP status and gRPC code by the table of error classes.
pub(crate) fn assert_answer(error: &ExchangeError) {
    use ExchangeErrorKind as Kind;
    let reply = error.response();
    let expected = match error.kind() {
        Kind::SubjectInvalid | Kind::StepUp => (401, 16),
        Kind::TargetDenied => (403, 7),
        Kind::NoSubject | Kind::ClientMisconfigured | Kind::UnknownDestination => (500, 13),
        Kind::AnswerUnusable => (502, 13),
        Kind::Throttled | Kind::Transient | Kind::Overloaded => (503, 14),
        other => panic!("a kind without a row: {other:?}"),
    };
    let got = (reply.status().as_u16(), reply.grpc_code());
    assert_eq!(got, expected, "{error}");
    assert_eq!(reply.challenge().is_some(), got.0 == 401, "{error}");
    assert_eq!(reply.retry_after().is_some(), got.0 == 503, "{error}");
    assert_eq!(error.is_retryable(), got.0 == 503, "{error}");
}
