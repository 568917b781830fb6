//! An exchange whose token endpoint is in the process, so that a paused clock stands still.

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
    /// Status and body of the next answers.
    pub(crate) answer: Arc<Mutex<(u16, &'static str)>>,
    /// What an answer waits for.
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
    /// Pauses the clock, once real sockets are not needed any more.
    pub(crate) async fn start() -> Self {
        let idp = obo_testkit::TestIdp::start().await;
        let issuer = Issuer::new(idp.issuer()).unwrap();
        let (answer, gate) = (
            Arc::new(Mutex::new(ISSUED)),
            Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        );
        let (answers, gates) = (Arc::clone(&answer), Arc::clone(&gate));
        let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
            let (status, body) = *answers.lock().unwrap();
            let gate = Arc::clone(&gates);
            async move {
                let _pass = gate.acquire().await.unwrap();
                let answer = Response::builder().status(status);
                let answer = answer.header("content-type", "application/json");
                Ok::<_, Infallible>(answer.body(Full::from(body)).unwrap())
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
            answer,
            gate,
        }
    }

    /// The exchange, to be set up otherwise.
    pub(crate) fn builder(&self) -> TokenExchangeBuilder {
        builder(&self.at)
    }

    /// An exchange as another client.
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

    pub(crate) fn answers(&self, answer: (u16, &'static str)) {
        *self.answer.lock().unwrap() = answer;
    }
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}
