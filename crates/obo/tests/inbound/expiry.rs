//! Requests whose token expires while they run.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use futures_util::{FutureExt as _, future};
use http::{HeaderMap, Request, Response, header};
use http_body::{Body as _, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use obo::error::TokenError;
use obo::expiry::ExpiryBody;
use obo::time::{Clock, TestClock};
use obo::{BearerAuthLayer, ExpiryLayer, ResourceServer, Trust};
use tokio::time::{Instant, advance, timeout};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::guarded::{INVALID_TOKEN, builder_a, challenges};
use crate::issuer::FakeIssuer;

/// The token's remaining lifetime and the policy's leeway, in seconds.
const LIFE: u64 = 300;
const LEEWAY: u64 = 60;
/// Longer than any stream of a token may continue.
const LONGER: Duration = Duration::from_secs(10 * (LIFE + LEEWAY));
const SECOND: Duration = Duration::from_secs(1);

const GRPC: &str = "application/grpc+proto";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A server and a token that it accepts.
struct Setup {
    server: ResourceServer,
    token: String,
    wall: TestClock,
}

impl Setup {
    async fn new(leeway: u64, expires_at: Option<u64>) -> Self {
        let idp = FakeIssuer::new().await;
        let clock = TestClock::new(Clock::system().now());
        let trust = Trust::new(idp.known()).leeway(Duration::from_secs(leeway));
        let expires_at = expires_at.unwrap_or(clock.now().as_secs() + LIFE);
        let setup = Self {
            server: builder_a(trust).clock(clock.clone()).build().unwrap(),
            wall: clock,
            token: idp.token().claim("exp", expires_at).mint(),
        };
        // With cached keys, only the expiry timer runs.
        setup.server.validate(&setup.token).await.unwrap();
        setup
    }

    fn request(&self, content_type: &str) -> Request<()> {
        let request = anonymous(content_type);
        let (mut parts, ()) = request.into_parts();
        let line = format!("Bearer {}", self.token).parse().unwrap();
        parts.headers.insert(header::AUTHORIZATION, line);
        Request::from_parts(parts, ())
    }

    /// Calls a service inside both layers.
    async fn send<F: Future<Output = Body>>(
        &self,
        request: Request<()>,
        body: impl Fn() -> F + Clone,
    ) -> Response<ExpiryBody<Body>> {
        let inner = service_fn(|_: Request<()>| {
            let body = body();
            async { Ok::<_, Infallible>(Response::new(body.await)) }
        });
        let service = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(self.server.clone()).allow_anonymous())
            .layer(ExpiryLayer::new(self.server.clone()))
            .service(inner);
        let response = timeout(LONGER, service.oneshot(request)).await;
        response.expect("an end").unwrap()
    }

    /// The body of a response that has started.
    async fn stream(&self, request: Request<()>, body: impl Fn() -> Body + Clone) -> Streaming {
        let response = self.send(request, || future::ready(body())).await;
        assert_eq!(response.status(), 200);
        Box::pin(response.into_body())
    }
}

type Streaming = Pin<Box<ExpiryBody<Body>>>;

fn anonymous(content_type: &str) -> Request<()> {
    let request = Request::post("/prices").header(header::CONTENT_TYPE, content_type);
    request.body(()).unwrap()
}

/// One frame, then never another one.
fn quiet() -> Body {
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"first")))]);
    StreamBody::new(first.chain(stream::pending())).boxed_unsync()
}

/// Endless frames.
fn busy() -> Body {
    let frame = || Ok(Frame::data(Bytes::from_static(b"more")));
    StreamBody::new(stream::repeat_with(frame)).boxed_unsync()
}

async fn data(body: &mut Streaming) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

/// Advances to one second before the end, while the stream continues.
async fn last_second(body: &mut Streaming, life: u64) {
    assert_eq!(data(body).await, "first");
    advance(Duration::from_secs(life) - SECOND).await;
    assert!(body.frame().now_or_never().is_none());
}

fn assert_unauthenticated(trailers: &HeaderMap) {
    assert_eq!(trailers["grpc-status"], "16");
    assert_eq!(trailers["grpc-message"], "invalid token");
    assert_eq!(trailers["www-authenticate"], INVALID_TOKEN);
    assert!(trailers.contains_key("grpc-status-details-bin"));
    assert_eq!(trailers.len(), 4);
}

fn assert_expired(body: Option<Result<Frame<Bytes>, obo::error::BoxError>>) {
    let error = body.unwrap().unwrap_err();
    let rejection = error.downcast_ref::<obo::Rejection>().unwrap();
    assert!(matches!(
        rejection,
        obo::Rejection::Token(TokenError::Expired { .. })
    ));
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn grpc_stream_ends_with_trailers() {
    for leeway in [0, LEEWAY] {
        let setup = Setup::new(leeway, None).await;
        let mut body = setup.stream(setup.request(GRPC), quiet).await;
        last_second(&mut body, LIFE + leeway).await;
        advance(SECOND).await;
        let last = body.frame().await.unwrap().unwrap();
        assert_unauthenticated(last.trailers_ref().unwrap());
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn other_stream_breaks_off_at_expiry() {
    let setup = Setup::new(LEEWAY, None).await;
    for other in ["", "text/event-stream", "application/grpc-web-text+proto"] {
        let mut body = setup.stream(setup.request(other), quiet).await;
        last_second(&mut body, LIFE + LEEWAY).await;
        advance(SECOND).await;
        assert_expired(body.frame().await);
        assert!(body.frame().await.is_none());
    }
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn waiting_reader_is_woken_at_expiry() {
    let setup = Setup::new(LEEWAY, None).await;
    let mut body = setup.stream(setup.request(GRPC), quiet).await;
    let start = Instant::now();
    data(&mut body).await;
    let last = timeout(LONGER, body.frame()).await.expect("an end");
    assert_unauthenticated(last.unwrap().unwrap().trailers_ref().unwrap());
    assert_eq!(start.elapsed().as_secs(), LIFE + LEEWAY);
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn busy_stream_ends_at_expiry() {
    let setup = Setup::new(LEEWAY, None).await;
    let mut body = setup.stream(setup.request(""), busy).await;
    for _ in 0..LIFE + LEEWAY {
        assert_eq!(data(&mut body).await, "more");
        advance(SECOND).await;
    }
    assert_expired(body.frame().await);
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn pending_work_is_dropped_at_expiry() {
    let setup = Setup::new(LEEWAY, None).await;
    let held = Arc::new(());
    let holding = || {
        let held = Arc::clone(&held);
        let frames = stream::pending().map(move |frame: Result<Frame<Bytes>, Infallible>| {
            let _ = &held;
            frame
        });
        StreamBody::new(frames).boxed_unsync()
    };
    let mut body = setup.stream(setup.request(""), holding).await;
    assert_eq!(Arc::strong_count(&held), 2);
    assert_expired(body.frame().await);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// GR-02, GR-08
#[tokio::test(start_paused = true)]
async fn late_response_is_rejected() {
    let setup = Setup::new(LEEWAY, None).await;
    let start = Instant::now();
    let response = setup.send(setup.request(""), future::pending::<Body>).await;
    assert_eq!(start.elapsed().as_secs(), LIFE + LEEWAY);
    assert_eq!(response.status(), 401);
    assert_eq!(challenges(&response), [INVALID_TOKEN]);
    let response = setup
        .send(setup.request(GRPC), future::pending::<Body>)
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()[header::CONTENT_TYPE], GRPC);
    assert_eq!(challenges(&response), [INVALID_TOKEN]);
    assert!(response.into_body().is_end_stream());
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn finished_stream_is_unchanged() {
    let setup = Setup::new(LEEWAY, None).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let body = || {
        let frames = [
            Frame::data(Bytes::from_static(b"all")),
            Frame::trailers(trailers.clone()),
        ];
        StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync()
    };
    let streamed = setup.stream(setup.request(GRPC), body).await;
    let collected = streamed.collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "all");
    let whole = || Full::new(Bytes::from_static(b"all")).boxed_unsync();
    let mut body = setup.stream(setup.request(""), whole).await;
    assert_eq!(body.size_hint().exact(), Some(3));
    assert!(!body.is_end_stream());
    assert_eq!(data(&mut body).await, "all");
    assert!(body.is_end_stream());
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn stream_without_expiry_continues() {
    let setup = Setup::new(LEEWAY, Some(1 << 53)).await;
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for request in [anonymous(GRPC), setup.request(GRPC)] {
        let mut body = setup.stream(request, quiet).await;
        data(&mut body).await;
        advance(year).await;
        assert!(body.frame().now_or_never().is_none());
    }
}

/// How often the wall clock is read.
const LOOK: Duration = Duration::from_secs(5);

/// GR-08
#[tokio::test(start_paused = true)]
async fn stream_ends_after_suspend() {
    for body in [quiet, busy] {
        let setup = Setup::new(LEEWAY, None).await;
        let mut body = setup.stream(setup.request(GRPC), body).await;
        data(&mut body).await;
        setup.wall.advance(Duration::from_secs(LIFE + LEEWAY));
        let _ = body.frame().now_or_never();
        advance(LOOK).await;
        let last = timeout(LOOK, body.frame()).await.expect("an end");
        assert_unauthenticated(last.unwrap().unwrap().trailers_ref().unwrap());
    }
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn waiting_reader_wakes_after_suspend() {
    let setup = Setup::new(LEEWAY, None).await;
    let mut body = setup.stream(setup.request(""), quiet).await;
    data(&mut body).await;
    setup.wall.advance(Duration::from_secs(LIFE + LEEWAY));
    let last = timeout(LOOK, body.frame()).await;
    assert_expired(last.expect("an end"));
}

/// GR-02
#[tokio::test(start_paused = true)]
async fn pending_request_ends_after_suspend() {
    let setup = Setup::new(LEEWAY, None).await;
    let wall = setup.wall.clone();
    let sleeping = || {
        let wall = wall.clone();
        async move {
            wall.advance(Duration::from_secs(LIFE + LEEWAY));
            future::pending::<Body>().await
        }
    };
    let start = Instant::now();
    let response = setup.send(setup.request(""), sleeping).await;
    assert_eq!(response.status(), 401);
    assert!(start.elapsed() <= LOOK);
}

/// GR-08
#[tokio::test(start_paused = true)]
async fn clock_set_back_prolongs_no_stream() {
    let setup = Setup::new(LEEWAY, None).await;
    let mut body = setup.stream(setup.request(""), quiet).await;
    data(&mut body).await;
    let early = setup.wall.now().as_secs() - 3600;
    setup.wall.set(obo::time::UnixTime::from_secs(early));
    let start = Instant::now();
    assert_expired(timeout(LONGER, body.frame()).await.expect("an end"));
    assert_eq!(start.elapsed().as_secs(), LIFE + LEEWAY);
}
