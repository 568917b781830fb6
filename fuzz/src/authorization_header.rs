//! Any `Authorization` lines. A request must pass exactly if it has one line, and that line is
//! `Bearer`, spaces and a minted token.
//!
//! A newline separates lines. Each byte from 1 to 5 stands for a valid token, one for each kind of
//! key, so that a mutation cannot break the token.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::bearer::BearerAuth;
use obo::challenge::ReceivedChallenge;
use obo::time::TestClock;
use obo::{AuthorizationServer, BearerAuthLayer, Caller, ResourceServer};
use obo_core::BearerCredentials;
use tokio::runtime::Runtime;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{signer, world};

/// One valid token per kind of key.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let signers = signer::ISSUER.iter();
    signers
        .map(|signer| signer.mint(signer.alg, &world::claims()))
        .collect()
});

thread_local! {
    static RUNTIME: Runtime = world::paused();
    static LAYER: BearerAuthLayer = BearerAuthLayer::new(server());
    static ADMITTED: RefCell<Option<Caller>> = const { RefCell::new(None) };
}

fn server() -> ResourceServer {
    let http = HttpService::new(service_fn(|_: Request<Bytes>| async {
        Ok::<_, Infallible>(Response::new(Full::from(world::key_set())))
    }));
    let metadata = ServerMetadata::new(Some("https://idp.example/jwks"), None).unwrap();
    let idp = AuthorizationServer::builder(world::issuer())
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    ResourceServer::builder(world::audience(world::AUDIENCE))
        .trust(idp)
        .clock(TestClock::new(world::now()))
        .build()
        .unwrap()
}

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let lines: Vec<Vec<u8>> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| world::with_tokens(line, &TOKENS))
        .collect();
    for line in &lines {
        // The parser must also cope with bytes that a `HeaderValue` cannot have.
        let token = BearerCredentials::of_authorization(line).map(BearerCredentials::token);
        if let Some(Ok(token)) = token {
            assert!(!token.expose().is_empty() && token.expose().len() <= 16 * 1024);
        }
    }
    let mut request = Request::new(());
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        request.headers_mut().append(header::AUTHORIZATION, value);
    }
    ADMITTED.take();
    let response = RUNTIME.with(|runtime| runtime.block_on(service().oneshot(request)));
    let response = response.unwrap_or_else(|never| match never {});
    let expected = match &lines[..] {
        [line] => is_minted(line),
        _ => false,
    };
    assert_eq!(ADMITTED.take().is_some(), expected);
    if expected {
        assert_eq!(response.status(), StatusCode::OK);
        return;
    }
    let challenges = ReceivedChallenge::all(response.headers());
    assert_eq!(
        challenges.len(),
        1,
        "the response has one readable challenge"
    );
    match response.status().as_u16() {
        400 | 401 => assert_eq!(response.headers().len(), 1),
        other => panic!("status {other}"),
    }
}

fn service() -> BearerAuth<
    impl tower::Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send>
    + Clone
    + Send,
> {
    let inner = service_fn(|request: Request<()>| {
        ADMITTED.set(request.extensions().get().cloned());
        std::future::ready(Ok(Response::new(())))
    });
    LAYER.with(|layer| layer.layer(inner))
}

/// The second reading.
fn is_minted(line: &[u8]) -> bool {
    let Some(space) = line.iter().position(|byte| *byte == b' ') else {
        return false;
    };
    let token = line[space..].trim_ascii_start();
    let only_spaces = line[space..line.len() - token.len()]
        .iter()
        .all(|byte| *byte == b' ');
    line[..space].eq_ignore_ascii_case(b"bearer")
        && only_spaces
        && TOKENS.iter().any(|minted| minted.as_bytes() == token)
}
