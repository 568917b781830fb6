//! What the trailers of a gRPC response say about the proof, and the last frame of gRPC-Web.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use obo::Destination;
use obo::exchange::TokenSource;
use obo_test_support::Log;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::dpop_tokens::{bound_b, new_key};
use crate::setup::{Setup, URI_OF_B, audience};

const NONCE: &str = "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"";
const PROOF: &str = "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"";
const TOKEN: &str = "DPoP error=\"invalid_token\", algs=\"ES256\"";

fn trailers(status: &'static str, challenge: &'static str) -> HeaderMap {
    let mut fields = vec![
        ("grpc-status", status),
        ("dpop-nonce", "n1"),
        ("x-own", "kept"),
    ];
    fields.extend((!challenge.is_empty()).then_some(("www-authenticate", challenge)));
    let fields = fields.into_iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    fields.collect()
}

fn nonce(request: &HeaderMap) -> Option<String> {
    let proof = request.get("dpop")?.to_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(proof.split('.').nth(1)?).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    Some(claims.get("nonce")?.as_str()?.to_owned())
}

/// How a response ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Trailers,
    WebFrame,
    WebText,
}

/// The first response, with a message.
fn response(end: End, trailers: HeaderMap) -> Response<FullBody> {
    let message = b"\0\0\0\0\0";
    let lines = trailers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        format!("{name}: {value}\r\n")
    });
    let lines = lines.collect::<String>();
    let length = u32::try_from(lines.len()).unwrap().to_be_bytes();
    let body = [&message[..], &[0x80], &length, lines.as_bytes()].concat();
    let (content_type, frames) = match end {
        End::Trailers => (
            "application/grpc",
            vec![
                Frame::data(Bytes::from_static(message)),
                Frame::trailers(trailers),
            ],
        ),
        End::WebFrame => ("application/grpc-web+proto", vec![Frame::data(body.into())]),
        End::WebText => {
            let text = STANDARD.encode(body).into();
            ("application/grpc-web-text", vec![Frame::data(text)])
        }
    };
    let frames = frames.into_iter().map(Ok::<_, Infallible>);
    let body = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
    let response = Response::builder().header("content-type", content_type);
    response.body(body).unwrap()
}

type FullBody =
    StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// Calls twice, the first time with this end: the source of the second token, and its nonce.
async fn second(to: Destination, end: End, sent: HeaderMap) -> (TokenSource, Option<String>) {
    let setup = Setup::start().await;
    let exchange = setup.builder().dpop(new_key().1).build().unwrap();
    let responses = Arc::new(Mutex::new(VecDeque::from([sent.clone()])));
    let received = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&received);
    let inner = service_fn(move |request: Request<()>| {
        requests.lock().unwrap().push(request.headers().clone());
        let trailers = responses.lock().unwrap().pop_front().unwrap_or_default();
        let response = response(end, trailers);
        async { Ok::<_, Infallible>(response) }
    });
    let service = exchange.to_destination(to).unwrap().layer(inner);
    let service = service.on_behalf_of(&setup.caller("alice").await);
    let request = || Request::post(format!("{URI_OF_B}/s.S/M")).body(()).unwrap();
    let first = service.clone().oneshot(request()).await.unwrap();
    let whole = first.into_body().collect().await.unwrap();
    let mut expected = sent.clone();
    expected.remove("dpop-nonce");
    let passed = match end {
        End::Trailers => {
            assert_eq!(whole.trailers(), Some(&expected));
            Bytes::from_static(b"\0\0\0\0\0")
        }
        // Its frames are not changed.
        End::WebFrame | End::WebText => {
            let same = response(end, sent).into_body().collect().await;
            same.unwrap().to_bytes()
        }
    };
    assert_eq!(whole.to_bytes(), passed);
    let second = service.oneshot(request()).await.unwrap();
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 2, "no request is repeated");
    (*second.extensions().get().unwrap(), nonce(&received[1]))
}

/// DP-14, DP-20, DP-21, GR-10
#[tokio::test]
async fn trailers_evict_only_wrong_tokens() {
    for (status, challenge, expected) in [
        ("16", NONCE, TokenSource::Cache),
        ("16", PROOF, TokenSource::Cache),
        ("16", TOKEN, TokenSource::Exchange),
        ("16", "", TokenSource::Exchange),
        ("7", NONCE, TokenSource::Cache),
        ("0", "", TokenSource::Cache),
    ] {
        for end in [End::Trailers, End::WebFrame, End::WebText] {
            let (log, _guard) = Log::capture();
            let (source, nonce) = second(bound_b(), end, trailers(status, challenge)).await;
            let logged = log.lines("called service refused the proof").len();
            assert_eq!(logged, usize::from(challenge == PROOF), "{end:?} {status}");
            assert_eq!(source, expected, "{end:?} {status} {challenge}");
            assert_eq!(nonce.as_deref(), Some("n1"), "{end:?} {status} {challenge}");
        }
    }
}

/// DP-19
#[tokio::test]
async fn bearer_call_ignores_late_demands() {
    for end in [End::Trailers, End::WebFrame] {
        let to_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
        let (source, nonce) = second(to_b, end, trailers("16", NONCE)).await;
        assert_eq!((source, nonce), (TokenSource::Exchange, None));
    }
}
