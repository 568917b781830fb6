//! Any `WWW-Authenticate` lines of another service. A newline separates lines.
//!
//! What is read is within bounds. A challenge that is built from it reads back as the same. A line
//! reads the same next to a challenge of another scheme.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use obo::challenge::{BearerError, ReceivedChallenge};

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let together = read(&lines);
    let apart: Vec<_> = lines
        .iter()
        .flat_map(|line| read(std::slice::from_ref(line)))
        .collect();
    assert_eq!(together, apart, "lines do not affect each other");
    for line in &lines {
        assert_line(line);
    }
}

fn assert_line(line: &HeaderValue) {
    let read_alone = read(std::slice::from_ref(line));
    assert!(read_alone.len() <= 16 && (line.len() <= 16 * 1024 || read_alone.is_empty()));
    for challenge in &read_alone {
        assert_challenge(challenge, line.as_bytes());
    }
    // A line with a challenge is well-formed.
    if read_alone.is_empty() || read_alone.len() == 16 || line.len() > 16 * 1024 - 64 {
        return;
    }
    let extended = |before: &[u8], after: &[u8]| {
        HeaderValue::from_bytes(&[before, line.as_bytes(), after].concat()).unwrap()
    };
    // Sixteen challenges is the limit. The line may have 15 of other schemes already.
    let others = [
        extended(b"Basic realm=\"a, Bearer b\", ", b""),
        extended(b"", b" , , Basic realm=\"\\\"\""),
    ];
    for other in others {
        let with_other = read(&[other]);
        assert!(with_other == read_alone || with_other.is_empty() && commas(line) >= 15);
    }
    // Nothing of a line with a malformed part is used.
    for malformed in [
        &b", Bearer error=\""[..],
        b", Bearer a b",
        b", Bearer a=b c=d",
        b", \"\"",
    ] {
        assert!(read(&[extended(b"", malformed)]).is_empty());
    }
}

fn commas(line: &HeaderValue) -> usize {
    line.as_bytes().iter().filter(|byte| **byte == b',').count()
}

fn assert_challenge(challenge: &ReceivedChallenge, line: &[u8]) {
    let acr_values = challenge.acr_values().join(" ");
    assert!(acr_values.len() <= 1024);
    let is_plain = |text: &str| {
        text.bytes()
            .all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
    };
    assert!(is_plain(&acr_values));
    assert!(
        challenge
            .scope()
            .is_none_or(|scope| is_plain(&scope.to_string()))
    );
    assert!(
        challenge
            .claims()
            .is_none_or(|claims| claims.as_json().len() <= 2048)
    );
    assert!(
        challenge
            .resource_metadata()
            .is_none_or(|url| url.len() <= 2048)
    );
    if let Some(error) = challenge.error() {
        let code = error.code().as_bytes();
        let unescaped: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\\').collect();
        assert!(
            unescaped.windows(code.len()).any(|part| part == code),
            "the error code stands in the line"
        );
    }
    let Some(own) = challenge.step_up() else {
        return;
    };
    let value = own.to_header_value();
    assert!(
        value
            .as_bytes()
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~'))
    );
    let again = read(&[value]);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].step_up(), Some(own));
    let steps_up = [
        BearerError::InsufficientUserAuthentication,
        BearerError::InsufficientClaims,
    ];
    assert!(
        challenge
            .error()
            .is_some_and(|error| steps_up.contains(&error))
    );
}

fn read(lines: &[HeaderValue]) -> Vec<ReceivedChallenge> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(WWW_AUTHENTICATE, line.clone());
    }
    ReceivedChallenge::all(&headers)
}
