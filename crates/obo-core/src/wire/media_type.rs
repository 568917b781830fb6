use http::{HeaderMap, header};

/// Whether the content has this media type, with any parameters (RFC 9110 section 8.3.1).
pub fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    essence(headers).is_some_and(|found| found.eq_ignore_ascii_case(media_type))
}

/// Whether the content type is JSON: `application/json`, or an application type that ends in
/// `+json` (RFC 6839 section 3.1).
pub fn is_json(headers: &HeaderMap) -> bool {
    essence(headers).is_some_and(|found| {
        let name = found
            .split_once('/')
            .filter(|(kind, _)| kind.eq_ignore_ascii_case("application"));
        name.is_some_and(|(_, name)| {
            let (start, suffix) = name.rsplit_once('+').unwrap_or(("json", name));
            !start.is_empty() && suffix.eq_ignore_ascii_case("json")
        })
    })
}

/// The media type without parameters.
fn essence(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(content_type: &'static str) -> bool {
        let value = header::HeaderValue::from_static(content_type);
        is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
    }

    #[test]
    fn content_type_decides_json() {
        for good in [
            "application/json",
            "application/json;charset=UTF-8",
            "Application/JSON ; a=b",
            "application/vnd.idp+json",
            "application/problem+JSON; charset=utf-8",
        ] {
            assert!(json(good), "{good}");
        }
        for other in [
            "",
            "text/html",
            "text/json",
            "text/plain; application/json",
            "application/jwt",
            "application/token-introspection+jwt",
            "application/jsonp",
            "application/x-json",
            "application/+json",
            "application/json+x",
            "application",
            "json",
        ] {
            assert!(!json(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
