use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::Body as _;
use obo::refusal::GrpcKind;

use super::pace::Pace;

/// How long an upstream, and a caller who sends to it, may let the other wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// Without a byte, or before the head of the response.
    pub(super) silence: Duration,
    /// Without a byte in a stream: gRPC and server-sent events.
    pub(super) stream: Duration,
    /// The slowest transfer of anything else, in bytes per second.
    pub(super) slowest: u32,
}

impl Timeouts {
    pub(super) const SILENCE: Duration = Duration::from_secs(30);
    pub(super) const STREAM: Duration = Duration::from_secs(300);

    /// Of a caller's request.
    pub(super) fn of_request(self, is_grpc: bool) -> Pace {
        match is_grpc {
            true => Pace::new(self.stream, None),
            false => Pace::new(self.silence, Some(self.slowest)),
        }
    }

    /// Of an upstream's response, which may come slowly where its length is not known before.
    pub(super) fn of_response(self, response: &Response<Body>) -> Pace {
        match response.body().size_hint().exact() {
            _ if is_stream(response.headers()) => Pace::new(self.stream, None),
            Some(_) => Pace::new(self.silence, Some(self.slowest)),
            None => Pace::new(self.silence, None),
        }
    }
}

/// A response whose pieces come whenever there is something to say.
fn is_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let content_type = headers.get(CONTENT_TYPE);
    let start = content_type.and_then(|value| value.as_bytes().get(..EVENTS.len()));
    GrpcKind::of(headers).is_some() || start.is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}
