//! What a refusal looks like on the wire, to the last header.

use std::collections::BTreeSet;

/// A refusal, as HTTP and as gRPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) grpc_status: &'static str,
    pub(crate) grpc_message: &'static str,
    pub(crate) challenge: Option<&'static str>,
    pub(crate) retry_after: Option<&'static str>,
}

const fn refusal(
    status: u16,
    grpc_status: &'static str,
    grpc_message: &'static str,
    challenge: Option<&'static str>,
) -> Refusal {
    Refusal {
        status,
        grpc_status,
        grpc_message,
        challenge,
        retry_after: None,
    }
}

pub(crate) const MISSING: Refusal = refusal(401, "16", "no bearer credentials", Some("Bearer"));
pub(crate) const MALFORMED: Refusal = refusal(
    400,
    "16",
    "malformed credentials",
    Some(r#"Bearer error="invalid_request""#),
);
pub(crate) const INVALID: Refusal = refusal(
    401,
    "16",
    "invalid token",
    Some(r#"Bearer error="invalid_token""#),
);
pub(crate) const SCOPE: Refusal = refusal(
    403,
    "7",
    "insufficient scope",
    Some(r#"Bearer error="insufficient_scope", scope="stock:read""#),
);
pub(crate) const ACTOR: Refusal = refusal(
    403,
    "7",
    "actor not allowed",
    Some(r#"Bearer error="insufficient_scope""#),
);
pub(crate) const SUBJECT: Refusal = refusal(
    403,
    "7",
    "subject not allowed",
    Some(r#"Bearer error="insufficient_scope""#),
);
pub(crate) const NO_RULE: Refusal = refusal(
    403,
    "7",
    "not allowed",
    Some(r#"Bearer error="insufficient_scope""#),
);
pub(crate) const STEP_UP: Refusal = refusal(
    401,
    "16",
    "stronger user authentication needed",
    Some(r#"Bearer error="insufficient_user_authentication", acr_values="gold""#),
);
pub(crate) const MISCONFIGURED: Refusal = refusal(500, "13", "internal error", None);
pub(crate) const UNAVAILABLE: Refusal = Refusal {
    retry_after: Some("1"),
    ..refusal(503, "14", "tokens cannot be validated at the moment", None)
};

/// What a request got: status and headers as text, without those of the transport.
#[derive(Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeSet<String>,
    /// Bytes of body, and whether trailers followed.
    pub(crate) rest: (usize, bool),
    /// How many requests reached the inner service.
    pub(crate) reached: usize,
}

impl Refusal {
    /// The whole response: to gRPC of this content type, or to plain HTTP.
    pub(crate) fn response(&self, grpc: Option<&str>) -> Got {
        let mut headers = BTreeSet::new();
        let mut line = |name: &str, value: Option<&str>| {
            headers.extend(value.map(|value| format!("{name}: {value}")));
        };
        line("www-authenticate", self.challenge);
        line("retry-after", self.retry_after);
        line("content-type", grpc);
        line("grpc-status", grpc.map(|_| self.grpc_status));
        line("grpc-message", grpc.map(|_| self.grpc_message));
        Got {
            status: if grpc.is_some() { 200 } else { self.status },
            headers,
            rest: (0, false),
            reached: 0,
        }
    }
}
