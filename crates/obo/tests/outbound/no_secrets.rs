//! No token, secret or assertion is printed: not by `Debug`, in an error or in a log.

use std::fmt::Debug;
use std::future::ready;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::Request;
use obo::client::{
    Attempt, Authenticating, ClientAssertion, ClientAuth, ClientSecretJwt, ClientSecretPost,
    MacAlgorithm, SigningKey,
};
use obo::error::ExchangeErrorKind;
use obo::policy::Algorithm;
use obo::token_endpoint::TokenRequest;
use obo::{Client, ClientSecretBasic, PrivateKeyJwt, Secret, TokenExchange};
use obo_test_support::Log;
use obo_testkit::{Endpoint, Fault, TestAlg};
use serde_json::json;
use tower::ServiceExt as _;
use tracing_subscriber::filter::LevelFilter;

use crate::setup::{SECRET, Setup, audience, client, issuer, to_b};
use crate::stub::{Stub, json as reply};

/// Long enough not to match by accident, short enough to find a secret that was cut.
const PIECE: usize = 16;

/// Fails if a piece of a secret is in `text`.
fn assert_without(text: &str, secrets: &[&str]) {
    for secret in secrets {
        // The header of a JWT is the same for all tokens of a server and reveals nothing.
        let start = secret.find('.').map_or(0, |dot| dot + 1);
        let secret = &secret.as_bytes()[start..];
        for piece in secret.chunks(PIECE).filter(|piece| piece.len() == PIECE) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!text.contains(piece), "{piece} is in: {text}");
        }
    }
}

fn printed(values: &[&dyn Debug]) -> String {
    let lines = values
        .iter()
        .map(|value| format!("{value:?}\n{value:#?}\n"));
    lines.collect()
}

/// CA-16
#[tokio::test]
async fn debug_shows_no_secret() {
    let setup = Setup::start().await;
    let subject = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&subject).await;
    let pem = obo_testkit::TestKey::generate(TestAlg::Es256).private_pem();
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(&*pem)).unwrap();
    let jwt = PrivateKeyJwt::new(key);
    let by_key = Client::new("service-a", jwt.clone());
    let basic = ClientSecretBasic::new(SECRET);
    let post = ClientSecretPost::new(SECRET);
    let secret = format!("{SECRET}-{SECRET}");
    let mac = ClientSecretJwt::new(MacAlgorithm::Hs256, secret);
    let jwk = obo_testkit::TestKey::generate(TestAlg::Es256).private_jwk("k");
    let scalar = jwk["d"].as_str().unwrap();
    let jwk = SigningKey::from_jwk(Algorithm::Es256, &Secret::new(jwk.to_string())).unwrap();
    let jwk = PrivateKeyJwt::new(jwk);
    let given = Secret::new(&*subject);
    let platform = ClientAssertion::from_fn(move || ready(Ok(given.clone())));

    let exchange = setup.exchange();
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    let exchanged = exchanged.unwrap();
    let issued = exchanged.token().authorization().to_str().unwrap();
    let (service, _) = to_b(&exchange);
    let service = service.on_behalf_of(&caller);
    let call = service.clone().oneshot(Request::new(()));
    let request = obo::token::ExchangeRequest::new(
        &caller,
        obo::destination::Target::from(audience("service-b")),
    );
    let token = exchange.clone().oneshot(request.clone());
    let text = printed(&[
        &by_key,
        &client(),
        &jwt,
        &basic,
        &post,
        &mac,
        &jwk,
        &platform,
        &exchange,
        &exchanged,
        exchanged.token(),
        &service,
        &call,
        &request,
        &token,
        &caller,
    ]);
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_without(&text, &[&subject, issued, SECRET, &body, scalar]);
}

/// TE-09
#[tokio::test]
async fn server_text_is_cut_and_cleaned() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let long = format!("line\r\nx-admin: 1\u{1b}[31m\"{}", "z".repeat(100_000));
    let words = long.clone();
    let stub = Stub::new(&setup, move |_| {
        let body = json!({ "error": "invalid_target\r\nx", "error_description": words });
        ready(reply(400, &body))
    });
    let error = stub.exchange().token(&caller, audience("service-b")).await;
    let error = error.unwrap_err();
    let text = format!("{error}{error:?}{:?}", error.oauth_code());
    assert!(!text.contains(['\r', '\n', '\u{1b}']), "{text}");
    assert!(text.len() < 1500, "{} bytes", text.len());
    for media_type in ["application/json", "application/grpc"] {
        let headers = [(http::header::CONTENT_TYPE, media_type.parse().unwrap())];
        let headers = http::HeaderMap::from_iter(headers);
        let reply = error.response();
        let response = reply.to_response::<()>(&http::Method::POST, &headers);
        let mut text = format!("{response:?}");
        if let Some(details) = response.headers().get("grpc-status-details-bin") {
            let details = STANDARD_NO_PAD.decode(details).unwrap();
            text += &String::from_utf8_lossy(&details);
        }
        let words = ["line", "x-admin", "zzz", "invalid_target"];
        assert!(!words.iter().any(|word| text.contains(word)), "{text}");
    }
}

/// OB-01
#[tokio::test]
async fn echoed_secret_is_redacted() {
    let setup = Setup::start().await;
    let subject = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&subject).await;
    let post = ClientSecretPost::new(SECRET);
    let client = Client::new("service-a", post);
    for (repeated, kind) in [
        (subject.clone(), ExchangeErrorKind::SubjectInvalid),
        (
            format!("cannot parse {subject}: bad"),
            ExchangeErrorKind::SubjectInvalid,
        ),
        (
            format!("wrong secret {SECRET}!"),
            ExchangeErrorKind::SubjectInvalid,
        ),
    ] {
        // Some servers refuse with status 200.
        for status in [400, 200] {
            let repeated = repeated.clone();
            let stub = Stub::new(&setup, move |_| {
                let body = json!({ "error": "invalid_request", "error_description": repeated });
                ready(reply(status, &body))
            });
            let exchange = TokenExchange::builder(stub.server.clone(), client.clone())
                .build()
                .unwrap();
            let error = exchange.token(&caller, audience("service-b")).await;
            let error = error.unwrap_err();
            assert_eq!(error.kind(), kind);
            let source = std::error::Error::source(&error).unwrap();
            let text = format!("{error} {error:?} {source} {source:?}");
            assert_without(&text, &[&subject, SECRET]);
        }
    }
}

const BADGE: &str = "badge-of-an-outsider-0123456789";

/// A method of another crate, whose credential has an unusual name.
#[derive(Debug)]
struct Badge(&'static str);

impl ClientAuth for Badge {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        _: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.push(self.0, BADGE);
        Box::pin(ready(Ok(())))
    }
}

#[tokio::test]
async fn custom_credential_is_redacted() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    for name in ["badge", "client_id", "claims", "audience", "scope"] {
        for status in [400, 200] {
            let stub = Stub::new(&setup, move |_| {
                let words = format!("unknown client {BADGE}, {name}");
                let body = json!({ "error": "invalid_client", "error_description": words });
                ready(reply(status, &body))
            });
            let client = Client::new("service-a", Badge(name));
            let exchange = TokenExchange::builder(stub.server.clone(), client)
                .build()
                .unwrap();
            let error = exchange.token(&caller, audience("service-b")).await;
            let error = error.unwrap_err();
            let source = std::error::Error::source(&error).unwrap();
            let text = format!("{error} {error:?} {source} {source:?}");
            assert!(!text.contains(&BADGE[..10]), "{text}");
            if status == 400 {
                assert!(text.contains("unknown client [redacted]"), "{text}");
            }
        }
    }
}

/// OB-01, TX-18
#[tokio::test]
async fn logs_hold_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    // For all threads: logs of other tests of this process must not contain a secret either.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let setup = Setup::start().await;
    let subject = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&subject).await;
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    setup.idp.client("service-a").jwk(key.public_jwk("k"));
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(key.private_pem())).unwrap();
    let by_key = Client::new("service-a", PrivateKeyJwt::new(key));
    let refresh = "a-refresh-token-that-was-not-requested";
    let merged = json!({ "refresh_token": refresh });
    setup.idp.fault(Endpoint::Token, Fault::Merge(merged));
    let basic = STANDARD.encode(SECRET);
    let mut secrets = vec![subject, SECRET.to_owned(), basic, refresh.to_owned()];
    for client in [client(), by_key] {
        let (service, downstream) = to_b(
            &TokenExchange::builder(issuer(&setup.idp), client)
                .build()
                .unwrap(),
        );
        let service = service.on_behalf_of(&caller);
        setup.idp.fault_once(Endpoint::Token, Fault::Status(400));
        service.clone().oneshot(Request::new(())).await.unwrap_err();
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        tokio::time::resume();
        service.oneshot(Request::new(())).await.unwrap();
        let issued = downstream.authorization();
        secrets.push(issued.to_str().unwrap().to_owned());
        let asked = setup.asked();
        secrets.extend(asked.param("client_assertion").map(str::to_owned));
        let basic = asked.headers.get("authorization");
        secrets.extend(basic.map(|value| value.to_str().unwrap().to_owned()));
    }

    let text = log.text();
    assert!(text.contains("token exchanged") && text.contains("token not exchanged"));
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    assert_without(&text, &secrets);
}
