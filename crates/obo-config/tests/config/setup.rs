//! An authorization server, its client `service-a`, and callers that `service-a` has validated.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use obo::exchange::Exchanged;
use obo::{Audience, Caller, Client, ExchangeError, Issuer, ResourceServer, TokenExchange};
use obo_testkit::{Endpoint, Recorded, TestAlg, TestIdp};
use serde_json::Value;

pub(crate) const SECRET: &str = "the-secret-of-service-a";

pub(crate) struct Setup {
    pub(crate) idp: TestIdp,
    at_a: ResourceServer,
}

impl Setup {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        let client = idp.client("service-a").secret(SECRET);
        client.may_exchange_to("service-b");
        let at_a = ResourceServer::builder("service-a")
            .trust(issuer(&idp))
            .build()
            .unwrap();
        Self { idp, at_a }
    }

    pub(crate) async fn caller(&self, user: &str) -> Caller {
        let token = self.idp.user(user).audience("service-a").scope("a b");
        self.validated(&token.mint()).await
    }

    pub(crate) async fn validated(&self, token: &str) -> Caller {
        self.at_a.validate(token).await.unwrap()
    }

    /// The last request to the token endpoint.
    pub(crate) fn token_request(&self) -> Recorded {
        let requests = self.idp.requests();
        let mut token_request = requests.iter().rev();
        let token_request = token_request.find(|request| request.endpoint == Some(Endpoint::Token));
        token_request.expect("a token request").clone()
    }
}

pub(crate) fn issuer(idp: &TestIdp) -> Issuer {
    Issuer::new(idp.issuer()).unwrap()
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

/// One exchange by a client, without a cached token.
pub(crate) async fn token(setup: &Setup, client: &Client) -> Result<Exchanged, ExchangeError> {
    let caller = setup.caller("alice").await;
    let exchange = TokenExchange::builder(issuer(&setup.idp), client.clone())
        .build()
        .unwrap();
    exchange.token(&caller, audience("service-b")).await
}

/// The client authentication methods of a request (CA-02 allows one).
pub(crate) fn methods(token_request: &Recorded) -> Vec<&'static str> {
    assert_eq!(token_request.query, None);
    let basic = token_request.headers.contains_key(header::AUTHORIZATION);
    [
        ("basic", basic),
        ("post", token_request.param("client_secret").is_some()),
        (
            "assertion",
            token_request.param("client_assertion").is_some(),
        ),
    ]
    .into_iter()
    .filter_map(|(method, used)| used.then_some(method))
    .collect()
}

pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

/// One part of a JWT: 0 is the header, 1 the claims.
pub(crate) fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).expect("a compact JWS");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
