//! What is wrong with a text that looks like a JWT but cannot be read as one: cut off, or changed
//! on its way.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

const NAMES: [&str; 3] = ["header", "payload", "signature"];

/// Says what is wrong. `None` for a whole JWT, and for a text that does not look like one: an
/// opaque token.
pub(crate) fn of(token: &str) -> Option<String> {
    if !looks_like_jwt(token) {
        return None;
    }
    let segments = Vec::from_iter(token.split('.'));
    let count = segments.len();
    // An encrypted token (JWE), which is opaque here.
    if count == 5 {
        return None;
    }
    let broken = NAMES
        .into_iter()
        .zip(&segments)
        .find_map(|(name, text)| segment(name, text));
    let missing = match count {
        1 => Some("it has no dot: claims and signature are missing".to_owned()),
        2 => Some("it has 2 of 3 segments: the signature is missing".to_owned()),
        3 => None,
        more => Some(format!(
            "it has {more} segments between dots, expected 3: header, claims and signature"
        )),
    };
    let missing = missing.filter(|_| count > 3 || broken.is_none());
    let found = missing.or(broken).or_else(|| signature(&segments))?;
    Some(format!(
        "{found}; copy the token again, whole and unchanged"
    ))
}

/// Whether the header or the claims start as a JSON object does.
fn looks_like_jwt(token: &str) -> bool {
    let starts = |segment: &str| {
        let first = segment
            .get(..4)
            .and_then(|it| URL_SAFE_NO_PAD.decode(it).ok());
        first.is_some_and(|bytes| bytes.starts_with(b"{"))
    };
    let mut segments = token.split('.');
    segments.next().is_some_and(starts)
        || token.matches('.').count() == 2 && segments.next().is_some_and(starts)
}

/// What is wrong with a segment.
fn segment(name: &str, text: &str) -> Option<String> {
    let is_wrong = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if let Some(at) = text.chars().position(is_wrong) {
        let at = at + 1;
        return Some(match text.contains(['+', '/', '=']) {
            true => format!(
                "the {name} is base64 and not base64url: it has `+`, `/` or `=` at character {at}"
            ),
            false => format!("the {name} is not base64url at character {at}"),
        });
    }
    let size = text.len();
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else {
        return Some(format!(
            "the {name} of {size} characters is not base64url: characters are missing or added"
        ));
    };
    if name == "signature" {
        return None;
    }
    let error = serde_json::from_slice::<Map<String, Value>>(&bytes).err()?;
    let at = error.column();
    Some(match error.classify() {
        serde_json::error::Category::Eof => {
            format!("the {name} ends in the middle of its JSON, after {at} bytes")
        }
        serde_json::error::Category::Data => format!("the {name} is not a JSON object"),
        _ => format!("the {name} is not JSON at byte {at}"),
    })
}

/// Whether the signature is shorter than its algorithm makes it.
fn signature(segments: &[&str]) -> Option<String> {
    let [header, _, signature] = segments else {
        return None;
    };
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Map<String, Value> = serde_json::from_slice(&header).ok()?;
    let algorithm = header.get("alg")?.as_str()?;
    let least = match algorithm {
        "ES256" | "EdDSA" | "Ed25519" => 64,
        "ES384" => 96,
        "ES512" => 132,
        "HS256" => 32,
        "HS384" => 48,
        "HS512" => 64,
        // 2048 bits.
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => 256,
        _ => return None,
    };
    let size = URL_SAFE_NO_PAD.decode(signature).ok()?.len();
    (size < least).then(|| {
        format!("the signature has {size} bytes, and one of {algorithm} has {least} or more: its end is missing")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_described() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"ES256"}"#);
        let claims = part(r#"{"sub":"alice","n":1}"#);
        let signature = "A".repeat(86);
        let whole = format!("{header}.{claims}.{signature}");
        for opaque in [
            "",
            "2YotnFZFEjr1zCsicMWpAA",
            "v4.public.AAAA",
            "ya29.a0AfB_by",
            "\u{fffd}",
            &whole,
            &format!("{whole}.x.y"),
        ] {
            assert_eq!(of(opaque), None, "{opaque}");
        }
        for (token, expected) in [
            (header.clone(), "it has no dot"),
            (
                header[..8].to_owned(),
                "the header ends in the middle of its JSON, after 6 bytes",
            ),
            (
                header[..9].to_owned(),
                "the header of 9 characters is not base64url",
            ),
            (format!("{header}.{claims}"), "the signature is missing"),
            (
                format!("{header}.{}", &claims[..12]),
                "the payload ends in the middle",
            ),
            (format!("{whole}.x"), "it has 4 segments"),
            (
                format!("{header}.{claims}.{}", &signature[..43]),
                "the signature has 32 bytes",
            ),
            (format!("{header}.{claims}."), "the signature has 0 bytes"),
            (
                format!("{header}.{}=.{signature}", part("{}")),
                "the payload is base64 and not base64url",
            ),
            (
                format!("{header}.{}\u{e9}.{signature}", part("{}")),
                "at character 4",
            ),
            (
                format!("{header}.{}.{signature}", part("{\"a\" 7}")),
                "the payload is not JSON at byte 6",
            ),
            (
                format!("{header}.{}.{signature}", part("[]")),
                "the payload is not a JSON object",
            ),
            (format!("xxxx{whole}"), "the header is not JSON at byte 1"),
        ] {
            let found = of(&token).unwrap_or_default();
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}
