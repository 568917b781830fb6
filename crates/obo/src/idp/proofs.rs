//! Proofs of this service's own requests (DPoP, RFC 9449), and the nonces for them.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use obo_core::binding::dpop::NewProof;
use obo_core::{ErrorClass, TokenEndpointError, UnixTime};
use quick_cache::sync::Cache;

use crate::idp::client_auth::{ProofSigner, Proving};
use crate::random;

/// The header with the proof of a request.
pub(crate) static DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header with the nonce that a server demands.
pub(crate) static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// How many origins have a nonce here.
const ORIGINS: usize = 1024;
/// The longest nonce, in bytes.
const MAX_NONCE: usize = 256;

/// The newest nonce of each origin. The nonces of authorization servers and those of services are
/// kept apart, even if both are at one origin.
pub(crate) struct Nonces(Cache<Box<str>, Arc<str>>);

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self(Cache::new(ORIGINS))
    }

    /// Keeps the nonce of a response, if it has a usable one.
    pub(crate) fn keep(&self, url: &str, headers: &HeaderMap) {
        let Some(nonce) = nonce(headers) else { return };
        let origin = origin(url);
        let known = self.0.get(origin);
        if known.is_none_or(|known| *known != *nonce) {
            self.0.insert(origin.into(), nonce.into());
        }
    }

    /// A new proof for one request, with the newest nonce of its origin.
    pub(crate) fn prove(
        &self,
        signer: &ProofSigner,
        method: &str,
        url: &str,
        token: Option<&str>,
        now: UnixTime,
    ) -> Result<Proving, TokenEndpointError> {
        let jti = random::token_id().ok_or_else(|| {
            let problem = "the operating system provides no random bytes";
            TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem)
        })?;
        let nonce = self.0.get(origin(url));
        signer.prove(&NewProof {
            method,
            uri: url,
            token,
            nonce: nonce.as_deref(),
            jti: &jti,
            now,
        })
    }
}

/// Whether a response has a usable nonce.
pub(crate) fn has_nonce(headers: &HeaderMap) -> bool {
    nonce(headers).is_some()
}

/// The one nonce of a response, by the grammar of RFC 9449 section 8.1.
fn nonce(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(&DPOP_NONCE).iter();
    let nonce = values.next().filter(|_| values.next().is_none())?;
    let is_good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let nonce = nonce.to_str().ok()?;
    let is_good = !nonce.is_empty() && nonce.len() <= MAX_NONCE && nonce.bytes().all(is_good);
    is_good.then_some(nonce)
}

/// Scheme, host and port of an absolute URL, as they are written.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = rest
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// DP-20
    #[test]
    fn origin_ends_before_the_path() {
        for (url, expected) in [
            ("https://a.example/b/c?d", "https://a.example"),
            ("https://a.example", "https://a.example"),
            ("https://a.example?b", "https://a.example"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:80#", "http://[::1]:80"),
            ("", ""),
        ] {
            assert_eq!(origin(url), expected);
        }
    }

    /// DP-20
    #[test]
    fn only_one_usable_nonce_is_kept() {
        let nonces = Nonces::new();
        let keep = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&DPOP_NONCE, HeaderValue::from_static(value));
            }
            nonces.keep("https://a.example/x", &headers);
            has_nonce(&headers)
        };
        let kept = |url| nonces.0.get(origin(url)).map(|nonce| nonce.to_string());
        assert!(keep(&["n1"]) && keep(&["n2"]));
        for bad in [
            &[][..],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a\\b"],
            &["n3", "n4"],
        ] {
            assert!(!keep(bad), "{bad:?}");
        }
        let long: &'static str = "a".repeat(MAX_NONCE + 1).leak();
        assert!(!keep(&[long]));
        assert_eq!(kept("https://a.example/y").as_deref(), Some("n2"));
        for other in [
            "http://a.example/",
            "https://a.example:444/",
            "https://b.example/",
        ] {
            assert_eq!(kept(other), None);
        }
    }
}
