//! An authorization server, a caller of ServiceA, and ServiceB on a socket.

use axum::Router;
use axum::extract::Request;
use http::{HeaderValue, Response, StatusCode, header};
use obo::on_behalf_of::OnBehalfOfLayer;
use obo::{
    Audience, Caller, Client, ClientSecretBasic, Destination, Issuer, ResourceServer, TokenExchange,
};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;

pub(crate) struct Setup {
    pub(crate) idp: TestIdp,
    pub(crate) caller: Caller,
    pub(crate) exchange: TokenExchange,
    /// The address of ServiceB.
    pub(crate) b: String,
}

impl Setup {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::start().await;
        idp.client("service-a")
            .secret("s3cret")
            .may_exchange_to("service-b");
        let issuer = Issuer::new(idp.issuer()).unwrap();
        let audience = Audience::new("service-a").unwrap();
        let server = ResourceServer::builder(audience)
            .trust(issuer.clone())
            .build()
            .unwrap();
        let token = idp.user("alice").audience("service-a").mint();
        let caller = server.validate(&token).await.unwrap();
        let secret = ClientSecretBasic::new("s3cret");
        let exchange = TokenExchange::builder(issuer, Client::new("service-a", secret))
            .build()
            .unwrap();
        Self {
            idp,
            caller,
            exchange,
            b: service_b().await,
        }
    }

    pub(crate) fn to_b(&self) -> OnBehalfOfLayer {
        let audience = Audience::new("service-b").unwrap();
        self.exchange
            .to_destination(Destination::new(&self.b, audience).unwrap())
            .unwrap()
    }
}

/// A service on a socket that responds with the `Authorization` that it received, or redirects to
/// the place in its query.
pub(crate) async fn service_b() -> String {
    async fn response(request: Request) -> Response<String> {
        let sent = request.headers().get(header::AUTHORIZATION);
        let sent = sent.map_or("none", |value| value.to_str().unwrap());
        let mut response = Response::new(sent.to_owned());
        if let Some(elsewhere) = request.uri().query() {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            let location = HeaderValue::from_str(elsewhere).unwrap();
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(response);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// The audience of the token in an `Authorization` value.
pub(crate) fn audience_of(authorization: &str) -> String {
    use base64::Engine as _;
    let payload = authorization.split('.').nth(1).expect("a JWT");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    let claims: serde_json::Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    claims["aud"].as_str().unwrap().to_owned()
}
