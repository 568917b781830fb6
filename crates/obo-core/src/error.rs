use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

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
    #[error(
        "algorithm is not allowed for this issuer; `Trust::algorithms` (`algorithms` in a file) lists \
         the allowed ones"
    )]
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
    #[error(
        "issuer is not trusted; `iss` must equal one of these, character by character: {trusted}{hint}"
    )]
    UnknownIssuer {
        /// The configured issuers.
        trusted: String,
        /// How `iss` differs from a trusted issuer, if only in the slash at the end or in letter
        /// case. Empty otherwise.
        hint: String,
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
    /// Issued before a logout of its user or session.
    #[error("the token was revoked by a logout; the user must sign in again")]
    Revoked,
    /// Past `exp` plus leeway.
    #[error(
        "token expired {} ago{}; the client must renew it, or the clock of this machine is wrong",
        shown(ago),
        and_leeway(leeway)
    )]
    Expired {
        /// The time since `exp`.
        ago: Duration,
        /// The configured leeway. Zero where `ago` is the time since the end of the leeway.
        leeway: Duration,
    },
    /// Before `nbf` minus leeway.
    #[error(
        "token is not valid until {} from now{}; compare the clocks of this machine and of the issuer",
        shown(early),
        and_leeway(leeway)
    )]
    NotYetValid {
        /// The time until `nbf`.
        early: Duration,
        /// The configured leeway.
        leeway: Duration,
    },
    /// `iat` lies in the future beyond leeway.
    #[error(
        "token claims to be issued {} in the future{}; compare the clocks of this machine and of the issuer",
        shown(early),
        and_leeway(leeway)
    )]
    IssuedInFuture {
        /// The time until `iat`.
        early: Duration,
        /// The configured leeway.
        leeway: Duration,
    },
    /// Issued longer ago than the policy's maximum age plus leeway.
    #[error(
        "token was issued {} ago, and {} is the maximum age{}; `Trust::max_token_age` (`max_token_age` in a file) sets it",
        shown(age),
        shown(limit),
        and_leeway(leeway)
    )]
    TooOld {
        /// The time since `iat`.
        age: Duration,
        /// The configured maximum age.
        limit: Duration,
        /// The configured leeway.
        leeway: Duration,
    },
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
    #[error(
        "token is bound to a key or certificate (`cnf`), and this service does not check the binding; \
         `ResourceServerBuilder::bound_tokens` (`[binding]` in a file) does"
    )]
    Binding,
    /// Bound to a key (`jkt`), but sent as a plain bearer token (RFC 9449 section 7.2).
    #[error(
        "token is bound to a key (`jkt`) and was sent without a proof; the client must send it with the scheme `DPoP` and \
         a `DPoP` header"
    )]
    MissingProof,
    /// Sent with the scheme `DPoP`, but not bound to a key (RFC 9449 section 7.2).
    #[error(
        "token is not bound to a key, and was sent with the scheme `DPoP`; the client must request a bound token, or send this \
         one with `Bearer`"
    )]
    NotBoundToKey,
    /// A plain token, where the service demands a bound one (RFC 9700 section 2.2.1).
    #[error(
        "token is not bound to a key or certificate, and this service demands a bound one here"
    )]
    NotBound,
    /// The key of the proof is not the key to which the token is bound (RFC 9449 section 4.3).
    #[error("token is bound to another key than the proof's")]
    AnotherKey,
    /// Bound to a certificate, and the connection has none (RFC 8705 section 3).
    #[error(
        "token is bound to a certificate (`x5t#S256`), and the client has shown none; it must use mutual TLS; the header of a proxy \
         counts only if the address of the connection is known (`PeerAddress`) and listed (`from`)"
    )]
    MissingCertificate,
    /// Bound to another certificate than that of the connection (RFC 8705 section 3).
    #[error("token is bound to another certificate than the client's")]
    AnotherCertificate,
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
    /// By how much the token misses the time for which it is refused, without leeway; `None` for
    /// any other error.
    pub fn time_off(&self) -> Option<Duration> {
        match self {
            Self::Expired { ago: off, .. }
            | Self::NotYetValid { early: off, .. }
            | Self::IssuedInFuture { early: off, .. } => Some(*off),
            Self::TooOld { age, limit, .. } => Some(age.saturating_sub(*limit)),
            _ => None,
        }
    }

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
            Self::Revoked => "revoked",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::TooOld { .. } => "too_old",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) => "invalid_claim",
            Self::UnexpectedClaim(_) => "unexpected_claim",
            Self::DuplicateMember(_) => "duplicate_member",
            Self::NotAnAccessToken(_) => "not_an_access_token",
            Self::Binding => "binding_not_checked",
            Self::MissingProof => "proof_missing",
            Self::NotBoundToKey => "not_bound_to_key",
            Self::NotBound => "not_bound",
            Self::AnotherKey => "another_key",
            Self::MissingCertificate => "missing_certificate",
            Self::AnotherCertificate => "another_certificate",
            Self::ActorDepth { .. } => "actor_depth",
            Self::CustomClaims { .. } => "custom_claims",
        }
    }
}

/// A duration in its largest unit that leaves at least two of it.
fn shown(duration: &Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}min", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        172_800.. => format!("{}d", seconds / 86_400),
    }
}

fn and_leeway(leeway: &Duration) -> String {
    match leeway.is_zero() {
        true => String::new(),
        false => format!(", leeway {}", shown(leeway)),
    }
}

/// What to change, for a `typ` that some profile accepts.
fn hint_of_type(seen: &str) -> &'static str {
    match seen {
        "at+jwt" => {
            "; the default profile, `Profile::RFC9068` (`profile = \"rfc9068\"`), accepts it"
        }
        "JWT" | "none" => {
            "; if it is an ID token, the client must send its access token instead; otherwise let the server issue access \
             tokens of type at+jwt, or use the profile of the server's product (module `dialect`, or its name in a file); `Profile::LENIENT` \
             accepts it too, but requires `require_client` to reject ID tokens that have no mark such as `nonce`"
        }
        _ => "",
    }
}

/// The setting that accepts a token without this claim.
fn hint_of_missing(claim: &str) -> &'static str {
    match claim {
        "aud" => {
            "; `Profile::allow_client_as_audience` compares the client instead, and `Introspection::allow_missing_audience` \
             accepts such a response (both in a file too)"
        }
        "exp" => "; `Introspection::allow_missing_expiry` (in a file too) accepts such a response",
        "sub" => {
            "; `Introspection::allow_missing_subject` (in a file too) accepts such a response about a client"
        }
        "iat" | "jti" => {
            "; the server's own profile may not require it, and `Profile::LENIENT` does not; use that with `require_client`, to \
             reject ID tokens"
        }
        "client_id" => {
            "; ID tokens have none: the client must send its access token; if it does, `Profile::client_from` (`client_from` in \
             a file) reads the client from another claim, such as `azp`"
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
    is_of_secret: bool,
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
            is_of_secret: false,
        }
    }

    /// Marks an error of a secret that this process cannot use, such as a file that is only where
    /// the service runs.
    #[must_use]
    pub fn of_secret(mut self) -> Self {
        self.is_of_secret = true;
        self
    }

    /// Whether a secret cannot be used here. The rest of the configuration may be right.
    pub fn is_of_secret(&self) -> bool {
        self.is_of_secret
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
