use http::{HeaderMap, Uri, header};
use obo_core::BearerCredentials;

use crate::refusal::rejection::Rejection;

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

/// Schemes by their names (IANA HTTP Authentication Scheme Registry). What a request has in a scheme's place may be a token.
const SCHEMES: &str = "Basic Concealed Digest DPoP GNAP HOBA Mutual Negotiate NTLM PrivateToken";

/// Why a request without [`credentials`] is refused: it has none at all, or those of another scheme.
pub(super) fn absent(headers: &HeaderMap) -> Rejection {
    let line = headers.get(header::AUTHORIZATION);
    let line = line.map(|line| line.as_bytes().trim_ascii());
    let Some(line) = line.filter(|line| !line.is_empty()) else {
        return Rejection::MissingCredentials;
    };
    let scheme = line.split(|b| *b == b' ').next().unwrap_or_default();
    let is_it = |known: &&str| scheme.eq_ignore_ascii_case(known.as_bytes());
    match SCHEMES.split(' ').find(is_it) {
        Some(known) => Rejection::OtherScheme(known),
        None if scheme.len() == line.len() => Rejection::OtherScheme("no scheme"),
        None => Rejection::OtherScheme("an unknown scheme"),
    }
}

/// A token in the query is never read (RFC 9700 section 4.3.2), only noticed.
fn has_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}
