use http::{HeaderMap, Uri, header};
use obo_core::{BearerCredentials, TokenScheme};

use crate::refusal::rejection::Rejection;

/// Returns the credentials of a request with their scheme; `None` without credentials, and with
/// those of a scheme that is not accepted.
pub(super) fn credentials<'r>(
    headers: &'r HeaderMap,
    uri: &Uri,
    accepts_dpop: bool,
) -> Result<Option<(TokenScheme, BearerCredentials<'r>)>, Rejection> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Rejection::InvalidRequest("several `Authorization` headers"));
    }
    let found = BearerCredentials::with_scheme(line.as_bytes());
    let Some(found) = found.filter(|(scheme, _)| accepts_dpop || *scheme == TokenScheme::Bearer)
    else {
        return Ok(None);
    };
    if uri.query().is_some_and(has_token) {
        return Err(Rejection::InvalidRequest(
            "a token both in the query and in the header",
        ));
    }
    Ok(Some(found))
}

/// The schemes of the IANA HTTP Authentication Scheme Registry. Only these are logged by name: any
/// other first word of the header may be a token.
const SCHEMES: &str = "Basic Concealed Digest DPoP GNAP HOBA Mutual Negotiate NTLM PrivateToken";

/// Returns why a request without [`credentials`] is refused: no credentials, or those of another
/// scheme.
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

/// Whether the query has a token. It is never used (RFC 9700 section 4.3.2).
fn has_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}
