//! Any response of a token endpoint. A used token stands in the response, and it is used no longer
//! than the response, the token itself, the caller's token and the service allow.
//!
//! Each byte from 1 to 5 stands for a token: one for the target, the subject token, and three more
//! that must not be used.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::destination::Target;
use obo::dialect::{self, Dialect as _, Grant, Rfc8693};
use obo::exchange::TokenSource;
use obo::time::TestClock;
use obo::token::{ExchangeRequest, IssuedToken};
use obo::{AuthorizationServer, Caller, Client, ClientSecretBasic, TokenExchange};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::service_fn;

use crate::{model, signer, world};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: f64 = 3600.0;
/// The lifetime of the caller's own token in seconds; see [`world::claims`].
const CALLER: f64 = 300.0;
/// The lifetime of the token for the target in seconds.
const ISSUED: u64 = 100;

static CALLER_A: LazyLock<Caller> = LazyLock::new(world::caller);
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let jwt = |change: fn(&mut Value)| {
        let mut claims = json!({
            "iss": world::ISSUER, "sub": "alice", "aud": "service-b", "exp": world::NOW + ISSUED,
            "oid": world::OBJECT, "tid": world::TENANT,
        });
        change(&mut claims);
        let signer = &signer::ISSUER[0];
        signer.mint(signer.alg, &claims)
    };
    vec![
        jwt(|_| {}),
        CALLER_A.subject_token().expose().to_owned(),
        jwt(|claims| claims["exp"] = (world::NOW - 1).into()),
        jwt(|claims| claims["aud"] = "service-c".into()),
        // With a pairwise `sub`, only `oid` shows that this is another user.
        jwt(|claims| {
            claims["sub"] = "bob".into();
            claims["oid"] = "0-b".into();
        }),
    ]
});
static DIALECTS: LazyLock<Vec<&str>> = LazyLock::new(|| dialect::names().collect());

thread_local! {
    static RUNTIME: Runtime = world::paused();
    static RESPONSE: RefCell<Response<Bytes>> = RefCell::default();
    /// When the endpoint got its last request.
    static REQUESTED: RefCell<Option<Instant>> = const { RefCell::new(None) };
}

/// The first four bytes select the status, the media type, a dialect, and the pause before the last
/// use of the token, in tens of seconds. The rest is the body.
///
/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let [status, media_type, dialect, pause, body @ ..] = bytes else {
        return;
    };
    let response = response(*status, *media_type, world::with_tokens(body, &TOKENS));
    let grant = Grant::from(ExchangeRequest::new(&CALLER_A, target()));
    let chosen = DIALECTS.get(usize::from(*dialect) % (DIALECTS.len() + 1));
    let (chosen, refused) = match chosen {
        Some(name) => (dialect::named(name).unwrap(), &TOKENS[1..]),
        // The most lenient settings. Every dialect rejects the remaining tokens.
        None => (
            Rfc8693::new().danger_any_audience().pairwise_subject(),
            &TOKENS[1..=2],
        ),
    };
    for (dialect, refused) in [(Rfc8693::new(), &TOKENS[1..]), (chosen, refused)] {
        match dialect.response(&grant, &response, world::now()) {
            Ok(token) => assert_token(&token, &response, refused),
            Err(error) => {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(char::is_control), "{shown:?}");
                assert!(shown.len() < 4096);
                assert!(TOKENS.iter().all(|token| !shown.contains(&**token)));
            }
        }
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(used(response, Duration::from_secs(u64::from(*pause) * 10)))
    });
}

fn target() -> Target {
    world::audience("service-b").into()
}

/// Takes the token through the cache three times, the last time after the pause.
async fn used(response: Response<Bytes>, pause: Duration) {
    let longest = longest_use(response.body());
    let is_success = response.status() == StatusCode::OK;
    RESPONSE.set(response);
    REQUESTED.set(None);
    let http = HttpService::new(service_fn(|_: Request<Bytes>| {
        REQUESTED.set(Some(Instant::now()));
        let response = RESPONSE.with_borrow(Clone::clone);
        std::future::ready(Ok::<_, Infallible>(response.map(Full::new)))
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
    let idp = AuthorizationServer::builder(world::issuer())
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    let client = Client::new("service-a", ClientSecretBasic::new("s"));
    let clock = TestClock::new(world::now());
    let exchange = TokenExchange::builder(idp, client)
        .clock(clock.clone())
        .build()
        .unwrap();
    for wait in [Duration::ZERO, Duration::ZERO, pause] {
        tokio::time::advance(wait).await;
        clock.advance(wait);
        match exchange.token(&CALLER_A, target()).await {
            Ok(exchanged) => {
                assert!(is_success);
                RESPONSE.with_borrow(|response| {
                    assert_token(exchanged.token(), response, &TOKENS[1..]);
                });
                assert!(
                    clock.now().as_secs() < world::NOW + CALLER as u64,
                    "the caller's own token has not expired"
                );
                let requested = REQUESTED.with_borrow(|at| at.expect("the endpoint got a request"));
                let age = requested.elapsed().as_secs_f64();
                if exchanged.source() == TokenSource::Cache {
                    assert!(age < longest, "{age} s of {longest} s");
                }
            }
            Err(error) => {
                error.response();
                let shown = format!("{error} {error:?}");
                assert!(!error.to_string().contains(char::is_control), "{shown}");
                assert!(TOKENS.iter().all(|token| !shown.contains(&**token)));
            }
        }
    }
}

fn assert_token(token: &IssuedToken, response: &Response<Bytes>, refused: &[String]) {
    assert_eq!(response.status(), StatusCode::OK);
    let value = token.authorization();
    assert!(value.is_sensitive());
    let text = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    assert_eq!(text, token.expose());
    let body = text.trim_end_matches('=');
    assert!(!body.is_empty() && text.len() <= 16 * 1024);
    assert!(
        body.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
    );
    assert!(
        refused.iter().all(|refused| refused != text),
        "a token that must not be used"
    );
    assert!(token.lifetime(world::now()) <= DAY);
    if text == TOKENS[0] {
        assert!(token.lifetime(world::now()) <= Duration::from_secs(ISSUED));
    }
    assert!(!format!("{token:?}").contains(text) || text.len() < 16);
    let members = model::members(response.body()).expect("JSON");
    let mut found = members
        .iter()
        .filter(|(name, _)| name == "access_token")
        .map(|(_, raw)| serde_json::from_str::<String>(raw).unwrap());
    assert_eq!((found.next().as_deref(), found.next()), (Some(text), None));
}

/// How long the token of this response may be used from the cache, in seconds.
fn longest_use(body: &[u8]) -> f64 {
    let members = model::members(body).unwrap_or_default();
    let raw = |name: &str| {
        let found = members.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, raw)| *raw)
    };
    // A number beyond the range of a double is a long time.
    let stated: f64 = raw("expires_in").parse().unwrap_or(60.0);
    let own = match serde_json::from_str::<String>(raw("access_token")) {
        Ok(token) if token == TOKENS[0] => ISSUED as f64,
        _ => HOUR,
    };
    stated.min(own).min(CALLER).min(HOUR)
}

fn response(status: u8, media_type: u8, body: Vec<u8>) -> Response<Bytes> {
    let status = match status {
        0..=127 => 200,
        other => [400, 401, 403, 404, 429, 500, 503, 201, 302, 999][usize::from(other) % 10],
    };
    let media_type = match media_type {
        0..=199 => "application/json",
        200..=220 => "application/json;charset=UTF-8",
        _ => "text/html",
    };
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type);
    response.body(body.into()).unwrap()
}
