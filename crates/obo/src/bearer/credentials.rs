use http::{HeaderMap, Uri, header};

use crate::{BearerCredentials, Rejection};

/// The bearer credentials of a request; `None` when there are no credentials, or some of another scheme (BT-10).
pub(super) fn credentials<'r>(
    headers: &'r HeaderMap,
    uri: &Uri,
) -> Result<Option<BearerCredentials<'r>>, Rejection> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Rejection::InvalidRequest("several `Authorization` lines"));
    }
    let Some(found) = BearerCredentials::of_authorization(line.as_bytes()) else {
        return Ok(None);
    };
    if uri.query().is_some_and(has_token) {
        return Err(Rejection::InvalidRequest(
            "a token in the query beside the one in the header",
        ));
    }
    Ok(Some(found))
}

/// A token in the query is never read (RFC 9700 section 4.3.2), only noticed.
fn has_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}
