use std::borrow::Cow;
use std::fmt;

/// Why a token is rejected.
///
/// Each variant is the token's fault and becomes `invalid_token` (RFC 6750), except where noted. No
/// variant holds bytes of a token. A value that was seen in its claims is shortened and has no
/// control characters.
///
/// [`code`](Self::code) is the stable label for metrics. `Display` is for logs: it names what was
/// expected, so it is never sent to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not `Bearer` 1*SP token68 (RFC 6750 section 2.1). The request is malformed:
    /// `invalid_request`.
    #[error("credentials are not of the form `Bearer <token68>`: {0}")]
    Credentials(&'static str),
    /// Longer than the size limit.
    #[error("token is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not three segments of strict base64url that hold JSON objects (RFC 7515 section 7.1).
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// A header member that must be rejected: `crit`, `b64`, `zip`, nested content.
    #[error("header member `{0}` is not supported")]
    Header(&'static str),
    /// The policy does not allow the algorithm.
    #[error("algorithm is not allowed for this issuer")]
    Algorithm,
    /// The profile does not accept the header `typ` (RFC 9068 section 4).
    #[error(
        "header `typ` is {seen}; the issuer's profile expects {expected}{}",
        hint_of_type(seen)
    )]
    Type {
        /// The accepted types.
        expected: &'static str,
        /// The `typ` of the header, shortened.
        seen: String,
    },
    /// `iss` is not a configured issuer.
    #[error("issuer is not trusted; trusted: {trusted}")]
    UnknownIssuer {
        /// The configured issuers.
        trusted: String,
    },
    /// No published key of the issuer has this `kid`, or no key fits a token without `kid`.
    #[error("no key of the issuer fits the token")]
    UnknownKey,
    /// Several published keys fit the token.
    #[error("several keys of the issuer fit the token; it must name one by `kid`")]
    AmbiguousKey,
    /// The signature does not verify.
    #[error("signature does not verify")]
    Signature,
    /// `aud` does not contain an identifier of this service.
    #[error(
        "token is addressed to {seen} and not to this service; expected audience {expected}; `Trust::audience` (`audiences` in a \
         file) accepts another name of this service"
    )]
    Audience {
        /// The identifiers of this service.
        expected: String,
        /// The audiences of the token, shortened.
        seen: String,
    },
    /// The issuer says that the token is not active (RFC 7662 section 2.2).
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// Past `exp` plus leeway.
    #[error("token has expired")]
    Expired,
    /// Before `nbf` minus leeway.
    #[error("token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future beyond leeway.
    #[error("token claims to be issued in the future")]
    IssuedInFuture,
    /// Issued longer ago than the policy's maximum age plus leeway.
    #[error("token was issued longer ago than this service accepts")]
    TooOld,
    /// A claim is missing that the profile requires.
    #[error("claim `{0}` is missing, and the issuer's profile requires it{hint}", hint = hint_of_missing(.0))]
    MissingClaim(&'static str),
    /// A claim has the wrong type or an empty value.
    #[error("claim `{0}` is malformed{hint}", hint = hint_of_invalid(.0))]
    InvalidClaim(&'static str),
    /// A claim does not have the value that the profile requires, such as the tenant.
    #[error("claim `{0}` does not have the value that the issuer's profile requires")]
    UnexpectedClaim(&'static str),
    /// A member occurs twice (RFC 7515 section 4, RFC 7519 section 4).
    #[error("a member occurs twice in the {0}")]
    DuplicateMember(&'static str),
    /// An ID token or another kind of JWT.
    #[error("this is not an access token: {0}")]
    NotAnAccessToken(&'static str),
    /// Bound to a key (`cnf`) that this service does not check (RFC 8705, RFC 9449).
    #[error("token is bound to a key (`cnf`), and this service does not check the binding")]
    Binding,
    /// More nested actors than the limit.
    #[error("more than {limit} nested actors")]
    ActorDepth {
        /// The limit.
        limit: usize,
    },
    /// The service's own claims type cannot read the claims.
    #[error("claims do not fit the claims type of this service: {problem}")]
    CustomClaims {
        /// The claim that is missing or does not fit, without its value.
        problem: String,
    },
}

impl TokenError {
    /// The stable name of this error, for metrics and logs. There are few of them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "malformed_credentials",
            Self::TooLong { .. } => "token_too_long",
            Self::Malformed(_) => "malformed_token",
            Self::Header(_) => "unsupported_header",
            Self::Algorithm => "algorithm_not_allowed",
            Self::Type { .. } => "wrong_type",
            Self::UnknownIssuer { .. } => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::AmbiguousKey => "ambiguous_key",
            Self::Signature => "bad_signature",
            Self::Audience { .. } => "wrong_audience",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::TooOld => "too_old",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) => "invalid_claim",
            Self::UnexpectedClaim(_) => "unexpected_claim",
            Self::DuplicateMember(_) => "duplicate_member",
            Self::NotAnAccessToken(_) => "not_an_access_token",
            Self::Binding => "binding_not_checked",
            Self::ActorDepth { .. } => "actor_depth",
            Self::CustomClaims { .. } => "custom_claims",
        }
    }
}

/// The setting that accepts this `typ`.
fn hint_of_type(seen: &str) -> &'static str {
    match seen {
        "at+jwt" | "JWT" | "none" => "; `Profile::LENIENT` (`profile = \"lenient\"`) accepts it",
        _ => "",
    }
}

/// The setting that accepts a token without this claim.
fn hint_of_missing(claim: &str) -> &'static str {
    match claim {
        "aud" => {
            "; `Profile::allow_client_as_audience` compares the client instead, and `Introspection::allow_missing_audience` \
             accepts such a response"
        }
        "exp" => "; `Introspection::allow_missing_expiry` accepts such a response",
        "sub" => "; `Introspection::allow_missing_subject` accepts such a response about a client",
        "iat" | "jti" | "client_id" => {
            "; `Profile::LENIENT` (`profile = \"lenient\"`) does not require it"
        }
        _ => "",
    }
}

/// The setting that accepts another form of this claim.
fn hint_of_invalid(claim: &str) -> &'static str {
    match claim {
        "scope" | "scp" => {
            "; `Profile::allow_scope_text_or_array` (in a file too) accepts a string and an array of single values"
        }
        "act" => {
            "; each actor has a `sub`, unless `Profile::allow_actor_without_subject` (in a file too) accepts its `client_id`"
        }
        _ => "",
    }
}

/// A mistake in the configuration: which field is wrong, what is wrong, and what to write instead.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    field: Cow<'static, str>,
    problem: String,
}

impl From<std::convert::Infallible> for ConfigError {
    /// A value that needs no parsing has no mistakes.
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl ConfigError {
    /// An error of `field`. `problem` says what is wrong and what is expected; it never quotes a
    /// secret.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field: Cow::Borrowed(field),
            problem: problem.into(),
        }
    }

    /// Prefixes the field with the place where it is, such as `issuers[1]`. An empty field becomes
    /// the place itself.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        let field = match &*self.field {
            "" => place.to_owned(),
            field => format!("{place}.{field}"),
        };
        self.at(field)
    }

    /// Renames the field, for example to the key of a configuration file.
    #[must_use]
    pub fn at(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            ..self
        }
    }

    /// What is wrong and what is expected.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// The wrong field, such as `issuer` or `audience`. In a configuration file it is the full
    /// path.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

impl std::error::Error for ConfigError {}
