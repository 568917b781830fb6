use http::header::{self, HeaderMap, HeaderName};

use super::well_formed::values;

/// Removes the fields of one connection (RFC 9110 section 7.6.1): those that `Connection` names,
/// and those that describe the transfer of this message.
pub(super) fn end_to_end(headers: &mut HeaderMap) {
    let named = values(headers, header::CONNECTION).into_iter();
    let named: Vec<HeaderName> = named.filter_map(|name| name.parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    // `Transfer-Encoding` overrides `Content-Length` (RFC 9112 section 6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    for name in [
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    let is_about_proxies = |name: &&HeaderName| name.as_str().starts_with("proxy-");
    let of_proxies: Vec<_> = headers.keys().filter(is_about_proxies).cloned().collect();
    for name in of_proxies {
        headers.remove(name);
    }
}
