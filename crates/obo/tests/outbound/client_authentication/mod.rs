//! Client authentication of `service-a`, as the authorization server receives it.

mod client_assertion;
mod client_secret;
mod client_secret_jwt;
mod headers;
#[cfg(unix)]
mod hung_files;
mod mutual_tls;
mod private_key_jwt;
mod remote_signer;

use std::fs;
use std::path::PathBuf;

use http::header;
use obo::client::ClientAuth;
use obo::destination::Target;
use obo::exchange::Exchanged;
use obo::token::ExchangeRequest;
use obo::{Client, ExchangeError, TokenExchange};
use obo_testkit::Recorded;
use tower::ServiceExt as _;

use crate::setup::{Setup, audience, issuer};

/// The request of one exchange for a new target, as a client with this identifier.
pub(crate) async fn exchanged(setup: &Setup, id: &str, auth: impl ClientAuth) -> Recorded {
    setup.idp.client(id).may_exchange_to("service-b");
    let token = setup.idp.user("alice").audience("service-a").audience(id);
    let caller = setup.validated(&token.mint()).await;
    let exchange = TokenExchange::builder(issuer(&setup.idp), Client::new(id, auth))
        .build()
        .unwrap();
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    exchanged.unwrap();
    setup.asked()
}

/// One exchange as a client, with an empty cache.
pub(crate) async fn token(setup: &Setup, client: &Client) -> Result<Exchanged, ExchangeError> {
    fresh(setup, &exchange(setup, client)).await
}

/// The exchange of a client whose credentials are usable now.
pub(crate) fn exchange(setup: &Setup, client: &Client) -> TokenExchange {
    TokenExchange::builder(issuer(&setup.idp), client.clone())
        .build()
        .unwrap()
}

/// A token that is not cached.
pub(crate) async fn fresh(
    setup: &Setup,
    exchange: &TokenExchange,
) -> Result<Exchanged, ExchangeError> {
    let caller = setup.caller("alice").await;
    let request = ExchangeRequest::new(&caller, Target::from(audience("service-b")));
    exchange.clone().oneshot(request.fresh()).await
}

/// Which of the three methods a request uses; it must be exactly one.
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
