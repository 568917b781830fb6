//! What the refusals of the token endpoint mean (RFC 6749 section 5.2).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::challenge;
use crate::challenge::claims_request::ClaimsRequest;
use crate::error::ConfigError;
use crate::wire::seen::printable;

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
    fn te_09_the_servers_words_are_cut_and_cleaned() {
        let error = TokenEndpointError::new(ErrorClass::TargetDenied, "refused")
            .with_oauth("invalid_target\r\nx", Some(&"a\r\nb".repeat(1000)));
        let text = error.to_string();
        assert!(!text.contains(['\r', '\n']) && text.len() < 300, "{text}");
        assert!(!format!("{error:?}").contains("\\r"));
    }
}
