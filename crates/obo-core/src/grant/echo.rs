//! Removes secrets that a response repeats: servers quote what they cannot read, and errors end up
//! in logs.

use crate::secret::Secret;

/// A shorter part of a secret is of no use to an attacker.
const SHORTEST: usize = 8;
/// A shorter secret is not removed: it could be any word, even a part of the JSON.
const SHORTEST_SECRET: usize = 6;

/// Removes these secrets, and the words that contain one or are part of one.
pub(crate) fn without_echo<'a>(secrets: impl IntoIterator<Item = &'a str>, text: &str) -> String {
    let secrets = secrets.into_iter();
    let secrets: Vec<&str> = secrets.filter(|it| it.len() >= SHORTEST_SECRET).collect();
    // Complete secrets first, in each spelling: they may contain the end of a word.
    let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
    let text = long
        .flat_map(|secret| spellings(secret))
        .fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose(), "[redacted]")
        });
    let is_echo = |word: &str| {
        secrets.iter().any(|secret| {
            let is_piece = secret.contains(word) || word.contains(secret);
            word == *secret || word.len() >= SHORTEST && secret.len() >= SHORTEST && is_piece
        })
    };
    text.split_inclusive(|c| !in_word(c))
        .flat_map(|piece| {
            // A full stop after a word, or the dots where the server has cut it.
            let word = piece.trim_end_matches(|c| !in_word(c) || c == '.');
            let shown = if is_echo(word) { "[redacted]" } else { word };
            [shown, piece.get(word.len()..).unwrap_or_default()]
        })
        .collect()
}

/// The secret itself, as in a form or a URL, and as JSON encoders escape it.
fn spellings(secret: &str) -> impl Iterator<Item = Secret> {
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = serde_json::Value::from(secret).to_string();
    let json = quoted.trim_matches('"').to_owned();
    let escaped = |characters: &[char]| {
        let escape =
            |text: String, c: &char| text.replace(*c, &format!("\\u{:04x}", u32::from(*c)));
        characters.iter().fold(json.clone(), escape)
    };
    [
        secret.to_owned(),
        form.replace('+', "%20"),
        form,
        json.replace('/', "\\/"),
        escaped(&['&', '<', '>']),
        escaped(&['&', '<', '>', '\'', '+', '=']),
        json,
    ]
    .into_iter()
    .map(Secret::new)
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::token_request::TokenRequest;

    fn without_secrets(body: &'static str) -> String {
        let mut request = TokenRequest::new("g");
        request.push("subject_token", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl");
        request.push_public("audience", "service-b-of-the-corp");
        request.push("client_secret", "short");
        without_echo(request.secrets(), body)
    }

    /// OB-01
    #[test]
    fn token_and_its_parts_are_redacted() {
        for (body_text, shown) in [
            ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "[redacted]"),
            (
                r#"{"d":"bad 'eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl'."}"#,
                r#"{"d":"bad '[redacted]'."}"#,
            ),
            ("token=eyJhbGciOi.eyJz... é", "token=[redacted]... é"),
            ("x.eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "x.[redacted]"),
        ] {
            assert_eq!(without_secrets(body_text), shown);
        }
    }

    /// OB-01
    #[test]
    fn any_secret_is_redacted() {
        let secret = Secret::new("abc!def&ghi jkl");
        let mut by_post = TokenRequest::new("g");
        by_post.push("client_secret", secret.expose());
        let mut by_basic = TokenRequest::new("g");
        by_basic.set_basic("service-a", &secret);
        for request in [by_post, by_basic] {
            for body_text in [
                "no: abc!def&ghi jkl?",
                "no: abc%21def%26ghi+jkl?",
                "no: abc%21def%26ghi%20jkl?",
                r"no: abc!def\u0026ghi jkl?",
            ] {
                let body = without_echo(request.secrets(), body_text);
                assert_eq!(body, "no: [redacted]?");
            }
        }
    }

    #[test]
    fn short_secret_is_redacted_as_word() {
        let mut request = TokenRequest::new("g");
        request.push("badge", "s3cret");
        request.set_basic("a", &Secret::new("hunter2"));
        let body_text = r#"{"d":"no 's3cret', s3crets, hunter2."}"#;
        let body = without_echo(request.secrets(), body_text);
        assert_eq!(body, r#"{"d":"no '[redacted]', s3crets, [redacted]."}"#);
    }

    #[test]
    fn parameter_of_any_name_is_redacted() {
        for name in ["client_id", "claims", "audience", "api_key"] {
            let mut request = TokenRequest::new("g");
            request.push(name, "a-key-of-an-outsider");
            let body_text = "bad a-key-of-an-outsider";
            let body = without_echo(request.secrets(), body_text);
            assert_eq!(body, "bad [redacted]", "{name}");
        }
    }

    #[test]
    fn other_text_is_kept() {
        for same in [
            "",
            "...",
            r#"{"error":"invalid_target","error_description":"service-b-of-the-corp is short, é"}"#,
        ] {
            assert_eq!(without_secrets(same), same);
        }
    }
}
