//! What an answer means that no gRPC service made, for a client alone:
//! <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.

use http::{HeaderMap, Response, StatusCode, header};
use obo::refusal::GrpcKind;
use tonic::{Code, Status};

/// The response, or the status of an answer by a proxy or a load balancer (GR-07).
///
/// Its body is no message: read as one, it would be a fault of the protocol, whatever the status says.
pub(crate) fn of_a_service<B>(response: Response<B>) -> Result<Response<B>, Status> {
    if !is_bare(response.status(), response.headers()) {
        return Ok(response);
    }
    let status = response.status();
    let problem = format!("answered by no gRPC service: HTTP {status}");
    Err(Status::new(code(status), problem))
}

/// Whether nothing in it is of gRPC. A service that is called in the same process may leave the content type out.
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
