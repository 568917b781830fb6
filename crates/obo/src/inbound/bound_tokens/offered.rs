//! The challenges of a service that accepts proofs (RFC 9449 section 7.1).

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use obo_core::challenge::Challenge;
use obo_core::{Algorithm, BearerCredentials, TokenScheme};

/// Whether a service accepts both schemes, or only `DPoP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(super) is_required: bool,
}

/// What is offered, and the scheme of the request.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbound) struct Schemes {
    offered: Offered,
    presented: Option<TokenScheme>,
}

const BEARER: &str = "Bearer";

impl Schemes {
    pub(in crate::inbound) fn of(offered: Offered, headers: &HeaderMap) -> Self {
        let line = headers.get(AUTHORIZATION);
        let found = line.and_then(|line| BearerCredentials::with_scheme(line.as_bytes()));
        Self {
            offered,
            presented: found.map(|(scheme, _)| scheme),
        }
    }

    /// Writes the challenges of a response in the scheme of the request, and offers `DPoP` where it
    /// is not named. Challenges of handlers and rules are adapted too.
    pub(in crate::inbound) fn adapt(self, headers: &mut HeaderMap) {
        if !headers.contains_key(WWW_AUTHENTICATE) {
            return;
        }
        let lines: Vec<HeaderValue> = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
        let is_dpop = self.presented == Some(TokenScheme::Dpop) || self.offered.is_required;
        let offer = Challenge::bare().dpop(Algorithm::ALL).to_header_value();
        let mut adapted = Vec::with_capacity(lines.len() + 1);
        for line in lines {
            match line.to_str().ok().and_then(parameters) {
                Some(parameters) if is_dpop => adapted.push(with_algorithms(parameters, &offer)),
                _ => adapted.push(line),
            }
        }
        let has_dpop = |line: &HeaderValue| line.as_bytes().starts_with(b"DPoP");
        // A request with a sufficient scheme, such as one that lacks scope, needs no other offer.
        let is_of_scheme = adapted
            .iter()
            .any(|line| line.as_bytes().starts_with(b"Bearer"));
        let is_denied = adapted
            .iter()
            .any(|line| contains(line, b"insufficient_scope"));
        if is_of_scheme && !is_denied && !adapted.iter().any(has_dpop) {
            adapted.push(offer);
        }
        headers.remove(WWW_AUTHENTICATE);
        for line in adapted {
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
}

/// What stands after `Bearer` in a challenge that is the only one of its line.
fn parameters(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(BEARER)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}

fn with_algorithms(parameters: &str, offer: &HeaderValue) -> HeaderValue {
    let algorithms = offer.to_str().unwrap_or_default();
    let algorithms = algorithms.strip_prefix("DPoP ").unwrap_or_default();
    let text = match parameters {
        "" => format!("DPoP {algorithms}"),
        parameters => format!("DPoP {parameters}, {algorithms}"),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| offer.clone())
}

fn contains(line: &HeaderValue, part: &[u8]) -> bool {
    line.as_bytes().windows(part.len()).any(|it| it == part)
}
