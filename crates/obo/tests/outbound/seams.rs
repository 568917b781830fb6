//! Extensions by other crates: tower layers around the exchange, a dialect and a client
//! authentication method.

use std::error::Error as _;
use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use obo::client::{Attempt, Authenticating, ClientAuth};
use obo::dialect::{Dialect, Grant, Registration, Rfc8693};
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::time::UnixTime;
use obo::token::{ExchangeRequest, IssuedToken};
use obo::token_endpoint::{ErrorClass, TokenEndpointError, TokenRequest};
use obo::{Client, ConfigError, Destination, Destinations, TokenExchange};
use serde_json::json;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, audience, client};
use crate::stub::{Stub, issued};

#[tokio::test]
async fn exchange_is_a_layered_service() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let request = ExchangeRequest::new(
        &caller,
        obo::destination::Target::from(audience("service-b")),
    );
    let mut exchange = ServiceBuilder::new()
        .map_request(|request: ExchangeRequest| request)
        .service(setup.exchange());
    for expected in [TokenSource::Exchange, TokenSource::Cache] {
        let exchange = exchange.ready().await.unwrap();
        let exchanged = exchange.call(request.clone()).await.unwrap();
        assert_eq!(exchanged.source(), expected);
    }
}

/// A broker that takes an assertion and responds with the token as text.
#[derive(Debug)]
struct Broker;

impl Dialect for Broker {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        let Grant::Exchange(request) = grant else {
            return Rfc8693::new().request(grant, by);
        };
        let audiences = request.target().audiences();
        let for_whom = audiences.first().ok_or_else(|| {
            ConfigError::new("target", "this broker knows services by audience alone")
        })?;
        let mut form = TokenRequest::new("urn:broker");
        form.push("assertion", request.subject().subject_token().expose());
        form.push("for", for_whom.as_str());
        Ok(form)
    }

    fn response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let Grant::Exchange(_) = grant else {
            return Rfc8693::new().response(grant, response, now);
        };
        let denied = || TokenEndpointError::new(ErrorClass::ResponseUnusable, "the broker says no");
        if response.status() != 200 {
            return Err(denied());
        }
        let token = std::str::from_utf8(response.body()).map_err(|_| denied())?;
        let issued = IssuedToken::bearer(token).ok_or_else(denied)?;
        Ok(issued.with_expires_in(Some(Duration::from_secs(300))))
    }
}

fn text(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let reply = Response::builder().status(status);
    reply.body(Full::from(body)).unwrap()
}

#[tokio::test]
async fn custom_dialect_is_used() {
    let setup = Setup::start().await;
    let token = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&token).await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => text(409, "no"),
            _ => text(200, "from-the-broker"),
        })
    });
    let exchange = stub.builder().dialect(Broker).build().unwrap();
    let error = exchange.token(&caller, audience("service-b")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ResponseUnusable);
    // The dialect does not set the status; the exchange does.
    let source = error.source().and_then(|source| source.downcast_ref());
    let status = source.and_then(TokenEndpointError::status);
    assert_eq!(status, Some(StatusCode::CONFLICT));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    let exchanged = exchanged.unwrap();
    assert_eq!(exchanged.token().authorization(), "Bearer from-the-broker");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("grant_type", "urn:broker"),
        pair("assertion", &token),
        pair("for", "service-b"),
    ];
    assert_eq!(stub.asked(), expected);

    let resource = obo::Resource::new("https://b.example").unwrap();
    let error = exchange.token(&caller, resource).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
    assert_eq!(stub.requests(), 2);
}

/// RI-04, TX-41
#[tokio::test]
async fn destination_may_have_own_dialect() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => issued("by-rfc-8693", json!({})),
            _ => text(200, "from-the-broker"),
        })
    });
    let exchange = stub.exchange();
    let at = |uri: &str| Destination::new(uri, audience("service-b")).unwrap();
    let known = Destinations::new([
        at("https://b.example"),
        at("https://broker.example").dialect(Broker),
    ]);
    let downstream = Downstream::default();
    let client = exchange
        .to_destinations(known.unwrap())
        .layer(downstream.clone());
    let client = client.on_behalf_of(&caller);
    // For the same caller and audience, neither destination gets the token of the other.
    for _ in 0..2 {
        for (uri, token, grant) in [
            (
                "https://b.example/",
                "Bearer by-rfc-8693",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            (
                "https://broker.example/",
                "Bearer from-the-broker",
                "urn:broker",
            ),
        ] {
            let asked = stub.requests();
            let request = Request::get(uri).body(()).unwrap();
            client.clone().oneshot(request).await.unwrap();
            assert_eq!(downstream.authorization(), token);
            if stub.requests() > asked {
                assert_eq!(stub.asked()[0], ("grant_type".to_owned(), grant.to_owned()));
            }
        }
    }
    assert_eq!(stub.requests(), 2);
}

/// Authenticates by a ticket from another system, which is not always available.
#[derive(Debug)]
struct Ticket(Result<&'static str, ErrorClass>);

impl ClientAuth for Ticket {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let ticket = self
                .0
                .map_err(|class| TokenEndpointError::new(class, "no ticket"))?;
            request.push("client_id", attempt.client_id);
            request.push("ticket", format!("{ticket} for {}", attempt.server));
            Ok(())
        })
    }
}

#[tokio::test]
async fn custom_authentication_is_used() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let stub = Stub::new(&setup, |_| ready(issued("opaque", json!({}))));
    let with = |ticket| {
        let client = Client::new("service-a", Ticket(ticket));
        TokenExchange::builder(stub.server.clone(), client)
            .build()
            .unwrap()
    };
    let exchanged = with(Ok("t1")).token(&caller, audience("service-b")).await;
    exchanged.unwrap();
    let asked = stub.asked();
    let ticket = asked.iter().find(|(name, _)| name == "ticket").unwrap();
    assert_eq!(ticket.1, format!("t1 for {}", setup.idp.issuer()));

    for (class, kind) in [
        (ErrorClass::Transient, ExchangeErrorKind::Transient),
        (
            ErrorClass::ClientMisconfigured,
            ExchangeErrorKind::ClientMisconfigured,
        ),
    ] {
        let refused = with(Err(class)).token(&caller, audience("service-b")).await;
        assert_eq!(refused.unwrap_err().kind(), kind);
    }
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn reserved_parameters_are_rejected() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let dialect = obo::dialect::Rfc8693::new().extra_parameter("tenant", "t 1");
    let exchange = TokenExchange::builder(crate::setup::issuer(&setup.idp), client())
        .dialect(dialect.unwrap())
        .build()
        .unwrap();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    assert_eq!(setup.asked().params("tenant"), ["t 1"]);
    for reserved in ["audience", "client_secret", "subject_token", "scope"] {
        let dialect = obo::dialect::Rfc8693::new().extra_parameter(reserved, "x");
        assert_eq!(dialect.unwrap_err().field(), "extra_parameters");
    }
}
