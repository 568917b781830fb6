//! An authorization server, its client `service-a`, and callers whose tokens `service-a` has validated.

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
    pub(crate) fn asked(&self) -> Recorded {
        let requests = self.idp.requests();
        let mut asked = requests.iter().rev();
        let asked = asked.find(|request| request.endpoint == Some(Endpoint::Token));
        asked.expect("a token request").clone()
    }
}

pub(crate) fn issuer(idp: &TestIdp) -> Issuer {
    Issuer::new(idp.issuer()).unwrap()
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

/// One exchange as a client, with nothing at hand.
pub(crate) async fn token(setup: &Setup, client: &Client) -> Result<Exchanged, ExchangeError> {
    let caller = setup.caller("alice").await;
    let exchange = TokenExchange::builder(issuer(&setup.idp), client.clone())
        .build()
        .unwrap();
    exchange.token(&caller, audience("service-b")).await
}

/// Which of the three methods a request uses; more than one is none of them (CA-02).
pub(crate) fn methods(asked: &Recorded) -> Vec<&'static str> {
    assert_eq!(asked.query, None);
    let basic = asked.headers.contains_key(header::AUTHORIZATION);
    [
        ("basic", basic),
        ("post", asked.param("client_secret").is_some()),
        ("assertion", asked.param("client_assertion").is_some()),
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
