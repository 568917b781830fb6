//! Any challenge that can be built. It is one line of visible ASCII and reads back as its parts.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use obo::Scope;
use obo::challenge::{BearerError, Challenge, ReceivedChallenge};
use obo::token::ClaimsRequest;

#[derive(Arbitrary, Debug)]
pub struct Input {
    error: Option<u8>,
    scope: Option<String>,
    acr_values: Vec<String>,
    max_age: Option<u64>,
    claims: Option<String>,
}

const ERRORS: [BearerError; 5] = [
    BearerError::InvalidRequest,
    BearerError::InvalidToken,
    BearerError::InsufficientScope,
    BearerError::InsufficientUserAuthentication,
    BearerError::InsufficientClaims,
];

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(input: Input) {
    let error = input
        .error
        .map(|error| ERRORS[usize::from(error) % ERRORS.len()]);
    let scope = input
        .scope
        .as_deref()
        .and_then(Scope::parse)
        .unwrap_or_default();
    let claims = input.claims.as_deref().and_then(ClaimsRequest::parse);
    let acr_values: Vec<_> = input
        .acr_values
        .iter()
        .filter(|value| is_plain(value))
        .cloned()
        .collect();
    let mut challenge = match error {
        Some(error) => Challenge::error(error),
        None => Challenge::bare(),
    };
    challenge = challenge.scope(&scope).acr_values(input.acr_values);
    if let Some(seconds) = input.max_age {
        challenge = challenge.max_age(seconds);
    }
    if let Some(claims) = &claims {
        challenge = challenge.claims(claims);
    }

    let value = challenge.to_header_value();
    let bytes = value.as_bytes();
    assert!(
        bytes
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
    );
    let is_bare = error.is_none() && challenge.needed().is_empty();
    assert_eq!(
        bytes == b"Bearer",
        is_bare,
        "only a challenge without parts is bare"
    );
    if bytes.len() > 16 * 1024 {
        return;
    }
    let mut headers = HeaderMap::new();
    headers.insert(WWW_AUTHENTICATE, value);
    let read = ReceivedChallenge::all(&headers);
    assert_eq!(read.len(), 1);
    let read = &read[0];
    assert_eq!(read.error(), error);
    assert_eq!(read.scope(), Some(&scope).filter(|scope| !scope.is_empty()));
    assert_eq!(read.max_age(), input.max_age);
    assert_eq!(read.claims(), claims.as_ref());
    if acr_values.join(" ").len() <= 1024 {
        assert_eq!(read.acr_values(), acr_values);
    } else {
        assert!(read.acr_values().is_empty());
    }
}

/// Visible ASCII without the characters that a quoted string must escape.
fn is_plain(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    !value.is_empty() && value.chars().all(is_plain)
}
