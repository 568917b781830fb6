//! Refusal responses as they are on the wire, to the last header.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A refusal response over HTTP and over gRPC.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The gRPC code.
    pub grpc_status: &'static str,
    /// The gRPC message.
    pub grpc_message: &'static str,
    /// The reason in the gRPC details.
    pub reason: &'static str,
    /// What the caller needs, in the challenge and in the details.
    pub needed: Option<(&'static str, &'static str)>,
    /// `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
    /// `Retry-After`.
    pub retry_after: Option<&'static str>,
    /// The schemes of the challenges.
    pub schemes: Schemes,
    /// Whether `DPoP-Nonce` has a new nonce.
    pub has_nonce: bool,
}

/// The schemes that the challenges of a refusal name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// `Bearer` alone.
    Bearer,
    /// `Bearer`, and an offer of `DPoP`.
    Both,
    /// `DPoP` alone.
    Dpop,
}

/// The parameter that each challenge of the scheme `DPoP` has.
const ALGS: &str = r#"algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA""#;

/// What stands for each well-formed nonce in [`Got::masked`].
const NONCE: &str = "dpop-nonce: (a nonce)";

const fn refusal(
    status: u16,
    grpc_status: &'static str,
    grpc_message: &'static str,
    reason: &'static str,
    challenge: Option<&'static str>,
) -> Refusal {
    Refusal {
        status,
        grpc_status,
        grpc_message,
        reason,
        needed: None,
        challenge,
        retry_after: None,
        schemes: Schemes::Bearer,
        has_nonce: false,
    }
}

/// No credentials.
pub const MISSING: Refusal = refusal(
    401,
    "16",
    "no bearer credentials",
    "MISSING_CREDENTIALS",
    Some("Bearer"),
);
/// Credentials of the wrong form, or sent twice.
pub const MALFORMED: Refusal = refusal(
    400,
    "16",
    "malformed credentials",
    "INVALID_REQUEST",
    Some(r#"Bearer error="invalid_request""#),
);
/// A token that is not valid.
pub const INVALID: Refusal = refusal(
    401,
    "16",
    "invalid token",
    "INVALID_TOKEN",
    Some(r#"Bearer error="invalid_token""#),
);
/// A token without the required scope.
pub const SCOPE: Refusal = Refusal {
    needed: Some(("scope", "stock:read")),
    ..refusal(
        403,
        "7",
        "insufficient scope",
        "INSUFFICIENT_SCOPE",
        Some(r#"Bearer error="insufficient_scope", scope="stock:read""#),
    )
};
/// An actor that is not allowed.
pub const ACTOR: Refusal = refusal(
    403,
    "7",
    "actor not allowed",
    "ACTOR_REFUSED",
    Some(r#"Bearer error="insufficient_scope""#),
);
/// A service where a user is required.
pub const SUBJECT: Refusal = refusal(
    403,
    "7",
    "subject not allowed",
    "SUBJECT_REFUSED",
    Some(r#"Bearer error="insufficient_scope""#),
);
/// A path without a rule.
pub const NO_RULE: Refusal = refusal(
    403,
    "7",
    "not allowed",
    "NO_RULE",
    Some(r#"Bearer error="insufficient_scope""#),
);
/// A user who must authenticate more strongly.
pub const STEP_UP: Refusal = Refusal {
    needed: Some(("acr_values", "gold")),
    ..refusal(
        401,
        "16",
        "stronger user authentication needed",
        "STEP_UP",
        Some(r#"Bearer error="insufficient_user_authentication", acr_values="gold""#),
    )
};
/// A misconfigured service.
pub const MISCONFIGURED: Refusal = refusal(500, "13", "internal error", "MISCONFIGURED", None);
/// No keys to validate tokens with.
pub const UNAVAILABLE: Refusal = Refusal {
    retry_after: Some("1"),
    ..refusal(
        503,
        "14",
        "tokens cannot be validated at the moment",
        "KEYS_UNAVAILABLE",
        None,
    )
};

/// Introspection is unavailable.
pub const UNINTROSPECTED: Refusal = Refusal {
    reason: "INTROSPECTION_UNAVAILABLE",
    ..UNAVAILABLE
};

/// A proof that is not valid.
pub const PROOF: Refusal = Refusal {
    schemes: Schemes::Dpop,
    ..refusal(
        401,
        "16",
        "invalid proof",
        "INVALID_DPOP_PROOF",
        Some(r#"Bearer error="invalid_dpop_proof""#),
    )
};
/// A proof without a good nonce.
pub const NO_NONCE: Refusal = Refusal {
    schemes: Schemes::Dpop,
    has_nonce: true,
    ..refusal(
        401,
        "16",
        "invalid proof",
        "USE_DPOP_NONCE",
        Some(r#"Bearer error="use_dpop_nonce""#),
    )
};

/// What a request got: status, and headers as text without those of the transport.
#[derive(Debug, PartialEq)]
pub struct Got {
    /// The HTTP status.
    pub status: u16,
    /// Each header as `name: value`.
    pub headers: BTreeSet<String>,
    /// The length of the body, and whether trailers followed.
    pub rest: (usize, bool),
    /// How many requests reached the inner service.
    pub reached: usize,
}

impl Refusal {
    /// The whole response, to gRPC of this content type or to plain HTTP.
    pub fn response(&self, grpc: Option<&str>) -> Got {
        let mut headers = BTreeSet::new();
        let mut line = |name: &str, value: Option<&str>| {
            headers.extend(value.map(|value| format!("{name}: {value}")));
        };
        for challenge in self.challenges() {
            line("www-authenticate", Some(&challenge));
        }
        line("retry-after", self.retry_after);
        line("content-type", grpc);
        line("grpc-status", grpc.map(|_| self.grpc_status));
        line("grpc-message", grpc.map(|_| self.grpc_message));
        let details = self.details();
        line("grpc-status-details-bin", grpc.map(|_| &*details));
        if self.has_nonce {
            headers.insert(NONCE.to_owned());
        }
        Got {
            status: if grpc.is_some() { 200 } else { self.status },
            headers,
            rest: (0, false),
            reached: 0,
        }
    }

    /// The same refusal with challenges of these schemes.
    pub fn with(self, schemes: Schemes) -> Self {
        Self { schemes, ..self }
    }

    fn challenges(&self) -> Vec<String> {
        let Some(bearer) = self.challenge else {
            return Vec::new();
        };
        let dpop = match bearer.strip_prefix("Bearer ") {
            Some(parameters) => format!("DPoP {parameters}, {ALGS}"),
            None => format!("DPoP {ALGS}"),
        };
        match self.schemes {
            Schemes::Bearer => vec![bearer.to_owned()],
            Schemes::Both => vec![bearer.to_owned(), format!("DPoP {ALGS}")],
            Schemes::Dpop => vec![dpop],
        }
    }

    /// The details as `tonic-types` encodes them (GR-06).
    fn details(&self) -> String {
        let needed = self.needed.iter();
        let needed: HashMap<_, _> = needed
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let details = ErrorDetails::with_error_info(self.reason, "obo", needed);
        let code = Code::from_bytes(self.grpc_status.as_bytes());
        let status = Status::with_error_details(code, self.grpc_message, details);
        STANDARD_NO_PAD.encode(status.details())
    }
}

impl Got {
    /// The nonce for the next proof.
    pub fn nonce(&self) -> Option<&str> {
        let mut lines = self.headers.iter();
        lines.find_map(|line| line.strip_prefix("dpop-nonce: "))
    }

    /// The same with a fixed text for a well-formed nonce.
    pub fn masked(mut self) -> Self {
        let is_text = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let nonce = self.nonce().map(str::to_owned);
        if let Some(nonce) = nonce.filter(|it| it.len() == 32 && it.bytes().all(is_text)) {
            self.headers.remove(&format!("dpop-nonce: {nonce}"));
            self.headers.insert(NONCE.to_owned());
        }
        self
    }
}
