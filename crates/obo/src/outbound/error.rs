use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use obo_core::challenge::{BearerError, Challenge};
use obo_core::{Audience, ErrorClass, Grant, RefusedToken, Resource, Target, TokenEndpointError};

use crate::box_error::BoxError;
use crate::observe;
use crate::refusal::rejection::{step_up, unauthenticated};
use crate::refusal::response::RefusalResponse;

/// Why a call on behalf of a user has no usable token: the call was not made, or the called service
/// wants more of the user.
///
/// `Display` is for logs: it names the target and what the authorization server said. Send the
/// caller only [`response`](Self::response).
///
/// ```
/// use http::StatusCode;
/// use obo::error::ExchangeErrorKind;
/// use obo::{Caller, TokenExchange};
///
/// async fn status(exchange: &TokenExchange, caller: &Caller) -> StatusCode {
///     match exchange.token(caller, "service-b").await {
///         Ok(_) => StatusCode::OK,
///         Err(error) if error.kind() == ExchangeErrorKind::TargetDenied => StatusCode::NOT_FOUND,
///         Err(error) => error.response().status(),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ExchangeError(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ExchangeErrorKind,
    target: Option<Named>,
    /// What happened, if the source does not say it, or not all of it.
    problem: Cow<'static, str>,
    source: Option<TokenEndpointError>,
    /// What the called service wants of the user.
    challenge: Option<Challenge>,
    /// Whether it is about a token of this service itself.
    is_own: bool,
}

/// The names of a target.
#[derive(Clone, Debug)]
struct Named {
    /// The audiences and resources, quoted.
    shown: String,
    /// The same, as a token has them.
    plain: String,
    /// The name in metrics.
    label: String,
}

impl Named {
    fn of(target: &Target) -> Self {
        let audiences = target.audiences().iter().map(Audience::as_str);
        let resources = target.resources().iter().map(Resource::as_str);
        Self {
            shown: target.to_string(),
            plain: audiences.chain(resources).collect::<Vec<_>>().join(" "),
            label: target.description(),
        }
    }

    fn size(&self) -> usize {
        self.shown.len() + self.plain.len() + self.label.len()
    }
}

/// What kind of failure an [`ExchangeError`] is, and so who can fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExchangeErrorKind {
    /// Neither the client nor the request has a validated caller.
    NoSubject,
    /// The request's URI is not a configured destination.
    UnknownDestination,
    /// The caller's token has expired, or the authorization server does not accept it.
    SubjectInvalid,
    /// The authorization server refuses this target or scope to this service or user.
    TargetDenied,
    /// The user must authenticate again or more strongly.
    StepUp,
    /// This service's own credential or configuration is wrong.
    ClientMisconfigured,
    /// The authorization server asks for fewer requests.
    Throttled,
    /// The authorization server cannot be reached, or has a fault that may pass.
    Transient,
    /// The authorization server's response is not usable, or the called service demands a nonce
    /// that it does not send or accept.
    ResponseUnusable,
    /// This service has too many exchanges under way.
    Overloaded,
}

impl ExchangeErrorKind {
    fn code(self) -> &'static str {
        match self {
            Self::NoSubject => "no_subject",
            Self::UnknownDestination => "unknown_destination",
            Self::SubjectInvalid => ErrorClass::SubjectInvalid.code(),
            Self::TargetDenied => ErrorClass::TargetDenied.code(),
            Self::StepUp => ErrorClass::StepUp.code(),
            Self::ClientMisconfigured => ErrorClass::ClientMisconfigured.code(),
            Self::Throttled => ErrorClass::Throttled.code(),
            Self::Transient => ErrorClass::Transient.code(),
            Self::ResponseUnusable => ErrorClass::ResponseUnusable.code(),
            Self::Overloaded => "overloaded",
        }
    }
}

impl From<ErrorClass> for ExchangeErrorKind {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::SubjectInvalid => Self::SubjectInvalid,
            ErrorClass::TargetDenied => Self::TargetDenied,
            ErrorClass::StepUp => Self::StepUp,
            ErrorClass::ClientMisconfigured => Self::ClientMisconfigured,
            ErrorClass::Throttled => Self::Throttled,
            ErrorClass::Transient => Self::Transient,
            ErrorClass::ResponseUnusable => Self::ResponseUnusable,
        }
    }
}

const STRONGER: &str = "stronger user authentication needed";

/// When to retry after a failure without a `Retry-After`.
const PAUSE: Duration = Duration::from_secs(1);

impl ExchangeError {
    pub(crate) fn new(
        kind: ExchangeErrorKind,
        target: Option<&Target>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Arc::new(Inner::new(kind, target, problem.into())))
    }

    /// The called service wants more of the user. `challenge` passes this on to our own caller.
    pub(crate) fn of_step_up(target: Option<&Target>, challenge: Challenge) -> Self {
        let problem = "the called service wants the user to authenticate again or more strongly";
        Self(Arc::new(Inner {
            challenge: Some(challenge),
            ..Inner::new(ExchangeErrorKind::StepUp, target, problem.into())
        }))
    }

    pub(crate) fn of_token_endpoint(target: Option<&Target>, source: TokenEndpointError) -> Self {
        let kind = source.class().into();
        Self(Arc::new(Inner {
            source: Some(source),
            ..Inner::new(kind, target, Cow::Borrowed(""))
        }))
    }

    /// The failure of a grant. A rejection of our own credentials is never the caller's fault.
    pub(crate) fn of_grant(grant: &Grant, source: TokenEndpointError) -> Self {
        let kind = source.class().into();
        let target = grant.target().map(|target| &**target);
        Self(Arc::new(Inner {
            source: Some(source),
            is_own: grant.subject().is_none(),
            ..Inner::new(kind, target, Cow::Borrowed(""))
        }))
    }

    /// The rejection of this service's own credential, for whatever it was presented.
    pub(crate) fn rejects_client(&self) -> Option<&TokenEndpointError> {
        let source = self.0.source.as_ref()?;
        let is_of_client = self.0.kind == ExchangeErrorKind::ClientMisconfigured
            && match source.oauth_code() {
                Some(code) => code == "invalid_client",
                None => source.status() == Some(StatusCode::UNAUTHORIZED),
            };
        is_of_client.then_some(source)
    }

    /// Whether the same request would fail again, since the setup is wrong.
    pub(crate) fn is_of_the_setup(&self) -> bool {
        match self.0.kind {
            ExchangeErrorKind::ResponseUnusable => true,
            // Without a response the mistake was found here, which costs the server nothing.
            ExchangeErrorKind::ClientMisconfigured => self
                .0
                .source
                .as_ref()
                .is_some_and(|source| source.status().is_some()),
            _ => false,
        }
    }

    /// Its size in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let of_source = |source: &TokenEndpointError| {
            let claims = source.claims().map_or(0, |claims| claims.as_json().len());
            let acr_values = source.acr_values().iter().map(String::len);
            source.to_string().len() + claims + acr_values.sum::<usize>()
        };
        size_of::<Inner>()
            + size_of::<TokenEndpointError>()
            + self.0.target.as_ref().map_or(0, Named::size)
            + self.0.problem.len()
            + self.0.source.as_ref().map_or(0, of_source)
    }

    fn refused_token(&self) -> Option<RefusedToken> {
        self.0.source.as_ref()?.refused_token()
    }

    /// Whether the server names the acting service's token as the refused one.
    pub(crate) fn is_of_actor(&self) -> bool {
        self.refused_token() == Some(RefusedToken::Actor)
    }

    /// Whether the server refuses the acting service's token, or does not name which of the two
    /// tokens it refuses.
    pub(crate) fn may_be_of_actor(&self) -> bool {
        self.is_of_actor()
            || self.refused_token().is_none() && self.0.kind == ExchangeErrorKind::SubjectInvalid
    }

    /// The same failure, blamed on this service, whose actor token the server may have refused.
    pub(crate) fn of_actor(&self) -> Self {
        let problem = "the server may have refused the acting service's own token".into();
        let source = self.0.source.clone();
        Self(Arc::new(Inner {
            target: self.0.target.clone(),
            source: source.map(TokenEndpointError::of_this_service),
            ..Inner::new(ExchangeErrorKind::ClientMisconfigured, None, problem)
        }))
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ExchangeErrorKind {
        self.0.kind
    }

    /// Returns the stable, low-cardinality name of the kind, for metrics and logs.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// Returns the authorization server's `error` (RFC 6749 section 5.2), printable and cut: for
    /// logs, not for decisions.
    pub fn oauth_code(&self) -> Option<&str> {
        self.0.source.as_ref()?.oauth_code()
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ExchangeErrorKind::Throttled
                | ExchangeErrorKind::Transient
                | ExchangeErrorKind::Overloaded
        )
    }

    /// What is recorded of it.
    pub(crate) fn failure(&self) -> observe::Failure<'_> {
        let target = self.0.target.as_ref();
        observe::Failure {
            code: self.code(),
            target: target.map(|target| &*target.plain),
            label: target.map(|target| &*target.label),
            error: self,
            is_of_the_caller: self.response().status().is_client_error(),
        }
    }

    /// Returns the response to our own caller. Its texts are a closed set, without words of the
    /// server.
    pub fn response(&self) -> RefusalResponse {
        use ExchangeErrorKind as Kind;
        let code = self.code();
        let (status, message) = match self.0.kind {
            Kind::SubjectInvalid => {
                let challenge = Challenge::error(BearerError::InvalidToken);
                return unauthenticated(code, "invalid token", challenge);
            }
            Kind::StepUp => return self.step_up(),
            Kind::TargetDenied if !self.0.is_own => (
                StatusCode::FORBIDDEN,
                "a service behind this one may not be called for this user",
            ),
            // A forgotten `on_behalf_of` is one of them: a new sign-in would not help the user.
            Kind::NoSubject
            | Kind::UnknownDestination
            | Kind::ClientMisconfigured
            | Kind::TargetDenied => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            Kind::ResponseUnusable => (StatusCode::BAD_GATEWAY, "internal error"),
            Kind::Throttled | Kind::Transient | Kind::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again later")
            }
        };
        let retry_after = self.0.source.as_ref().and_then(|it| it.retry_after());
        let later = self.is_retryable().then(|| retry_after.unwrap_or(PAUSE));
        RefusalResponse::new(code, status, message).with_retry_after(later)
    }

    fn step_up(&self) -> RefusalResponse {
        let source = self.0.source.as_ref();
        let by_claims = |claims| Challenge::error(BearerError::InsufficientClaims).claims(claims);
        let by_claims = || source?.claims().map(by_claims);
        match self.0.challenge.clone().or_else(by_claims) {
            Some(challenge) => unauthenticated(self.code(), STRONGER, challenge),
            None => step_up(
                self.code(),
                source.map_or(&[], TokenEndpointError::acr_values),
                source.and_then(TokenEndpointError::max_age),
            ),
        }
    }
}

impl Inner {
    fn new(kind: ExchangeErrorKind, target: Option<&Target>, problem: Cow<'static, str>) -> Self {
        Self {
            kind,
            target: target.map(Named::of),
            problem,
            source: None,
            challenge: None,
            is_own: false,
        }
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no usable token")?;
        if let Some(target) = &self.0.target {
            write!(f, " for audience {}", target.shown)?;
        }
        match &self.0.source {
            Some(source) if self.0.problem.is_empty() => write!(f, ": {source}"),
            Some(source) => write!(f, ": {}: {source}", self.0.problem),
            None => write!(f, ": {}", self.0.problem),
        }
    }
}

impl fmt::Debug for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = (self.0.kind, self.to_string());
        write!(f, "ExchangeError({kind:?}, {text:?})")
    }
}

impl Error for ExchangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

/// Why a call on behalf of a user failed: before it was made, or in the inner service.
///
/// The inner service's error is boxed, as in tower's own middleware, so that every stack of layers
/// has one.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There was no token, so the inner service was not called; or it was called and wants more of
    /// the user.
    #[error("token exchange failed")]
    Exchange(#[source] ExchangeError),
    /// The inner service failed.
    #[error("the call failed")]
    Inner(#[source] BoxError),
}

impl CallError {
    pub(crate) fn inner(error: impl Into<BoxError>) -> Self {
        Self::Inner(error.into())
    }
}
