//! An exchange with a token endpoint in the process, so that a paused clock stands still.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::exchange::TokenExchangeBuilder;
use obo::{
    Audience, AuthorizationServer, Caller, Client, ClientSecretBasic, Issuer, ResourceServer,
    TokenExchange,
};
use tokio::sync::Semaphore;
use tower::service_fn;

pub(crate) struct Stub {
    idp: obo_testkit::TestIdp,
    server: ResourceServer,
    at: AuthorizationServer,
    pub(crate) exchange: TokenExchange,
    /// Status and body of the next responses.
    pub(crate) response: Arc<Mutex<(u16, &'static str)>>,
    /// The gate that a response waits for.
    pub(crate) gate: Arc<Semaphore>,
}

pub(crate) const ISSUED: (u16, &str) = (
    200,
    r#"{"access_token":"t0ken-of-the-stub","token_type":"Bearer","expires_in":300,
    "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#,
);

fn builder(at: &AuthorizationServer) -> TokenExchangeBuilder {
    let secret = ClientSecretBasic::new("s3cret");
    TokenExchange::builder(at.clone(), Client::new("service-a", secret))
}

impl Stub {
    /// Pauses the clock, when real sockets are no longer needed.
    pub(crate) async fn start() -> Self {
        let idp = obo_testkit::TestIdp::start().await;
        let issuer = Issuer::new(idp.issuer()).unwrap();
        let (response, gate) = (
            Arc::new(Mutex::new(ISSUED)),
            Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        );
        let (responses, gates) = (Arc::clone(&response), Arc::clone(&gate));
        let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
            let (status, body) = *responses.lock().unwrap();
            let gate = Arc::clone(&gates);
            async move {
                let _pass = gate.acquire().await.unwrap();
                let response = Response::builder().status(status);
                let response = response.header("content-type", "application/json");
                Ok::<_, Infallible>(response.body(Full::from(body)).unwrap())
            }
        }));
        let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
        let at = AuthorizationServer::builder(issuer.clone())
            .with_metadata(metadata)
            .with_http(http)
            .build()
            .unwrap();
        Self {
            server: ResourceServer::builder(audience("service-a"))
                .trust(issuer)
                .build()
                .unwrap(),
            exchange: builder(&at).build().unwrap(),
            at,
            idp,
            response,
            gate,
        }
    }

    /// The builder of the exchange, for other settings.
    pub(crate) fn builder(&self) -> TokenExchangeBuilder {
        builder(&self.at)
    }

    /// The exchange of another client.
    pub(crate) fn exchange_as(&self, client: Client) -> TokenExchange {
        TokenExchange::builder(self.at.clone(), client)
            .build()
            .unwrap()
    }

    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::new(self.idp.issuer()).unwrap()
    }

    pub(crate) async fn caller(&self, user: &str) -> Caller {
        let token = self.idp.user(user).audience("service-a").expires_in(36_000);
        self.server.validate(&token.mint()).await.unwrap()
    }

    pub(crate) fn respond(&self, response: (u16, &'static str)) {
        *self.response.lock().unwrap() = response;
    }
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}
