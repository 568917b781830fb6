use crate::error::TokenError;

/// Why a logout token or a security event token is refused.
///
/// `Display` is for logs. The sender gets the [`description`](Self::description), which contains
/// nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The JWT is malformed, of another issuer, not valid at this time, or not signed by a key of
    /// its issuer.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The `typ` of the header is of another kind of JWT.
    #[error("header `typ` is {seen}; expected {expected}")]
    Type {
        /// The accepted types.
        expected: &'static str,
        /// The `typ` of the header, shortened.
        seen: String,
    },
    /// `aud` does not contain the audience of this receiver.
    #[error("token is addressed to {seen}; expected audience {expected:?}")]
    Audience {
        /// The audience of this receiver.
        expected: String,
        /// The audiences of the token, shortened.
        seen: String,
    },
    /// A claim is missing.
    #[error("claim `{0}` is missing")]
    Missing(&'static str),
    /// A claim has the wrong form.
    #[error("claim `{0}` is malformed")]
    Malformed(&'static str),
    /// The token has a `nonce`, as an ID token has (Back-Channel Logout 1.0 section 2.4).
    #[error("claim `nonce` is present, and a logout token must not have it")]
    Nonce,
    /// Without `exp`, a logout token is accepted for ten minutes.
    #[error("token has no `exp` and was issued more than 10 min ago; compare the clocks")]
    TooOld,
    /// `events` does not contain the event of a logout.
    #[error("claim `events` does not contain a back-channel logout")]
    OtherEvent,
    /// The token names neither a user nor a session.
    #[error("token names neither a user nor a session")]
    NoSubject,
    /// The subject identifier has a format by which tokens cannot be found (RFC 9493).
    #[error("subject identifier has format {seen}; expected iss_sub, opaque or complex")]
    SubjectFormat {
        /// The format, shortened.
        seen: String,
    },
    /// The subject is of another issuer than the token. An issuer speaks for its own users only.
    #[error("subject is of issuer {seen}; an issuer can revoke tokens of its own users only")]
    ForeignSubject {
        /// The issuer of the subject, shortened.
        seen: String,
    },
}

impl EventError {
    /// The stable name of this error, for metrics and logs. There are few of them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::Type { .. } => "wrong_type",
            Self::Audience { .. } => "wrong_audience",
            Self::Missing(_) => "missing_claim",
            Self::Malformed(_) => "invalid_claim",
            Self::Nonce => "nonce",
            Self::TooOld => "too_old",
            Self::OtherEvent => "other_event",
            Self::NoSubject => "no_subject",
            Self::SubjectFormat { .. } => "subject_format",
            Self::ForeignSubject { .. } => "foreign_subject",
        }
    }

    /// The reason as the sender may read it. It contains nothing of the token and nothing of this
    /// service.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Token(error) => describe(error),
            Self::Type { .. } => "the typ of the header is of another kind of token",
            Self::Audience { .. } => "the token is addressed to another audience",
            Self::Missing(claim) | Self::Malformed(claim) => match *claim {
                "aud" => "the claim aud is missing or malformed",
                "iat" => "the claim iat is missing or malformed",
                "jti" => "the claim jti is missing or malformed",
                "events" => "the claim events is missing or malformed",
                "event_timestamp" => "the event_timestamp is malformed",
                "sid" => "the claim sid is malformed",
                "sub_id" => "the subject identifier is malformed",
                _ => "a claim is missing or malformed",
            },
            Self::Nonce => "a logout token must not have a nonce",
            Self::TooOld => "the token was issued too long ago",
            Self::OtherEvent => "the token is not about a back-channel logout",
            Self::NoSubject => "the token names neither a user nor a session",
            Self::SubjectFormat { .. } => {
                "the format of the subject identifier is not supported; use iss_sub, opaque or complex"
            }
            Self::ForeignSubject { .. } => "the subject is of another issuer than the token",
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other variants are about access tokens"
)]
fn describe(error: &TokenError) -> &'static str {
    match error {
        TokenError::Header(_) => "a member of the header is not supported",
        TokenError::Algorithm => "the signature algorithm is not accepted",
        TokenError::UnknownIssuer { .. } => "the issuer is not trusted",
        TokenError::UnknownKey | TokenError::AmbiguousKey => "no key of the issuer fits the token",
        TokenError::Signature => "the signature does not verify",
        TokenError::Expired { .. } => "the token has expired",
        TokenError::NotYetValid { .. } | TokenError::IssuedInFuture { .. } => {
            "the token is of the future"
        }
        TokenError::DuplicateMember(_) => "a member occurs twice",
        TokenError::MissingClaim(_) | TokenError::InvalidClaim(_) => {
            "a claim is missing or malformed"
        }
        _ => "the token is not a well-formed JWT",
    }
}
