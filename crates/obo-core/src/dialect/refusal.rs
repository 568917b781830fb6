//! Error responses of the token endpoint: RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 9470.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::challenge::claims_request::ClaimsRequest;
use crate::grant::Grant;
use crate::grant::echo::without_echo;
use crate::grant::token_endpoint::{ErrorClass, RefusedToken, TokenEndpointError};
use crate::time::UnixTime;
use crate::wire::json;
use crate::wire::retry_after::retry_after;

/// The error response of a server. A dialect decides what it means.
///
/// It is the server's text: untrusted and of any length. Compare it, but never show it.
pub struct Refusal<'a> {
    status: StatusCode,
    error: Cow<'a, str>,
    description: String,
    suberror: String,
    codes: Vec<u64>,
    claims: Option<ClaimsRequest>,
    acr_values: Option<String>,
    max_age: Option<u64>,
}

impl<'a> Refusal<'a> {
    /// Reads the JSON of an error response; `None` if it has no `error`. Other malformed members
    /// are ignored.
    fn read(response: &'a Response<Bytes>) -> Option<Self> {
        let [
            error,
            error_description,
            suberror,
            error_codes,
            claims,
            acr_values,
            max_age,
        ] = json::pick(
            response.body(),
            [
                "error",
                "error_description",
                "suberror",
                "error_codes",
                "claims",
                "acr_values",
                "max_age",
            ],
        )?;
        let text = |member: Option<&'a str>| member.and_then(json::text);
        let codes = error_codes.and_then(|codes| serde_json::from_str(codes).ok());
        Some(Self {
            status: response.status(),
            error: text(error)?,
            description: text(error_description).unwrap_or_default().into(),
            suberror: text(suberror).unwrap_or_default().into(),
            codes: codes.unwrap_or_default(),
            claims: text(claims).and_then(|json| ClaimsRequest::parse(&json)),
            acr_values: text(acr_values).map(Into::into),
            max_age: max_age.and_then(seconds),
        })
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// `error` (RFC 6749 section 5.2).
    pub fn error(&self) -> &str {
        &self.error
    }

    /// `error_description`, or empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// `suberror` of some servers, or empty.
    pub fn suberror(&self) -> &str {
        &self.suberror
    }

    /// `error_codes` of some servers: numbers.
    pub fn error_codes(&self) -> &[u64] {
        &self.codes
    }

    /// Whether it has readable `claims`, which a token must have.
    pub fn has_claims(&self) -> bool {
        self.claims.is_some()
    }
}

impl fmt::Debug for Refusal<'_> {
    /// Without the server's texts, which may quote a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("error_codes", &self.codes)
            .finish_non_exhaustive()
    }
}

/// Decides the class of a refusal if the standard does not fit.
pub(super) type Classify = fn(&Refusal<'_>) -> Option<ErrorClass>;

/// The meaning of an error response, and the words of it that may be kept.
pub(super) fn refusal(
    grant: &Grant,
    response: &Response<Bytes>,
    now: UnixTime,
    classify: Option<Classify>,
) -> TokenEndpointError {
    let status = response.status();
    let read = Refusal::read(response);
    let class = class(status, read.as_ref(), classify);
    let class = match class {
        // No user's token was sent and no user can sign in again, so it is our mistake.
        ErrorClass::SubjectInvalid | ErrorClass::StepUp if grant.exchange().is_none() => {
            ErrorClass::ClientMisconfigured
        }
        class => class,
    };
    let error = TokenEndpointError::new(
        class,
        format!("the token endpoint refused with status {status}"),
    )
    .with_status(status)
    .with_retry_after(retry_after(response.headers(), now));
    let Some(read) = read else {
        return error;
    };
    let code = without_tokens(grant, &read.error);
    let description = (!read.description.is_empty()).then_some(read.description);
    let description = description.map(|text| without_tokens(grant, &text));
    let refused = refused_token(class, &code, description.as_deref());
    let error = error
        .with_oauth(&code, description.as_deref())
        .with_refused_token(refused);
    if class != ErrorClass::StepUp {
        return error;
    }
    error
        .with_step_up(read.acr_values.as_deref(), read.max_age)
        .with_claims(read.claims)
}

/// The error of a response with status 200, which some servers send.
pub(super) fn refusal_in_success(
    grant: &Grant,
    response: &Response<Bytes>,
    now: UnixTime,
    classify: Option<Classify>,
) -> Option<TokenEndpointError> {
    let read = Refusal::read(response)?;
    (!read.error.is_empty()).then(|| refusal(grant, response, now, classify))
}

/// The status decides about overload and faults, then the dialect, then the standard.
fn class(status: StatusCode, read: Option<&Refusal<'_>>, classify: Option<Classify>) -> ErrorClass {
    match (status, read.map(|refusal| &*refusal.error)) {
        (StatusCode::TOO_MANY_REQUESTS, _) | (_, Some("slow_down" | "too_many_requests")) => {
            return ErrorClass::Throttled;
        }
        (_, Some("temporarily_unavailable" | "server_error")) => return ErrorClass::Transient,
        (status, _) if status.is_server_error() => return ErrorClass::Transient,
        _ => {}
    }
    let own = read
        .zip(classify)
        .and_then(|(read, classify)| classify(read));
    own.unwrap_or_else(|| by_the_standard(status, read.map(|refusal| &*refusal.error)))
}

fn by_the_standard(status: StatusCode, error: Option<&str>) -> ErrorClass {
    match (status, error) {
        // Section 2.2.2 has `invalid_request` for a subject token that is "invalid for any reason".
        // Our form is never malformed. The last four are not standard, but servers send them.
        (
            _,
            Some(
                "invalid_request"
                | "invalid_grant"
                | "invalid_token"
                | "invalid_subject_token"
                | "token_expired"
                | "token_revoked"
                | "token_inactive",
            ),
        ) => ErrorClass::SubjectInvalid,
        (_, Some("invalid_target" | "invalid_scope" | "access_denied")) => ErrorClass::TargetDenied,
        (_, Some("interaction_required" | "insufficient_user_authentication")) => {
            ErrorClass::StepUp
        }
        (
            _,
            Some(
                "invalid_client"
                | "unauthorized_client"
                | "unsupported_grant_type"
                | "invalid_actor_token"
                | "use_dpop_nonce"
                | "invalid_dpop_proof",
            ),
        )
        | (StatusCode::UNAUTHORIZED, None | Some("")) => ErrorClass::ClientMisconfigured,
        // RFC 6749 section 5.2 has `invalid_client` for our credential, so another error is about
        // the user's token.
        (StatusCode::UNAUTHORIZED, Some(_)) => ErrorClass::SubjectInvalid,
        (StatusCode::FORBIDDEN, Some(error)) if !error.is_empty() => ErrorClass::TargetDenied,
        _ => ErrorClass::ResponseUnusable,
    }
}

/// Which token of an exchange was refused, by the code or by the words of the description.
///
/// The standard codes are for both tokens (RFC 8693 section 2.2.2). Other codes that count against
/// the user name one.
fn refused_token(class: ErrorClass, code: &str, description: Option<&str>) -> Option<RefusedToken> {
    if names_token(code, "actor") {
        return Some(RefusedToken::Actor);
    }
    let words = match (class, code) {
        (
            ErrorClass::SubjectInvalid | ErrorClass::ResponseUnusable,
            "invalid_request" | "invalid_grant" | "invalid_token",
        )
        | (ErrorClass::ResponseUnusable, _) => description.unwrap_or_default(),
        (ErrorClass::SubjectInvalid, _) => return Some(RefusedToken::Subject),
        _ => return None,
    };
    match (names_token(words, "actor"), names_token(words, "subject")) {
        (true, false) => Some(RefusedToken::Actor),
        (false, true) => Some(RefusedToken::Subject),
        _ => None,
    }
}

/// Whether one of the words is `name`, alone or as in `actorToken`. "factor" is not "actor".
fn names_token(text: &str, name: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| {
        let rest = word
            .split_at_checked(name.len())
            .filter(|(start, _)| start.eq_ignore_ascii_case(name));
        rest.is_some_and(|(_, rest)| {
            ["", "s", "token", "tokens"]
                .iter()
                .any(|suffix| rest.eq_ignore_ascii_case(suffix))
        })
    })
}

/// `max_age` as a number, or as a string like in a challenge.
fn seconds(json: &str) -> Option<u64> {
    let seconds: f64 = json.trim_matches('"').parse().ok()?;
    (0.0..1e15).contains(&seconds).then_some(seconds as u64)
}

/// Removes the tokens of the request: some servers quote the token that they refuse.
pub(super) fn without_tokens(grant: &Grant, text: &str) -> String {
    let Some(request) = grant.exchange() else {
        return text.to_owned();
    };
    let actor = request.actor().map(|actor| actor.expose());
    let subject = request.subject().subject_token().expose();
    without_echo([subject].into_iter().chain(actor), text)
}
