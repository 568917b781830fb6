//! Statuses for HTTP responses that did not come from a gRPC service:
//! <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.

use http::{HeaderMap, Response, StatusCode, header};
use obo::refusal::GrpcKind;
use tonic::{Code, Status};

/// Returns the response of a gRPC service, or the status of a response from a proxy or a load
/// balancer.
///
/// The body of the latter is not a gRPC message. To parse it would fail as a protocol error,
/// whatever its status is.
pub(crate) fn grpc_response<B>(response: Response<B>) -> Result<Response<B>, Status> {
    if !is_bare(response.status(), response.headers()) {
        return Ok(response);
    }
    let status = response.status();
    let problem = format!("the response is not gRPC: HTTP {status}");
    Err(Status::new(code(status), problem))
}

/// Whether the response has no sign of gRPC. A service in the same process may omit the content
/// type.
fn is_bare(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_grpc = match headers.contains_key(header::CONTENT_TYPE) {
        true => GrpcKind::of(headers).is_some(),
        false => status == StatusCode::OK,
    };
    !is_grpc && !headers.contains_key("grpc-status")
}

fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    }
}
