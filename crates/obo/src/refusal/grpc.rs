//! The only rule for what is gRPC.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The kind of gRPC of a request or response, by its content type.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
/// use obo::refusal::GrpcKind;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc+proto"));
/// assert_eq!(GrpcKind::of(&headers), Some(GrpcKind::Grpc));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcKind {
    /// gRPC, which needs HTTP/2: `application/grpc`, alone or followed by `+` or `;`.
    Grpc,
    /// gRPC-Web, which has its trailers in the body: content types that start with
    /// `application/grpc-web`.
    GrpcWeb,
}

impl GrpcKind {
    /// The kind of a request or response with these headers; `None` if it is not gRPC, such as
    /// `application/grpcx`.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        const GRPC: &[u8] = b"application/grpc";
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let (start, rest) = value.split_at_checked(GRPC.len())?;
        if !start.eq_ignore_ascii_case(GRPC) {
            return None;
        }
        match rest.first() {
            None | Some(b'+' | b';') => Some(Self::Grpc),
            Some(_) if rest.starts_with(b"-web") => Some(Self::GrpcWeb),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn content_type_decides_what_is_grpc() {
        for (content_type, expected) in [
            ("application/grpc", Some(GrpcKind::Grpc)),
            ("Application/gRPC+proto", Some(GrpcKind::Grpc)),
            ("application/grpc;charset=utf-8", Some(GrpcKind::Grpc)),
            ("application/grpc-web", Some(GrpcKind::GrpcWeb)),
            ("application/grpc-web-text+proto", Some(GrpcKind::GrpcWeb)),
            ("application/grpcx", None),
            ("application/grpc/x", None),
            ("application/grpc-x", None),
            ("application/grp", None),
            ("text/application/grpc", None),
        ] {
            let mut headers = HeaderMap::new();
            assert_eq!(GrpcKind::of(&headers), None);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(GrpcKind::of(&headers), expected, "{content_type}");
        }
    }
}
