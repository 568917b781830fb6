//! The errors of the token endpoint (RFC 6749 section 5.2).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::challenge;
use crate::challenge::claims_request::ClaimsRequest;
use crate::error::ConfigError;
use crate::wire::retry_after::MOST as LONGEST_PAUSE;
use crate::wire::seen::printable;

/// The class of a failure. It decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The user's token is not accepted: the caller needs a new one.
    SubjectInvalid,
    /// The server issues no token for this target or scope to this client or user.
    TargetDenied,
    /// The user must authenticate again or more strongly.
    StepUp,
    /// This service's own credential or request is wrong.
    ClientMisconfigured,
    /// The server asks to slow down.
    Throttled,
    /// Transport, timeout or 5xx: a retry may help.
    Transient,
    /// The response cannot be used: not JSON, or wrong type, audience, subject, scope or grammar.
    ResponseUnusable,
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
            Self::ResponseUnusable => "response_unusable",
        }
    }
}

/// Why there is no token: the token endpoint refused it, or the request was not sent.
///
/// The server's words are untrusted. They are cut to 200 characters, have no control characters,
/// and are for logs only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpointError {
    class: ErrorClass,
    problem: Cow<'static, str>,
    status: Option<StatusCode>,
    oauth_code: Option<String>,
    retry_after: Option<Duration>,
    refused_token: Option<RefusedToken>,
    /// Boxed, because most errors have none.
    step_up: Option<Box<StepUp>>,
}

/// What a stronger authentication must fulfil.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StepUp {
    acr_values: Vec<String>,
    max_age: Option<u64>,
    claims: Option<ClaimsRequest>,
}

const MAX_WORDS: usize = 200;

impl TokenEndpointError {
    /// Makes a failure of a class. `problem` says what happened.
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

    /// Makes a failure because of a response that cannot be used.
    pub fn unusable(problem: &'static str) -> Self {
        Self::new(ErrorClass::ResponseUnusable, problem)
    }

    /// Sets the HTTP status of the response.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets which token of the exchange was refused, if the server says so.
    #[must_use]
    pub fn with_refused_token(mut self, refused_token: Option<RefusedToken>) -> Self {
        self.refused_token = refused_token;
        self
    }

    /// Which token of the exchange was refused, if the server says so.
    pub fn refused_token(&self) -> Option<RefusedToken> {
        self.refused_token
    }

    /// Sets the server's `error` and `error_description`.
    #[must_use]
    pub fn with_oauth(mut self, code: &str, description: Option<&str>) -> Self {
        self.oauth_code = Some(printable(code, MAX_WORDS));
        if let Some(description) = description {
            self.problem =
                format!("{}: {}", self.problem, printable(description, MAX_WORDS)).into();
        }
        self
    }

    /// Sets the pause that the server asks for, at most five minutes: a longer one is shortened.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after.map(|pause| pause.min(LONGEST_PAUSE));
        self
    }

    /// Sets what a stronger authentication must fulfil (RFC 9470).
    #[must_use]
    pub fn with_step_up(mut self, acr_values: Option<&str>, max_age: Option<u64>) -> Self {
        let step_up = self.step_up.get_or_insert_default();
        step_up.acr_values = acr_values.map(challenge::acr_values).unwrap_or_default();
        step_up.max_age = max_age;
        self
    }

    /// Sets the claims that a token must have. The service that signs the user in needs them.
    #[must_use]
    pub fn with_claims(mut self, claims: Option<ClaimsRequest>) -> Self {
        if claims.is_some() {
            self.step_up.get_or_insert_default().claims = claims;
        }
        self
    }

    /// Turns the failure into one of this service's configuration, and adds the reason.
    #[must_use]
    pub fn of_setup(self, why: &str) -> Self {
        Self {
            class: ErrorClass::ClientMisconfigured,
            problem: format!("{}; {why}", self.problem).into(),
            step_up: None,
            ..self
        }
    }

    /// Turns the failure into one of this service itself. Only time or a change of the service
    /// helps, so users learn nothing of it.
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

    /// The class of the failure.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The HTTP status of the response; `None` if there was no response, for example after a
    /// timeout.
    ///
    /// A status is about the request. A missing response is about the server.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The server's `error` (RFC 6749 section 5.2), printable and shortened.
    pub fn oauth_code(&self) -> Option<&str> {
        self.oauth_code.as_deref()
    }

    /// The pause the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The authentication context classes that a step-up requires.
    pub fn acr_values(&self) -> &[String] {
        self.step_up
            .as_ref()
            .map_or(&[], |step_up| &step_up.acr_values)
    }

    /// The age in seconds that a step-up allows.
    pub fn max_age(&self) -> Option<u64> {
        self.step_up.as_ref()?.max_age
    }

    /// The claims that a token must have, if the server asks for a step-up this way.
    pub fn claims(&self) -> Option<&ClaimsRequest> {
        self.step_up.as_ref()?.claims.as_ref()
    }
}

impl From<ConfigError> for TokenEndpointError {
    /// A wrong request is a mistake of this service.
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

    /// TE-09
    #[test]
    fn server_text_is_cut_and_cleaned() {
        let error = TokenEndpointError::new(ErrorClass::TargetDenied, "refused")
            .with_oauth("invalid_target\r\nx", Some(&"a\r\nb".repeat(1000)));
        let text = error.to_string();
        assert!(!text.contains(['\r', '\n']) && text.len() < 300, "{text}");
        assert!(!format!("{error:?}").contains("\\r"));
    }
}
