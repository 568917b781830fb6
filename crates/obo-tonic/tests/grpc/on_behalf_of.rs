//! A client that calls on behalf of the user it was called by.

use std::net::SocketAddr;

use obo::{
    Audience, Client, ClientSecretBasic, Destination, ExchangeErrorKind, Issuer, Rule,
    TokenExchange, Validated,
};
use obo_testkit::AuthorizationServer;
use obo_tonic::OnBehalfOf;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tower::Layer as _;

use crate::whoami::{accepts, call, channel, serve, token, with_token};

/// ServiceA's client of ServiceB.
fn client(idp: &AuthorizationServer, service: SocketAddr, audience: &str) -> OnBehalfOf<Channel> {
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    let secret = ClientSecretBasic::new("s3cret").unwrap();
    let own = Client::new("service-a", secret).unwrap();
    let exchange = TokenExchange::new(Issuer::new(idp.issuer()).unwrap(), own);
    let audience = Audience::new(audience).unwrap();
    let to_b = Destination::new(&format!("http://{service}"), audience).unwrap();
    OnBehalfOf::new(exchange.to(to_b).layer(channel(service)))
}

/// The caller of ServiceA.
async fn caller(idp: &AuthorizationServer) -> Validated {
    let token = token(idp).claim("aud", "service-a").mint();
    accepts(idp, "service-a").validate(&token).await.unwrap()
}

#[tokio::test]
async fn tx_32_the_called_service_sees_the_user_and_who_acts() {
    let idp = AuthorizationServer::start().await;
    let service = serve(&idp, Some(Rule::actors(["service-a"]).unwrap())).await;
    let (stock, caller) = (client(&idp, service, "service-b"), caller(&idp).await);

    let bound = stock.on_behalf_of(&caller);
    assert_eq!(
        call(bound, with_token(None)).await.unwrap(),
        "alice by service-a"
    );
    let carried = InterceptedService::new(stock.clone(), obo_tonic::carry(&caller));
    assert_eq!(
        call(carried, with_token(None)).await.unwrap(),
        "alice by service-a"
    );
    let mut request = with_token(None);
    request.extensions_mut().insert(caller);
    assert_eq!(call(stock, request).await.unwrap(), "alice by service-a");
}

#[tokio::test]
async fn tx_39_a_call_without_a_token_is_not_made_and_says_why() {
    let idp = AuthorizationServer::start().await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let nobody = call(client(&idp, nowhere, "service-b"), with_token(None)).await;
    let status = nobody.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let error = obo_tonic::exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::NoSubject);

    let denied = client(&idp, nowhere, "service-z").on_behalf_of(&caller(&idp).await);
    let status = call(denied, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let error = obo_tonic::exchange_error(&status).unwrap();
    assert_eq!(error.kind(), ExchangeErrorKind::TargetDenied);

    let caller = caller(&idp).await;
    idp.stop();
    let down = client(&idp, nowhere, "service-y").on_behalf_of(&caller);
    let status = call(down, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
}

#[tokio::test]
async fn a_status_of_the_called_service_is_not_taken_for_a_failed_exchange() {
    let idp = AuthorizationServer::start().await;
    let service = serve(&idp, Some(Rule::actors(["service-z"]).unwrap())).await;
    let stock = client(&idp, service, "service-b").on_behalf_of(&caller(&idp).await);
    let status = call(stock, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(obo_tonic::exchange_error(&status).is_none());
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_unavailable() {
    let idp = AuthorizationServer::start().await;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let stock = client(&idp, nowhere, "service-b").on_behalf_of(&caller(&idp).await);
    let status = call(stock, with_token(None)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(obo_tonic::exchange_error(&status).is_none());
}
