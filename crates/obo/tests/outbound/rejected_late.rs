//! The called service rejects the token at the end of a gRPC response.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use obo::Destination;
use obo::exchange::TokenSource;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::setup::{Setup, URI_OF_B, audience};

/// Frames that come one by one.
#[derive(Clone, Debug)]
struct Frames(VecDeque<Sent>);

#[derive(Clone, Debug)]
enum Sent {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|sent| {
            Ok(match sent {
                Sent::Data(data) => Frame::data(data),
                Sent::Trailers(trailers) => Frame::trailers(trailers),
            })
        }))
    }
}

fn trailers(code: &'static str) -> Sent {
    let name = http::HeaderName::from_static("grpc-status");
    Sent::Trailers(HeaderMap::from_iter([(
        name,
        http::HeaderValue::from_static(code),
    )]))
}

/// A message and trailers as a gRPC-Web body has them.
fn web(trailers: &str) -> Bytes {
    let mut body = BytesMut::from(&b"\0\0\0\0\x03abc\x80\0\0\0"[..]);
    body.extend([u8::try_from(trailers.len()).unwrap()]);
    body.extend(trailers.as_bytes());
    body.freeze()
}

fn bytewise(bytes: Bytes) -> Vec<Sent> {
    let slices = (0..bytes.len()).map(|at| Sent::Data(bytes.slice(at..=at)));
    slices.collect()
}

fn text(bytes: &Bytes) -> Bytes {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .encode(bytes)
        .into()
}

/// The source of the token of the second of two calls. The first gets this response, which is
/// passed on unchanged.
async fn second(setup: &Setup, content_type: Option<&'static str>, sent: Vec<Sent>) -> TokenSource {
    let alice = setup.caller("alice").await;
    let responses = Arc::new(Mutex::new(VecDeque::from([sent.clone()])));
    let inner = service_fn(move |_: Request<()>| {
        let frames = responses.lock().unwrap().pop_front().unwrap_or_default();
        let mut response = Response::new(Frames(frames.into()));
        if let Some(content_type) = content_type {
            let value = content_type.parse().unwrap();
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        async { Ok::<_, Infallible>(response) }
    });
    let to_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let service = setup
        .exchange()
        .to_destination(to_b)
        .unwrap()
        .layer(inner)
        .on_behalf_of(&alice);
    let request = || Request::post(format!("{URI_OF_B}/s.S/M")).body(()).unwrap();
    let first = service.clone().oneshot(request()).await.unwrap();
    let whole = first.into_body().collect().await.unwrap();
    let expected = Frames(sent.into()).collect().await.unwrap();
    assert_eq!(whole.trailers(), expected.trailers());
    assert_eq!(whole.to_bytes(), expected.to_bytes());
    let second = service.oneshot(request()).await.unwrap();
    *second.extensions().get().unwrap()
}

/// GR-10
#[tokio::test]
async fn trailers_reject_a_token() {
    let setup = Setup::start().await;
    let message = || Sent::Data(Bytes::from_static(b"\0\0\0\0\0"));
    for (content_type, sent, expected) in [
        (None, vec![trailers("16")], TokenSource::Exchange),
        (
            Some("application/grpc"),
            vec![trailers("16")],
            TokenSource::Exchange,
        ),
        (
            Some("Application/gRPC+proto"),
            vec![message(), trailers("16")],
            TokenSource::Exchange,
        ),
        (
            Some("application/grpc;x=y"),
            vec![trailers("16")],
            TokenSource::Exchange,
        ),
        (
            Some("application/grpc"),
            vec![message(), trailers("0")],
            TokenSource::Cache,
        ),
        (
            Some("application/grpc"),
            vec![message(), trailers("7")],
            TokenSource::Cache,
        ),
        (
            Some("application/grpc"),
            vec![message()],
            TokenSource::Cache,
        ),
        (Some("text/plain"), vec![trailers("16")], TokenSource::Cache),
    ] {
        let case = format!("{content_type:?} {sent:?}");
        let source = second(&setup, content_type, sent).await;
        assert_eq!(source, expected, "{case}");
    }
}

/// GR-10
#[tokio::test]
async fn web_frames_reject_a_token() {
    let setup = Setup::start().await;
    let (yes, no) = (web("grpc-status:16\r\n"), web("grpc-status:0\r\n"));
    for (content_type, sent, expected) in [
        (
            "application/grpc-web",
            vec![Sent::Data(yes.clone())],
            TokenSource::Exchange,
        ),
        (
            "application/grpc-web+proto",
            bytewise(yes.clone()),
            TokenSource::Exchange,
        ),
        (
            "application/grpc-web-text",
            bytewise(text(&yes)),
            TokenSource::Exchange,
        ),
        (
            "application/grpc-web-text+proto",
            vec![Sent::Data(text(&yes))],
            TokenSource::Exchange,
        ),
        (
            "application/grpc-web",
            vec![trailers("16")],
            TokenSource::Exchange,
        ),
        (
            "application/grpc-web",
            bytewise(no.clone()),
            TokenSource::Cache,
        ),
        (
            "application/grpc-web-text",
            vec![Sent::Data(text(&no))],
            TokenSource::Cache,
        ),
        (
            "application/grpc",
            vec![Sent::Data(yes.clone())],
            TokenSource::Cache,
        ),
        (
            "application/json",
            vec![Sent::Data(yes)],
            TokenSource::Cache,
        ),
    ] {
        let source = second(&setup, Some(content_type), sent).await;
        assert_eq!(source, expected, "{content_type}");
    }
}

#[tokio::test]
async fn trailer_rejections_cause_no_storm() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Frames([trailers("16")].into())))
    });
    let to_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let service = setup
        .exchange()
        .to_destination(to_b)
        .unwrap()
        .layer(inner)
        .on_behalf_of(&alice);
    for _ in 0..20 {
        let called = service.clone().oneshot(Request::new(())).await.unwrap();
        called.into_body().collect().await.unwrap();
    }
    assert_eq!(setup.idp.token_requests(), 2);
}

#[tokio::test]
async fn any_type_can_be_a_body() {
    let setup = Setup::start().await;
    let alice = setup.caller("alice").await;
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(7)) });
    let to_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let service = setup
        .exchange()
        .to_destination(to_b)
        .unwrap()
        .layer(inner)
        .on_behalf_of(&alice);
    let mut body = service.oneshot(Request::new(())).await.unwrap().into_body();
    *body.get_mut() += 1;
    assert_eq!((*body.get_ref(), body.into_inner()), (8, 8));
}
