//! How long the gateway waits for a response, on a paused clock.
#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// An upstream with a timeout of 10 s that reads the request and responds after `work`.
fn upstream(work: Duration) -> Upstream {
    let client = service_fn(move |request: Request<Body>| async move {
        request.into_body().collect().await?;
        sleep(work).await;
        Ok::<_, BoxError>(Response::new(Body::empty()))
    });
    let client = BoxCloneSyncService::new(client);
    let clients = Clients {
        pooled: client.clone(),
        fresh: client,
    };
    Upstream {
        http1: clients.clone(),
        http2: clients,
        timeouts: Timeouts {
            silence: 10 * SECOND,
            stream: 60 * SECOND,
            slowest: 1,
        },
    }
}

/// A request whose pieces come after these pauses, at more than one byte per second.
fn request(pauses: Vec<Duration>) -> Request<Body> {
    pieces(pauses, b"piece of a request")
}

fn pieces(pauses: Vec<Duration>, piece: &'static [u8]) -> Request<Body> {
    let frames = stream::unfold(pauses.into_iter(), move |mut pauses| async move {
        sleep(pauses.next()?).await;
        let piece = Frame::data(Bytes::from_static(piece));
        Some((Ok::<_, BoxError>(piece), pauses))
    });
    Request::new(Body::new(StreamBody::new(frames)))
}

#[tokio::test(start_paused = true)]
async fn slow_caller_is_named() {
    let started = Instant::now();
    let refusal = upstream(SECOND)
        .send(pieces(vec![3 * SECOND; 1000], b"b"))
        .await;
    assert!(matches!(refusal, Err(Refusal::SlowRequest)));
    assert!(started.elapsed() <= 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn slow_upstream_is_named() {
    let client = service_fn(|request: Request<Body>| async move {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
            sleep(3 * SECOND).await;
        }
        Ok::<_, BoxError>(Response::new(Body::empty()))
    });
    let slow = BoxCloneSyncService::new(client);
    let mut upstream = upstream(SECOND);
    upstream.http1.pooled = slow;
    let started = Instant::now();
    let refusal = upstream
        .send(pieces(vec![Duration::ZERO; 1000], b"b"))
        .await;
    assert!(matches!(refusal, Err(Refusal::Deadline)));
    assert!(started.elapsed() <= 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn response_waits_for_moving_request() {
    let request = request(vec![9 * SECOND; 20]);
    let response = upstream(9 * SECOND).send(request).await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn stalled_side_is_named() {
    for (pauses, work, is_the_callers, after) in [
        (vec![], 11 * SECOND, false, 10),
        (vec![3 * SECOND], 11 * SECOND, false, 13),
        (vec![11 * SECOND], SECOND, true, 10),
        (vec![3 * SECOND, 11 * SECOND], SECOND, true, 13),
    ] {
        let started = Instant::now();
        let refusal = upstream(work).send(request(pauses)).await.unwrap_err();
        match refusal {
            Refusal::SlowRequest => assert!(is_the_callers),
            Refusal::Deadline => assert!(!is_the_callers),
            _ => unreachable!("{refusal}"),
        }
        assert_eq!(started.elapsed().as_secs(), after);
    }
}
