//! How long an answer is waited for, by a clock that stands still but for jumps to the next timer.
#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// An upstream that is waited for 10 s, reads the request, and answers after `work`.
fn upstream(work: Duration) -> Upstream {
    let client = service_fn(move |request: Request<Body>| async move {
        request.into_body().collect().await?;
        sleep(work).await;
        Ok::<_, BoxError>(Response::new(Body::empty()))
    });
    let client = BoxCloneSyncService::new(client);
    Upstream {
        http1: client.clone(),
        http2: client,
        timeout: 10 * SECOND,
    }
}

/// A request whose pieces come after these pauses.
fn request(pauses: Vec<Duration>) -> Request<Body> {
    let frames = stream::unfold(pauses.into_iter(), |mut pauses| async {
        sleep(pauses.next()?).await;
        let piece = Frame::data(Bytes::from_static(b"piece"));
        Some((Ok::<_, BoxError>(piece), pauses))
    });
    Request::new(Body::new(StreamBody::new(frames)))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_as_long_as_the_request_moves() {
    let request = request(vec![9 * SECOND; 20]);
    let answer = upstream(9 * SECOND).answer(request).await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_nothing_move_is_named() {
    for (pauses, work, is_the_callers, after) in [
        (vec![], 11 * SECOND, false, 10),
        (vec![3 * SECOND], 11 * SECOND, false, 13),
        (vec![11 * SECOND], SECOND, true, 10),
        (vec![3 * SECOND, 11 * SECOND], SECOND, true, 13),
    ] {
        let started = Instant::now();
        let refusal = upstream(work).answer(request(pauses)).await.unwrap_err();
        match refusal {
            Refusal::SlowRequest => assert!(is_the_callers),
            Refusal::Deadline => assert!(!is_the_callers),
            _ => unreachable!("{refusal}"),
        }
        assert_eq!(started.elapsed().as_secs(), after);
    }
}
