use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body::Body as _;
use obo::refusal::GrpcKind;

use super::pace::Pace;

/// How long an upstream and its caller may stall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// The time without a byte, or before the head of the response.
    pub(super) silence: Duration,
    /// The time without a byte in a stream: gRPC and server-sent events.
    pub(super) stream: Duration,
    /// The slowest transfer of anything but a stream, in bytes per second.
    pub(super) slowest: u32,
}

impl Timeouts {
    pub(super) const SILENCE: Duration = Duration::from_secs(30);
    pub(super) const STREAM: Duration = Duration::from_secs(300);

    /// The pace of a caller's request.
    pub(super) fn of_request(self, is_grpc: bool) -> Pace {
        match is_grpc {
            true => Pace::new(self.stream, None),
            false => Pace::new(self.silence, Some(self.slowest)),
        }
    }

    /// The pace of an upstream's response. A response of unknown length may be slow.
    pub(super) fn of_response(self, response: &Response<Body>) -> Pace {
        match response.body().size_hint().exact() {
            _ if is_stream(response.headers()) => Pace::new(self.stream, None),
            Some(_) => Pace::new(self.silence, Some(self.slowest)),
            None => Pace::new(self.silence, None),
        }
    }
}

/// Whether a response is a stream of messages, which may pause.
fn is_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let content_type = headers.get(CONTENT_TYPE);
    let start = content_type.and_then(|value| value.as_bytes().get(..EVENTS.len()));
    GrpcKind::of(headers).is_some() || start.is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}
