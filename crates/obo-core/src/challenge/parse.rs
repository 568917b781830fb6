//! Parses `Bearer` and `DPoP` challenges of other services by the grammar of RFC 9110 section
//! 11.6.1, within limits.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::build::{BearerError, Challenge, acr_values};
use crate::challenge::claims_request::ClaimsRequest;
use crate::jose::crypto::Algorithm;
use crate::token::bearer::TokenScheme;
use crate::token::scope::Scope;

/// A `Bearer` or `DPoP` challenge of a called service. It is another party's text; only known
/// parameters are kept.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
/// use obo_core::challenge::{BearerError, ReceivedChallenge};
///
/// let mut headers = HeaderMap::new();
/// let value = concat!(
///     r#"Basic realm="b", "#,
///     r#"Bearer error="insufficient_user_authentication", acr_values="gold""#,
/// );
/// headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
/// let challenges = ReceivedChallenge::all(&headers);
/// assert_eq!(challenges.len(), 1);
/// assert_eq!(challenges[0].error(), Some(BearerError::InsufficientUserAuthentication));
/// assert_eq!(challenges[0].acr_values(), ["gold"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedChallenge {
    known: Challenge,
    resource_metadata: Option<String>,
}

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 16 * 1024;
/// The most challenges in a line, and the most parameters in a challenge.
const MAX_CHALLENGES: usize = 16;
const MAX_PARAMETERS: usize = 32;
/// The longest `resource_metadata`, in bytes.
const MAX_URL: usize = 2048;

impl ReceivedChallenge {
    /// The `Bearer` challenges of a response, in order.
    ///
    /// A malformed line or one longer than 16 KiB is ignored, and so is a challenge with a
    /// duplicate parameter (RFC 6750 section 3).
    pub fn all(headers: &HeaderMap) -> Vec<Self> {
        Self::all_of(TokenScheme::Bearer, headers)
    }

    /// The challenges of a response that have this scheme, by the same rules.
    pub fn all_of(scheme: TokenScheme, headers: &HeaderMap) -> Vec<Self> {
        headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|line| challenges(line.as_bytes()))
            .flatten()
            .filter(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme.name()))
            .filter_map(|challenge| Self::of(scheme, &challenge.parameters))
            .collect()
    }

    fn of(scheme: TokenScheme, parameters: &[(String, String)]) -> Option<Self> {
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        let value = |name| {
            let mut parameters = parameters.iter();
            parameters
                .find(|(own, _)| own == name)
                .map(|(_, value)| &**value)
        };
        Some(Self {
            known: Challenge {
                scheme,
                algs: value("algs")
                    .filter(|_| scheme == TokenScheme::Dpop)
                    .map(algorithms)
                    .unwrap_or_default(),
                error: value("error").and_then(|code| BearerError::from_code(scheme, code)),
                scope: value("scope").and_then(Scope::parse),
                acr_values: value("acr_values").map(acr_values).unwrap_or_default(),
                max_age: value("max_age")
                    .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok()),
                claims: value("claims").and_then(ClaimsRequest::from_base64),
            },
            resource_metadata: value("resource_metadata")
                .filter(|url| url.len() <= MAX_URL)
                .map(str::to_owned),
        })
    }

    /// What the service rejected; `None` if it does not say, or if the error is unknown.
    pub fn error(&self) -> Option<BearerError> {
        self.known.error
    }

    /// The scheme.
    pub fn scheme(&self) -> TokenScheme {
        self.known.scheme
    }

    /// The algorithms of proofs that the service accepts, without unknown ones; empty if it does
    /// not say (RFC 9449 section 7.1).
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.known.algs
    }

    /// The scope that is needed, if any.
    pub fn scope(&self) -> Option<&Scope> {
        self.known.scope.as_ref()
    }

    /// The accepted authentication context classes, in order of preference (RFC 9470 section 3).
    pub fn acr_values(&self) -> &[String] {
        &self.known.acr_values
    }

    /// The maximum age of the user's authentication in seconds (RFC 9470 section 3).
    pub fn max_age(&self) -> Option<u64> {
        self.known.max_age
    }

    /// The claims that the token needs.
    pub fn claims(&self) -> Option<&ClaimsRequest> {
        self.known.claims.as_ref()
    }

    /// The URL of the service's metadata (RFC 9728 section 5.1).
    ///
    /// Never let it choose the authorization server that gets a user's token.
    pub fn resource_metadata(&self) -> Option<&str> {
        self.resource_metadata.as_deref()
    }

    /// The challenge for our own caller, with the known parameters only; `None` if the service does
    /// not ask for a step-up.
    pub fn step_up(&self) -> Option<Challenge> {
        match self.known.error? {
            BearerError::InsufficientUserAuthentication => Some(Challenge {
                scheme: TokenScheme::Bearer,
                algs: Vec::new(),
                scope: None,
                claims: None,
                ..self.known.clone()
            }),
            error @ BearerError::InsufficientClaims => {
                let claims = self.known.claims.as_ref()?;
                Some(Challenge::error(error).claims(claims))
            }
            _ => None,
        }
    }
}

/// The known algorithms of a list, each once.
fn algorithms(list: &str) -> Vec<Algorithm> {
    let mut known = Vec::new();
    for algorithm in list.split(' ').filter_map(Algorithm::from_name) {
        if !known.contains(&algorithm) {
            known.push(algorithm);
        }
    }
    known
}

/// Adds `resource_metadata` (RFC 9728 section 5.1) to each `Bearer` or `DPoP` challenge of a
/// `WWW-Authenticate` line that lacks it. Other challenges stay as they are.
///
/// `None` if no challenge lacks it, or if the line is malformed. The URL is normalized, so it has
/// neither quotes nor backslashes.
pub fn with_resource_metadata(line: &[u8], url: &str) -> Option<Vec<u8>> {
    let mut named = line.to_vec();
    let mut is_changed = false;
    // From the end, so the other places do not move.
    for challenge in challenges(line)?.iter().rev() {
        let mut parameters = challenge.parameters.iter();
        let schemes = [TokenScheme::Bearer, TokenScheme::Dpop];
        let is_of = |it: TokenScheme| challenge.scheme.eq_ignore_ascii_case(it.name());
        if !schemes.into_iter().any(is_of)
            || parameters.any(|(name, _)| name == "resource_metadata")
        {
            continue;
        }
        let place = line.len() - challenge.after_scheme;
        let comma = match line.get(place..)?.trim_ascii_start() {
            [] | [b',', ..] => "",
            _ => ",",
        };
        let parameter = format!(" resource_metadata=\"{url}\"{comma}");
        named.splice(place..place, parameter.into_bytes());
        is_changed = true;
    }
    is_changed.then_some(named)
}

/// A challenge of any scheme. The names of its parameters are in lower case.
struct Parsed {
    scheme: String,
    /// The length of the line after the scheme.
    after_scheme: usize,
    parameters: Vec<(String, String)>,
}

/// All challenges of a line; `None` if any part of it is malformed.
fn challenges(line: &[u8]) -> Option<Vec<Parsed>> {
    if line.len() > MAX_LINE {
        return None;
    }
    let mut cursor = Cursor(line);
    let mut parsed: Vec<Parsed> = Vec::new();
    while cursor.next_element() {
        // An element without a name and `=` begins a challenge.
        match (cursor.parameter(), parsed.last_mut()) {
            (Some(parameter), Some(challenge)) => challenge.parameters.push(parameter),
            (Some(_), None) => return None,
            (None, _) => {
                let challenge = cursor.challenge()?;
                parsed.push(challenge);
            }
        }
        cursor.end_of_element()?;
        let parameters = parsed.last().map_or(0, |last| last.parameters.len());
        if parsed.len() > MAX_CHALLENGES || parameters > MAX_PARAMETERS {
            return None;
        }
    }
    Some(parsed)
}

/// The rest of a line. A method that fails may leave it anywhere.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Moves to the next element of the list and skips empty ones. Returns whether there is one.
    fn next_element(&mut self) -> bool {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b','));
        !self.0.is_empty()
    }

    /// Checks that a comma or the end follows an element.
    fn end_of_element(&mut self) -> Option<()> {
        self.skip_blanks();
        matches!(self.0.first(), None | Some(b',')).then_some(())
    }

    /// A scheme with its first parameter, its token68, or nothing.
    fn challenge(&mut self) -> Option<Parsed> {
        let scheme = self.token()?;
        let after_scheme = self.0.len();
        let spaces = self.take_while(|byte| byte == b' ');
        let mut parameters = Vec::new();
        if !spaces.is_empty() && !matches!(self.0.first(), None | Some(b',')) {
            match self.parameter() {
                Some(parameter) => parameters.push(parameter),
                None => self.token68()?,
            }
        }
        Some(Parsed {
            scheme,
            after_scheme,
            parameters,
        })
    }

    /// A name, `=` with optional blanks, and a token or a quoted string. On failure, nothing is
    /// read.
    fn parameter(&mut self) -> Option<(String, String)> {
        let mut ahead = *self;
        let name = ahead.token()?.to_ascii_lowercase();
        ahead.skip_blanks();
        ahead.byte(b'=')?;
        ahead.skip_blanks();
        let value = match ahead.byte(b'"') {
            Some(()) => ahead.rest_of_quoted_string()?,
            None => ahead.token()?,
        };
        *self = ahead;
        Some((name, value))
    }

    fn rest_of_quoted_string(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let (escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    text.push(*escaped);
                }
                byte => text.push(*byte),
            }
        }
    }

    fn token68(&mut self) -> Option<()> {
        let is_body = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
        };
        let body = self.take_while(is_body);
        self.take_while(|byte| byte == b'=');
        (!body.is_empty()).then_some(())
    }

    /// A token (RFC 9110 section 5.6.2).
    fn token(&mut self) -> Option<String> {
        let token = self
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        let text = std::str::from_utf8(token).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[expected])?;
        Some(())
    }

    fn take_while(&mut self, matches: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.0.iter().take_while(|byte| matches(**byte)).count();
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests;
