//! The token endpoint: what is sent to it (RFC 6749 section 3.2) and what its refusals mean (section 5.2).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

use crate::challenge;
use crate::challenge::claims_request::ClaimsRequest;
use crate::error::ConfigError;
use crate::grant::echo::without_echo;
use crate::secret::Secret;
use crate::token::bearer::BearerToken;
use crate::wire::seen::printable;

/// A request to the token endpoint, or to that for introspection: ordered form pairs, since `audience` and `resource` may
/// repeat (TX-05).
///
/// It knows which of its values are [secret](Self::secrets): all that were not said to be public. So what a client
/// authentication method or a dialect of your own sets is kept out of errors as well.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    pairs: Vec<Pair>,
    headers: HeaderMap,
    /// The secrets in the headers, in each form that they have there.
    header_secrets: Vec<Secret>,
}

#[derive(Clone, Debug)]
struct Pair {
    name: Cow<'static, str>,
    value: Secret,
    is_public: bool,
}

impl TokenRequest {
    /// A request under a grant type.
    pub fn new(grant_type: &str) -> Self {
        let mut request = Self::default();
        request.push_public("grant_type", grant_type);
        request
    }

    /// An introspection request (RFC 7662 section 2.1), which has no grant type.
    pub fn introspection(token: BearerToken<'_>) -> Self {
        let mut request = Self::default();
        request.push("token", token.expose());
        request.push_public("token_type_hint", "access_token");
        request
    }

    /// Adds a parameter that is, or may be, a credential: no error and no log quotes its value.
    ///
    /// An empty value is left out, since it would count as absent (RFC 6749 section 3.2).
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.add(name.into(), Secret::new(value), false);
    }

    /// Adds a parameter that an error may quote, such as an audience; empty ones are left out as by [`push`](Self::push).
    pub fn push_public(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.add(name.into(), Secret::new(value), true);
    }

    fn add(&mut self, name: Cow<'static, str>, value: Secret, is_public: bool) {
        if !value.expose().is_empty() {
            self.pairs.push(Pair {
                name,
                value,
                is_public,
            });
        }
    }

    /// Authenticates the client by HTTP Basic (RFC 6749 section 2.3.1): each part form-encoded, then joined.
    ///
    /// Of the characters, those are encoded that must be: most servers do not decode `-`, `_` and `.`.
    pub fn set_basic(&mut self, client_id: &str, secret: &Secret) {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
        let credentials = Secret::new(STANDARD.encode(pair.as_bytes()));
        let value = Secret::new(format!("Basic {}", credentials.expose()));
        // Base64 is always a header value; without one the server answers `invalid_client`, which is a clear error.
        if let Some(value) = sensitive(&value) {
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self.header_secrets.extend([secret.clone(), credentials]);
    }

    /// Adds a header that holds a credential, for client authentication methods that need more than form parameters.
    ///
    /// It is marked sensitive, and no error and no log quotes its value.
    ///
    /// # Errors
    ///
    /// Fails if the name or the value cannot be a header's, or the name is one that the HTTP client sets itself, such as
    /// `Content-Type` or `Host`.
    pub fn push_header(&mut self, name: &str, value: Secret) -> Result<(), ConfigError> {
        let wrong = |problem: &str| ConfigError::new("header", format!("{name:?} {problem}"));
        let parsed = HeaderName::try_from(name).map_err(|_| wrong("is not a header name"))?;
        if OWN_HEADERS.contains(&parsed) {
            return Err(wrong(
                "is set by the HTTP client itself; choose another header",
            ));
        }
        let sent = sensitive(&value).ok_or_else(|| wrong("has a value that no header can have"))?;
        // After a scheme, the credential may be quoted alone.
        if let Some((_, credential)) = value.expose().split_once(' ') {
            self.header_secrets.push(Secret::new(credential));
        }
        self.headers.insert(parsed, sent);
        self.header_secrets.push(value);
        Ok(())
    }

    /// The values that are secret, of parameters and headers, to keep them out of what is reported of a response.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let pushed = self.pairs.iter().filter(|pair| !pair.is_public);
        let pushed = pushed.map(|pair| &pair.value);
        pushed.chain(&self.header_secrets).map(Secret::expose)
    }

    /// The body of a response without the secrets of this request, in any spelling, and without words that hold one or are
    /// part of one; a body that is not text stays as it is.
    pub fn without_echo(&self, body: Bytes) -> Bytes {
        match std::str::from_utf8(&body) {
            Ok(text) => without_echo(self.secrets(), text).into(),
            Err(_) => body,
        }
    }

    /// The `Authorization` header, where the client authenticates by one.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.headers.get(header::AUTHORIZATION)
    }

    /// The headers that the request has besides those of each form.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, `application/x-www-form-urlencoded` (RFC 6749 appendix B); it holds secrets.
    pub fn body(&self) -> Bytes {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for Pair { name, value, .. } in &self.pairs {
            form.append_pair(name, value.expose());
        }
        Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()))
    }

    /// The parameters' names and values in order, for tests of a dialect.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|pair| (&*pair.name, pair.value.expose()))
    }
}

/// The headers that the HTTP client sets itself, or that say how a message is framed.
const OWN_HEADERS: [HeaderName; 11] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A header value that is wiped when it is dropped.
fn sensitive(value: &Secret) -> Option<HeaderValue> {
    let value = Zeroizing::new(value.expose().as_bytes().to_vec());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What an exchange's failure means, and so what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The user's token is not acceptable (any more): the caller needs a new one.
    SubjectInvalid,
    /// The server will not issue a token for this target or scope to this client or user.
    TargetDenied,
    /// The user must authenticate again or more strongly.
    StepUp,
    /// This service's own credential or request is wrong.
    ClientMisconfigured,
    /// The server asks to slow down.
    Throttled,
    /// Transport, timeout or 5xx: it may pass.
    Transient,
    /// An answer that cannot be used: not JSON, wrong type, audience, subject, scope or grammar.
    AnswerUnusable,
}

/// One of the two tokens of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedToken {
    /// The user's.
    Subject,
    /// The acting service's.
    Actor,
}

impl ErrorClass {
    /// The stable name, for metrics and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::SubjectInvalid => "subject_invalid",
            Self::TargetDenied => "target_denied",
            Self::StepUp => "step_up",
            Self::ClientMisconfigured => "client_misconfigured",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::AnswerUnusable => "answer_unusable",
        }
    }
}

/// Why there is no token: as the token endpoint told it, or before it was asked.
///
/// The server's words are untrusted: cut to 200 characters, without control characters, for logs alone (TE-09).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpointError {
    class: ErrorClass,
    problem: Cow<'static, str>,
    status: Option<StatusCode>,
    oauth_code: Option<String>,
    retry_after: Option<Duration>,
    refused_token: Option<RefusedToken>,
    /// Boxed, since most errors have none.
    step_up: Option<Box<StepUp>>,
}

/// What a stronger authentication must satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StepUp {
    acr_values: Vec<String>,
    max_age: Option<u64>,
    claims: Option<ClaimsRequest>,
}

const MAX_WORDS: usize = 200;

impl TokenEndpointError {
    /// A failure of a class; `problem` says what happened.
    pub fn new(class: ErrorClass, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            problem: problem.into(),
            status: None,
            oauth_code: None,
            retry_after: None,
            refused_token: None,
            step_up: None,
        }
    }

    /// An answer that cannot be used.
    pub fn unusable(problem: &'static str) -> Self {
        Self::new(ErrorClass::AnswerUnusable, problem)
    }

    /// The same failure with the HTTP status of the response that it was read from.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same failure with which of the two tokens of an exchange it is about, as far as the server says.
    #[must_use]
    pub fn with_refused_token(mut self, refused_token: Option<RefusedToken>) -> Self {
        self.refused_token = refused_token;
        self
    }

    /// Which of the two tokens of an exchange the server says it refuses, if it says so.
    pub fn refused_token(&self) -> Option<RefusedToken> {
        self.refused_token
    }

    /// The same failure with the server's `error` and `error_description`.
    #[must_use]
    pub fn with_oauth(mut self, code: &str, description: Option<&str>) -> Self {
        self.oauth_code = Some(printable(code, MAX_WORDS));
        if let Some(description) = description {
            self.problem =
                format!("{}: {}", self.problem, printable(description, MAX_WORDS)).into();
        }
        self
    }

    /// The same failure with the pause the server asks for.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// The same failure with what a stronger authentication must satisfy (RFC 9470).
    #[must_use]
    pub fn with_step_up(mut self, acr_values: Option<&str>, max_age: Option<u64>) -> Self {
        let step_up = self.step_up.get_or_insert_default();
        step_up.acr_values = acr_values.map(challenge::acr_values).unwrap_or_default();
        step_up.max_age = max_age;
        self
    }

    /// The same failure with the claims that a token must have, to be passed on to whoever signs the user in (EN-04).
    #[must_use]
    pub fn with_claims(mut self, claims: Option<ClaimsRequest>) -> Self {
        if claims.is_some() {
            self.step_up.get_or_insert_default().claims = claims;
        }
        self
    }

    /// The same failure as one of this service's set-up, with what explains it.
    #[must_use]
    pub fn of_setup(self, why: &str) -> Self {
        Self {
            class: ErrorClass::ClientMisconfigured,
            problem: format!("{}; {why}", self.problem).into(),
            step_up: None,
            ..self
        }
    }

    /// The same failure as one of this service's own, which nothing but time or a change of the service mends; nothing of it
    /// is told to a user.
    #[must_use]
    pub fn of_this_service(self) -> Self {
        match self.class {
            ErrorClass::Transient | ErrorClass::Throttled => self,
            _ => Self {
                class: ErrorClass::ClientMisconfigured,
                step_up: None,
                ..self
            },
        }
    }

    /// What the failure means.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The HTTP status of the response; `None` if there was no response, as when the connection failed or timed out.
    ///
    /// A status speaks of the request that it answers. No response speaks of the server.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The server's `error` (RFC 6749 section 5.2), printable and cut.
    pub fn oauth_code(&self) -> Option<&str> {
        self.oauth_code.as_deref()
    }

    /// The pause the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The authentication context classes a step-up asks for.
    pub fn acr_values(&self) -> &[String] {
        self.step_up
            .as_ref()
            .map_or(&[], |step_up| &step_up.acr_values)
    }

    /// The age in seconds a step-up allows.
    pub fn max_age(&self) -> Option<u64> {
        self.step_up.as_ref()?.max_age
    }

    /// The claims that a token must have, where the server asks for a step-up in this way.
    pub fn claims(&self) -> Option<&ClaimsRequest> {
        self.step_up.as_ref()?.claims.as_ref()
    }
}

impl From<ConfigError> for TokenEndpointError {
    /// What is asked for in the wrong way is this service's own mistake.
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorClass::ClientMisconfigured, error.to_string())
    }
}

impl fmt::Display for TokenEndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.oauth_code {
            Some(code) => write!(f, "{} ({code})", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for TokenEndpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn te_02_tx_05_values_round_trip_and_keep_their_order() {
        let mut request = TokenRequest::new("g");
        for value in ["a+b&c=d e", "é", "a+b&c=d e"] {
            request.push("audience", value);
        }
        request.push("scope", "");
        let body = request.body();
        assert_eq!(
            &body[..],
            b"grant_type=g&audience=a%2Bb%26c%3Dd+e&audience=%C3%A9&audience=a%2Bb%26c%3Dd+e"
        );
    }

    #[test]
    fn whatever_is_not_public_is_secret() {
        let mut request = TokenRequest::new("g");
        request.push("badge", "7");
        request.push("audience", "said-by-an-outsider");
        request.push_public("audience", "service-b");
        request.set_basic("a", &Secret::new("s"));
        let secrets: Vec<_> = request.secrets().collect();
        assert_eq!(secrets, ["7", "said-by-an-outsider", "s", "YTpz"]);
    }

    #[test]
    fn ca_01_basic_encodes_id_and_secret_apart_and_only_what_must_be() {
        let mut request = TokenRequest::new("g");
        request.set_basic("a-b_c.d", &Secret::new("s:%+ é"));
        let header = request.authorization().unwrap();
        assert!(header.is_sensitive());
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(encoded).unwrap(),
            b"a-b_c.d:s%3A%25%2B+%C3%A9"
        );
    }

    #[test]
    fn pushed_header_is_sensitive_and_secret() {
        let mut request = TokenRequest::new("g");
        request.push_header("X-Badge", Secret::new("b 7")).unwrap();
        assert!(request.headers()["x-badge"].is_sensitive());
        assert_eq!(request.secrets().collect::<Vec<_>>(), ["7", "b 7"]);
        assert!(!format!("{request:?}").contains("b 7"));
        for (name, value) in [
            ("Host", "x"),
            ("Content-Length", "1"),
            ("a b", "x"),
            ("X", "\n"),
        ] {
            let error = request.push_header(name, Secret::new(value)).unwrap_err();
            assert_eq!(error.field(), "header");
        }
        assert_eq!(request.headers().len(), 1);
    }

    #[test]
    fn te_09_the_servers_words_are_cut_and_cleaned() {
        let error = TokenEndpointError::new(ErrorClass::TargetDenied, "refused")
            .with_oauth("invalid_target\r\nx", Some(&"a\r\nb".repeat(1000)));
        let text = error.to_string();
        assert!(!text.contains(['\r', '\n']) && text.len() < 300, "{text}");
        assert!(!format!("{error:?}").contains("\\r"));
    }
}
