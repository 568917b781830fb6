use axum::extract::Request;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Uri;
use http::{Request as HttpRequest, Version};
use http_body::Body as _;
use obo::binding::PeerAddress;

use super::caller_headers::CallerHeaders;
use super::deadline::Deadline;
use super::end_to_end::end_to_end;
use super::protocol::needs_http2;

/// Turns a caller's request into one of the gateway to `uri`, still without a token.
pub(super) fn to_upstream(uri: Uri, request: Request, claims: &CallerHeaders) -> Request {
    let (parts, body) = request.into_parts();
    let mut headers: HeaderMap = parts.headers;
    let has_length = headers.contains_key(header::CONTENT_LENGTH);
    end_to_end(&mut headers);
    // The caller's token is never forwarded. `OnBehalfOf` would replace it as well.
    headers.remove(header::AUTHORIZATION);
    // The HTTP client sets it to the host of `uri`.
    headers.remove(header::HOST);
    let peer = parts.extensions.get().map(|PeerAddress(peer)| *peer);
    claims.apply(&mut headers, peer);
    // The length of the body as it was received, not as the caller states it.
    headers.remove(header::CONTENT_LENGTH);
    if let Some(length) = body.size_hint().exact().filter(|_| has_length) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let has_unknown_length = body.size_hint().exact().is_none() && !body.is_end_stream();
    if needs_http2(&parts.method, &headers) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    } else {
        // Without it, the HTTP client drops the body of a GET of unknown length.
        if has_unknown_length {
            headers.insert(
                header::TRANSFER_ENCODING,
                HeaderValue::from_static("chunked"),
            );
        }
        one_line_of_cookies(&mut headers);
    }
    // RFC 9110 section 7.6.3.
    let via = match parts.version {
        Version::HTTP_2 => "2.0 obo-gateway",
        Version::HTTP_10 => "1.0 obo-gateway",
        _ => "1.1 obo-gateway",
    };
    headers.append(header::VIA, HeaderValue::from_static(via));
    let mut sent = HttpRequest::new(body);
    *sent.method_mut() = parts.method;
    *sent.uri_mut() = uri;
    *sent.headers_mut() = headers;
    if let Some(deadline) = parts.extensions.get::<Deadline>() {
        sent.extensions_mut().insert(*deadline);
    }
    sent
}

/// Joins cookies into one line: separate lines are allowed in HTTP/2 only (RFC 9113 section 8.2.3).
fn one_line_of_cookies(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let lines: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, line);
    }
}
