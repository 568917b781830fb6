//! A request to a token endpoint as a curl command, with secrets as variables.

use std::fmt::Write as _;

use http::header;

use crate::tap::Call;

/// The parameters that are no secrets. All others become variables.
const SHOWN: [&str; 14] = [
    "actor_token_type",
    "assertion_type",
    "audience",
    "client_assertion_type",
    "client_id",
    "connection",
    "grant_type",
    "issuer",
    "requested_issuer",
    "requested_token_type",
    "requested_token_use",
    "resource",
    "scope",
    "subject_token_type",
];

/// Writes the command. No value of a parameter that is not known as harmless is in it.
pub(crate) fn command(call: &Call) -> String {
    let mut text = format!("curl --request {} {}", call.method, quoted(&call.url));
    if call.headers.contains_key(header::AUTHORIZATION) {
        text.push_str(" \\\n  --user \"$CLIENT_ID:$CLIENT_SECRET\"");
    }
    for (name, value) in form_urlencoded::parse(&call.form) {
        let _ = match SHOWN.contains(&&*name) {
            true => write!(
                text,
                " \\\n  --data-urlencode {}",
                quoted(&format!("{name}={value}"))
            ),
            false => write!(
                text,
                " \\\n  --data-urlencode \"{}=${}\"",
                plain(&name),
                variable(&name)
            ),
        };
    }
    text
}

/// In single quotes, as a shell reads them literally.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A name that a shell reads literally in double quotes.
fn plain(name: &str) -> String {
    name.replace(
        |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c),
        "",
    )
}

fn variable(name: &str) -> String {
    name.to_ascii_uppercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    #[test]
    fn secrets_become_variables() {
        let form = "grant_type=urn%3Ax&subject_token=s3cret-1&client_secret=s3cret-2&audience=it's&$(rm)=s3cret-3";
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Basic s3cret-4"),
        );
        let text = command(&Call {
            method: Method::POST,
            url: "https://idp.example/token".to_owned(),
            headers,
            form: Bytes::from_static(form.as_bytes()),
            dates: None,
            document: None,
        });
        assert!(!text.contains("s3cret"), "{text}");
        for part in [
            "--user \"$CLIENT_ID:$CLIENT_SECRET\"",
            "'grant_type=urn:x'",
            "\"subject_token=$SUBJECT_TOKEN\"",
            "\"client_secret=$CLIENT_SECRET\"",
            r"'audience=it'\''s'",
            "\"rm=$__RM_\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
