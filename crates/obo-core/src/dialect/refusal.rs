//! Refusals of the token endpoint: RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 9470.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{ErrorClass, ExchangeRequest, TokenEndpointError, json, retry_after};

/// What a refusal means, and what of its words may be kept.
pub(super) fn refusal(request: &ExchangeRequest, response: &Response<Bytes>) -> TokenEndpointError {
    /// All but `error` is raw: an odd detail must not hide what happened.
    #[derive(Deserialize)]
    struct Refusal<'a> {
        error: String,
        #[serde(borrow)]
        error_description: Option<&'a RawValue>,
        acr_values: Option<&'a RawValue>,
        max_age: Option<&'a RawValue>,
    }
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let told: Option<Refusal<'_>> = json::object(response.body());
    let class = match (status, told.as_ref().map(|refusal| refusal.error.as_str())) {
        (StatusCode::TOO_MANY_REQUESTS, _) | (_, Some("slow_down")) => ErrorClass::Throttled,
        (_, Some("temporarily_unavailable" | "server_error")) => ErrorClass::Transient,
        (status, _) if status.is_server_error() => ErrorClass::Transient,
        // Section 2.2.2 gives `invalid_request` to a subject token that is "invalid for any reason"; the form itself is
        // built by this crate.
        (_, Some("invalid_request" | "invalid_grant" | "invalid_token")) => {
            ErrorClass::SubjectInvalid
        }
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
                | "use_dpop_nonce"
                | "invalid_dpop_proof",
            ),
        )
        | (StatusCode::UNAUTHORIZED, _) => ErrorClass::ClientMisconfigured,
        _ => ErrorClass::AnswerUnusable,
    };
    let error = TokenEndpointError::new(class, format!("the token endpoint answered {status}"))
        .with_retry_after(retry_after);
    let Some(told) = told else {
        return error;
    };
    let description = text(told.error_description);
    let error = error.with_oauth(
        &without_tokens(request, &told.error),
        description
            .map(|text| without_tokens(request, &text))
            .as_deref(),
    );
    if class != ErrorClass::StepUp {
        return error;
    }
    error.with_step_up(
        text(told.acr_values).as_deref(),
        told.max_age.and_then(max_age),
    )
}

fn text(json: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(json?.get()).ok()
}

/// `max_age` as a number, or as the text it is in a challenge.
fn max_age(json: &RawValue) -> Option<u64> {
    let seconds: f64 = json.get().trim_matches('"').parse().ok()?;
    (0.0..1e15).contains(&seconds).then_some(seconds as u64)
}

/// Some servers quote the token they refuse.
fn without_tokens(request: &ExchangeRequest, text: &str) -> String {
    let actor = request.actor().map_or("", |actor| actor.expose());
    [request.subject().subject_token().expose(), actor]
        .into_iter()
        .filter(|token| !token.is_empty())
        .fold(text.to_owned(), |text, token| {
            text.replace(token, "[redacted]")
        })
}
