use std::sync::Arc;

use http::header::{Entry, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use obo_core::challenge::with_resource_metadata;

use crate::inbound::protected_resource::ProtectedResource;

/// The URL of the metadata that each `Bearer` or `DPoP` challenge of a response names (RFC 9728
/// section 5.1).
///
/// It is added to the finished response, because a handler's error and a tonic status do not know
/// the layer.
#[derive(Clone, Debug)]
pub(super) struct ResourceMetadata(Arc<str>);

impl ResourceMetadata {
    pub(super) fn of(resource: &ProtectedResource) -> Self {
        Self(resource.url().into())
    }

    /// Adds the parameter where it is missing. Other schemes and other headers stay as they are.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        // Cheaper than `entry`, which reserves room first.
        if !headers.contains_key(WWW_AUTHENTICATE) {
            return;
        }
        if let Entry::Occupied(mut lines) = headers.entry(WWW_AUTHENTICATE) {
            for line in lines.iter_mut() {
                let named = with_resource_metadata(line.as_bytes(), &self.0);
                if let Some(Ok(named)) = named.map(HeaderValue::try_from) {
                    *line = named;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PR-04, BT-14, BT-16
    #[test]
    fn challenge_names_metadata_once() {
        let within = |line: &str| {
            let named = with_resource_metadata(line.as_bytes(), "U")?;
            Some(String::from_utf8(named).unwrap())
        };
        for (line, expected) in [
            ("Bearer", r#"Bearer resource_metadata="U""#),
            ("bearer", r#"bearer resource_metadata="U""#),
            (
                r#"Bearer error="invalid_token""#,
                r#"Bearer resource_metadata="U", error="invalid_token""#,
            ),
            (
                r#"Bearer  realm = "a, Basic b=\"c" , error=x"#,
                r#"Bearer resource_metadata="U",  realm = "a, Basic b=\"c" , error=x"#,
            ),
            (
                r#"Basic realm="x", Bearer, Bearer scope="a b""#,
                r#"Basic realm="x", Bearer resource_metadata="U", Bearer resource_metadata="U", scope="a b""#,
            ),
            (
                r#"Bearer realm="resource_metadata=1""#,
                r#"Bearer resource_metadata="U", realm="resource_metadata=1""#,
            ),
            (
                r#"Bearer, DPoP resource_metadata="V""#,
                r#"Bearer resource_metadata="U", DPoP resource_metadata="V""#,
            ),
            (
                r#"Bearer error="x", dpop algs="ES256""#,
                r#"Bearer resource_metadata="U", error="x", dpop resource_metadata="U", algs="ES256""#,
            ),
            (
                r#"DPoP error="x", algs="Bearer""#,
                r#"DPoP resource_metadata="U", error="x", algs="Bearer""#,
            ),
        ] {
            assert_eq!(within(line).as_deref(), Some(expected), "{line}");
            assert_eq!(within(expected), None, "{expected}");
        }
        for other in [
            "",
            "Basic",
            r#"Basic realm="Bearer""#,
            r#"Basic realm="x, Bearer""#,
            r#"BearerX a="b""#,
            r#"DPoPX error="x", algs="DPoP""#,
            r#"Bearer resource_metadata="V""#,
            r#"Bearer error="x", Resource_Metadata = "V""#,
        ] {
            assert_eq!(within(other), None, "{other}");
        }
    }
}
