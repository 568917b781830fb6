use std::time::Duration;

use http::StatusCode;
use obo_core::binding::certificate::CertificateError;
use obo_core::binding::dpop::ProofError;
use obo_core::challenge::{BearerError, Challenge};
use obo_core::{Algorithm, Scope, TokenError};

use crate::refusal::response::RefusalResponse;

/// Why a request is refused: by the layer, a rule, an extractor or a handler.
///
/// [`response`](Self::response) builds the response to the caller. `Display` has more detail and is
/// for logs only.
///
/// ```
/// use obo::Rejection;
///
/// let rejection = Rejection::MissingCredentials;
/// assert_eq!(rejection.code(), "missing_credentials");
/// assert_eq!(rejection.response().status(), 401);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No bearer credentials: 401 with a bare challenge (RFC 6750 section 3.1), gRPC 16.
    #[error("the request has no bearer credentials")]
    MissingCredentials,
    /// Credentials of another scheme than `Bearer`, such as `Basic`: the same response as without
    /// credentials.
    #[error(
        "the request has credentials of another scheme ({0}), expected `Authorization: Bearer` and the token{hint}",
        hint = hint_of_scheme(.0)
    )]
    OtherScheme(&'static str),
    /// Credentials that are sent twice: 400 `invalid_request` (RFC 6750 section 2), gRPC 16.
    #[error("the request is malformed: {0}")]
    InvalidRequest(&'static str),
    /// A proxy's header with the certificate of the client is malformed: 400 `invalid_request`,
    /// gRPC 16.
    #[error("the header with the certificate is malformed: {0}")]
    CertificateHeader(CertificateError),
    /// The token is refused: 401 `invalid_token`, or 400 `invalid_request` if it is not a token;
    /// gRPC 16.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The proof of the sender's key is refused: 401 `invalid_dpop_proof`, or `use_dpop_nonce` with
    /// a nonce in the header `DPoP-Nonce` (RFC 9449 sections 7.1 and 9); gRPC 16.
    #[error("{error}")]
    Proof {
        /// What is wrong with the proof.
        error: ProofError,
        /// The nonce for the next proof, if the service demands one.
        nonce: Option<String>,
    },
    /// The shared store could not record the proof as used, so it may have been used before: 503,
    /// gRPC 14.
    #[error("the shared store could not record the proof, so it may have been used before")]
    ProofNotRecorded,
    /// The token lacks scope: 403 `insufficient_scope` with the required scope, gRPC 7.
    #[error("the token lacks scope, required: {needed}")]
    InsufficientScope {
        /// The required scope.
        needed: Scope,
    },
    /// The current actor is not allowed, or a required actor is missing: 403 `insufficient_scope`,
    /// gRPC 7.
    #[error("the current actor is refused: {0}")]
    Actor(&'static str),
    /// The subject is not allowed: a service instead of a user, a user instead of a service, one
    /// without a required role, or one of another issuer: 403 `insufficient_scope`, gRPC 7.
    #[error("the subject is refused: {0}")]
    Subject(&'static str),
    /// The path and method have no rule, so they are denied: 403 `insufficient_scope`, gRPC 7.
    #[error("this path and method have no rule, so they are denied")]
    NoRule,
    /// The user must authenticate again or more strongly: 401 `insufficient_user_authentication`
    /// (RFC 9470), gRPC 16.
    #[error("the user must authenticate again or more strongly")]
    StepUp {
        /// Acceptable authentication context classes, in order of preference.
        acr_values: Vec<String>,
        /// The maximum age of the user's authentication, in seconds.
        max_age: Option<u64>,
    },
    /// The service needs something that its configuration does not provide: 500, gRPC 13.
    #[error("the service is misconfigured: {0}")]
    Misconfigured(&'static str),
    /// The issuer's keys are not available, so its tokens cannot be validated: 503, gRPC 14.
    #[error("the keys of the issuer are not available: {problem}")]
    Unavailable {
        /// What went wrong.
        problem: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Introspection gave no usable response (RFC 7662): 503, gRPC 14.
    #[error("introspection is not available: {problem}")]
    IntrospectionUnavailable {
        /// What went wrong.
        problem: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Whether the token was revoked is unknown, and the [fleet](crate::fleet::Fleet) is
    /// [strict](crate::fleet::FleetBuilder::strict): 503, gRPC 14.
    #[error(
        "nothing was heard of the shared store for longer than the fleet allows, so a logout may have been missed"
    )]
    RevocationUnknown,
    /// Too many introspection requests run at the same time: 503, gRPC 14.
    #[error("too many introspection requests are running")]
    IntrospectionOverloaded,
}

/// When to try again after an overload.
const OVERLOADED: Duration = Duration::from_secs(1);

impl Rejection {
    /// The stable name of this reason, for metrics and logs. There are few names.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingCredentials | Self::OtherScheme(_) => "missing_credentials",
            Self::InvalidRequest(_) | Self::CertificateHeader(_) => "invalid_request",
            Self::Token(error) => error.code(),
            Self::Proof { error, .. } => error.code(),
            Self::ProofNotRecorded => "proof_not_recorded",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::Actor(_) => "actor_refused",
            Self::Subject(_) => "subject_refused",
            Self::NoRule => "no_rule",
            Self::StepUp { .. } => "step_up",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unavailable { .. } => "keys_unavailable",
            Self::IntrospectionUnavailable { .. } => "introspection_unavailable",
            Self::RevocationUnknown => "revocation_unknown",
            Self::IntrospectionOverloaded => "introspection_overloaded",
        }
    }

    /// The response to the caller.
    pub fn response(&self) -> RefusalResponse {
        let code = self.code();
        let insufficient = Challenge::error(BearerError::InsufficientScope);
        let denied = |message, challenge| {
            RefusalResponse::new(code, StatusCode::FORBIDDEN, message).with_challenge(challenge)
        };
        let unavailable = |retry_after| {
            let message = "tokens cannot be validated at the moment";
            RefusalResponse::new(code, StatusCode::SERVICE_UNAVAILABLE, message)
                .with_retry_after(Some(retry_after))
        };
        let response = match self {
            Self::MissingCredentials | Self::OtherScheme(_) => {
                unauthenticated(code, "no bearer credentials", Challenge::bare())
            }
            Self::InvalidRequest(_) | Self::CertificateHeader(_) => malformed(),
            Self::Token(error) => match BearerError::from(error) {
                BearerError::InvalidRequest => malformed(),
                // The reason is for logs only.
                error => unauthenticated(error.code(), "invalid token", Challenge::error(error)),
            },
            Self::Proof { error, nonce } => proof(error, nonce.as_deref()),
            Self::InsufficientScope { needed } => {
                denied("insufficient scope", insufficient.scope(needed))
            }
            Self::Actor(_) => denied("actor not allowed", insufficient),
            Self::Subject(_) => denied("subject not allowed", insufficient),
            Self::NoRule => denied("not allowed", insufficient),
            Self::StepUp {
                acr_values,
                max_age,
            } => step_up(code, acr_values, *max_age),
            Self::Misconfigured(_) => {
                RefusalResponse::new(code, StatusCode::INTERNAL_SERVER_ERROR, "internal error")
            }
            Self::Unavailable { retry_after, .. }
            | Self::IntrospectionUnavailable { retry_after, .. } => unavailable(*retry_after),
            Self::IntrospectionOverloaded | Self::RevocationUnknown | Self::ProofNotRecorded => {
                unavailable(OVERLOADED)
            }
        };
        response.with_rejection(self)
    }
}

/// The setting that accepts another scheme.
fn hint_of_scheme(scheme: &str) -> &'static str {
    match scheme {
        "DPoP" => "; `BoundTokens::dpop` (`[binding]` in a file) accepts this scheme too",
        _ => "",
    }
}

pub(crate) fn unauthenticated(
    reason: &'static str,
    message: &'static str,
    challenge: Challenge,
) -> RefusalResponse {
    RefusalResponse::new(reason, StatusCode::UNAUTHORIZED, message).with_challenge(challenge)
}

fn proof(error: &ProofError, nonce: Option<&str>) -> RefusalResponse {
    let error = BearerError::from(error);
    let challenge = Challenge::error(error).dpop(Algorithm::ALL);
    unauthenticated(error.code(), "invalid proof", challenge).with_nonce(nonce)
}

pub(crate) fn step_up(
    reason: &'static str,
    acr_values: &[String],
    max_age: Option<u64>,
) -> RefusalResponse {
    let mut challenge = Challenge::error(BearerError::InsufficientUserAuthentication)
        .acr_values(acr_values.iter().cloned());
    if let Some(seconds) = max_age {
        challenge = challenge.max_age(seconds);
    }
    unauthenticated(reason, "stronger user authentication needed", challenge)
}

fn malformed() -> RefusalResponse {
    let error = BearerError::InvalidRequest;
    RefusalResponse::new(
        error.code(),
        StatusCode::BAD_REQUEST,
        "malformed credentials",
    )
    .with_challenge(Challenge::error(error))
}
