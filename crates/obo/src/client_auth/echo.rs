//! What a refusal repeats of the request: servers quote what they could not read, and errors end up in logs (OB-01).

use bytes::Bytes;

use crate::TokenRequest;

/// Parameters that tell nothing secret and help in an error.
const PUBLIC: &[&str] = &[
    "grant_type",
    "subject_token_type",
    "actor_token_type",
    "requested_token_type",
    "requested_token_use",
    "audience",
    "resource",
    "scope",
    "client_id",
    "token_type_hint",
    "client_assertion_type",
    "claims",
];

/// Shorter words are no piece of a token that would be of use to anybody.
const SHORTEST: usize = 8;

/// The body without the secrets of the request, and without words that hold one or are part of one; a body that is no text
/// stays as it is.
pub(super) fn without_echo(request: &TokenRequest, body: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&body) else {
        return body;
    };
    let basic = request
        .authorization()
        .and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic "));
    let secrets: Vec<&str> = request
        .pairs()
        .filter(|(name, _)| !PUBLIC.contains(name))
        .map(|(_, value)| value)
        .chain(request.basic_secret())
        .chain(basic)
        .filter(|secret| secret.len() >= SHORTEST)
        .collect();
    // Whole ones first, as they are and as a form spells them: they may hold what ends a word.
    let text = secrets.iter().fold(text.to_owned(), |text, secret| {
        let spelled: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        text.replace(secret, "[redacted]")
            .replace(&spelled, "[redacted]")
    });
    let is_echo = |word: &str| {
        word.len() >= SHORTEST
            && secrets
                .iter()
                .any(|secret| secret.contains(word) || word.contains(secret))
    };
    text.split_inclusive(|c| !in_word(c))
        .flat_map(|piece| {
            // A full stop after a word, or the dots where it was cut.
            let word = piece.trim_end_matches(|c| !in_word(c) || c == '.');
            let shown = if is_echo(word) { "[redacted]" } else { word };
            [shown, piece.get(word.len()..).unwrap_or_default()]
        })
        .collect::<String>()
        .into()
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &'static str) -> String {
        let mut request = TokenRequest::new("g");
        request.push("subject_token", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl");
        request.push("audience", "service-b-of-the-corp");
        request.push("client_secret", "short");
        let body = without_echo(&request, Bytes::from_static(body.as_bytes()));
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn ob_01_a_token_or_a_piece_of_it_is_taken_out() {
        for (said, shown) in [
            ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "[redacted]"),
            (
                r#"{"d":"bad 'eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl'."}"#,
                r#"{"d":"bad '[redacted]'."}"#,
            ),
            ("token=eyJhbGciOi.eyJz... é", "token=[redacted]... é"),
            ("x.eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "x.[redacted]"),
        ] {
            assert_eq!(told(said), shown);
        }
    }

    #[test]
    fn ob_01_a_secret_of_any_characters_is_taken_out() {
        let secret = crate::Secret::new("abc!def&ghi jkl");
        let mut by_post = TokenRequest::new("g");
        by_post.push("client_secret", secret.expose());
        let mut by_basic = TokenRequest::new("g");
        by_basic.set_basic("service-a", &secret);
        for request in [by_post, by_basic] {
            for said in ["no: abc!def&ghi jkl?", "no: abc%21def%26ghi+jkl?"] {
                let body = without_echo(&request, Bytes::from_static(said.as_bytes()));
                assert_eq!(body, "no: [redacted]?");
            }
        }
    }

    #[test]
    fn everything_else_stays() {
        for same in [
            "",
            "...",
            r#"{"error":"invalid_target","error_description":"service-b-of-the-corp is short, é"}"#,
        ] {
            assert_eq!(told(same), same);
        }
    }
}
