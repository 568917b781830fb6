use std::time::Duration;

/// Why a proof is rejected.
///
/// No variant holds bytes of a proof or a token. [`code`](Self::code) is the stable label for
/// metrics. `Display` is for logs. The `error` of the challenge is
/// [`BearerError::from`](crate::challenge::BearerError).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No `DPoP` header.
    #[error("the request has no `DPoP` header, and the scheme `DPoP` requires one")]
    Missing,
    /// Several `DPoP` headers, or several proofs in one.
    #[error("the request has several `DPoP` headers or proofs; expected one")]
    Several,
    /// Longer than the size limit.
    #[error("proof is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not a compact JWS of JSON objects (RFC 7515 section 7.1).
    #[error("proof is not a compact JWS: {0}")]
    Malformed(&'static str),
    /// A member occurs twice.
    #[error("a member occurs twice in the {0} of the proof")]
    DuplicateMember(&'static str),
    /// `typ` is not `dpop+jwt`.
    #[error("header `typ` of the proof is not `dpop+jwt`")]
    Type,
    /// The algorithm is not an accepted one.
    #[error("algorithm of the proof is not accepted; expected one of {expected}")]
    Algorithm {
        /// The accepted algorithms.
        expected: String,
    },
    /// A header member that must be rejected, such as `crit`.
    #[error("header member `{0}` of the proof is not supported")]
    Header(&'static str),
    /// The `jwk` is missing or not usable.
    #[error("header `jwk` of the proof {0}")]
    Jwk(&'static str),
    /// A claim is missing.
    #[error("claim `{0}` of the proof is missing")]
    MissingClaim(&'static str),
    /// A claim has the wrong type, is empty or too long.
    #[error("claim `{0}` of the proof is malformed")]
    InvalidClaim(&'static str),
    /// `htm` is not the method of the request.
    #[error("proof is for another method: `htm` must equal {expected}, and case counts")]
    Method {
        /// The method of the request.
        expected: String,
    },
    /// `htu` is not a URI by RFC 3986.
    #[error("`htu` of the proof is not an absolute http or https URI: {0}")]
    Uri(&'static str),
    /// `htu` is not the URI of the request.
    #[error(
        "proof is for another URI: its {part} differs; expected `htu` {expected}, which is `base_url` with the path of the request"
    )]
    OtherUri {
        /// What differs: the scheme, the host, the port or the path.
        part: &'static str,
        /// The base URL of this service with the path of the request, shortened.
        expected: String,
    },
    /// `iat` is too far in the past.
    #[error(
        "proof was issued {}s ago, and the window is {}s; the client must make a proof for each request, or its clock or that of \
         this machine is wrong",
        ago.as_secs(), window.as_secs()
    )]
    Expired {
        /// The time since `iat`.
        ago: Duration,
        /// The window.
        window: Duration,
    },
    /// `iat` is too far in the future.
    #[error(
        "proof claims to be issued {}s in the future, and the window is {}s; compare the clocks of the client and of this machine",
        early.as_secs(), window.as_secs()
    )]
    IssuedInFuture {
        /// The time until `iat`.
        early: Duration,
        /// The window.
        window: Duration,
    },
    /// `ath` is not the hash of the token.
    #[error("proof is for another token: `ath` is not the hash of the token in the request")]
    OtherToken,
    /// The signature does not verify under the `jwk`.
    #[error("signature of the proof does not verify under its `jwk`")]
    Signature,
    /// The service demands a nonce, and the proof has none (RFC 9449 section 9).
    #[error("proof has no `nonce`, and this service demands one")]
    MissingNonce,
    /// The nonce has expired, or this service did not make it.
    #[error("`nonce` of the proof has expired, or this service did not make it")]
    StaleNonce,
    /// The proof was used before (RFC 9449 section 11.1).
    #[error("proof was used before; the client must make a proof for each request")]
    Replayed,
}

impl ProofError {
    /// The stable name of this error, for metrics and logs. There are few of them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Several => "proof_several",
            Self::TooLong { .. } => "proof_too_long",
            Self::Malformed(_) => "proof_malformed",
            Self::DuplicateMember(_) => "proof_duplicate_member",
            Self::Type => "proof_wrong_type",
            Self::Algorithm { .. } => "proof_algorithm",
            Self::Header(_) => "proof_unsupported_header",
            Self::Jwk(_) => "proof_jwk",
            Self::MissingClaim(_) => "proof_missing_claim",
            Self::InvalidClaim(_) => "proof_invalid_claim",
            Self::Method { .. } => "proof_other_method",
            Self::Uri(_) => "proof_malformed_uri",
            Self::OtherUri { .. } => "proof_other_uri",
            Self::Expired { .. } => "proof_expired",
            Self::IssuedInFuture { .. } => "proof_issued_in_future",
            Self::OtherToken => "proof_other_token",
            Self::Signature => "proof_bad_signature",
            Self::MissingNonce => "proof_missing_nonce",
            Self::StaleNonce => "proof_stale_nonce",
            Self::Replayed => "proof_replayed",
        }
    }
}
