//! RFC 8693 as it is written: <https://www.rfc-editor.org/rfc/rfc8693>.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Dialect;
use super::refusal::refusal;
use crate::exchange::extra_parameter;
use crate::{
    ConfigError, ExchangeRequest, IssuedToken, Issuer, Scope, Secret, TokenEndpointError,
    TokenRequest, TokenType, UnixTime, json,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const MAX_LIFETIME: f64 = 24.0 * 3600.0;

/// The token exchange grant (RFC 8693), strict by default, with knobs for servers that deviate by little.
#[derive(Clone, Default)]
pub struct Rfc8693 {
    issued_type_may_be_missing: bool,
    extra: Vec<(String, Secret)>,
}

impl Rfc8693 {
    /// The grant as written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an answer without `issued_token_type`, which section 2.2.1 requires, as an access token.
    #[must_use]
    pub fn issued_type_may_be_missing(mut self) -> Self {
        self.issued_type_may_be_missing = true;
        self
    }

    /// Sends a further parameter with every exchange.
    ///
    /// # Errors
    ///
    /// When the exchange itself decides the parameter, or it is set already: none may repeat (RFC 6749 section 3.2).
    pub fn extra_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let name = name.into();
        extra_parameter(&name)?;
        if self.extra.iter().any(|(own, _)| *own == name) {
            return Err(ConfigError::new(
                "extra_parameters",
                format!("{name:?} is set twice"),
            ));
        }
        self.extra.push((name, Secret::new(value)));
        Ok(self)
    }
}

impl Dialect for Rfc8693 {
    fn name(&self) -> &'static str {
        "rfc8693"
    }

    fn identity(&self) -> Cow<'_, str> {
        if self.extra.is_empty() && !self.issued_type_may_be_missing {
            return Cow::Borrowed(self.name());
        }
        let mut pairs: Vec<_> = self
            .extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        pairs.sort_unstable();
        let lenient = if self.issued_type_may_be_missing {
            "-untyped"
        } else {
            ""
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        Cow::Owned(format!("{}{lenient}?{form}", self.name()))
    }

    fn request(
        &self,
        request: &ExchangeRequest,
        server: &Issuer,
    ) -> Result<TokenRequest, ConfigError> {
        check_types(request)?;
        let mut form = TokenRequest::new(GRANT);
        form.push("subject_token", request.subject().subject_token().expose());
        form.push(
            "subject_token_type",
            request.subject_token_type(server).as_str(),
        );
        if let Some(actor) = request.actor() {
            form.push("actor_token", actor.expose());
            form.push("actor_token_type", actor.token_type().as_str());
        }
        if let Some(requested) = request.requested_type() {
            form.push("requested_token_type", requested.as_str());
        }
        for audience in request.target().audiences() {
            form.push("audience", audience.as_str());
        }
        for resource in request.target().resources() {
            form.push("resource", resource.as_str());
        }
        form.push("scope", request.target().scope().to_string());
        for (name, value) in &self.extra {
            form.push(name.clone(), value.expose());
        }
        Ok(form)
    }

    fn response(
        &self,
        request: &ExchangeRequest,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        if response.status() != StatusCode::OK {
            return Err(refusal(request, response));
        }
        if !is_json(response) {
            return Err(unusable("the answer is not `application/json`"));
        }
        let answer: Answer<'_> = json::object(response.body()).ok_or_else(|| {
            unusable("the answer is not the JSON object of RFC 8693 section 2.2.1")
        })?;
        self.accept(request, answer, now)
    }
}

impl fmt::Debug for Rfc8693 {
    /// Names of parameters alone: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.extra.iter().map(|(name, _)| name).collect();
        f.debug_struct("Rfc8693")
            .field(
                "issued_type_may_be_missing",
                &self.issued_type_may_be_missing,
            )
            .field("extra", &names)
            .finish()
    }
}

/// Refuses what cannot be asked for: half an actor (TX-03), a token that outlives the user's session (TX-18).
fn check_types(request: &ExchangeRequest) -> Result<(), ConfigError> {
    if request
        .actor()
        .is_some_and(|actor| actor.expose().is_empty() || actor.token_type().as_str().is_empty())
    {
        return Err(ConfigError::new(
            "actor_token",
            "the token or its type is empty; give both or no actor (RFC 8693 section 2.1)",
        ));
    }
    if request.requested_type() == Some(&TokenType::REFRESH_TOKEN) {
        return Err(ConfigError::new(
            "requested_token_type",
            "a refresh token cannot be sent downstream; ask for an access token",
        ));
    }
    Ok(())
}

/// Unknown members are ignored (RFC 6749 section 5.1), a refresh token among them (TX-18).
#[derive(Deserialize)]
struct Answer<'a> {
    access_token: Option<String>,
    token_type: Option<String>,
    issued_token_type: Option<String>,
    /// Raw, since a number that no float holds is still a number.
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
    scope: Option<String>,
}

impl Rfc8693 {
    fn accept(
        &self,
        request: &ExchangeRequest,
        answer: Answer<'_>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let token = answer
            .access_token
            .map(Secret::new)
            .ok_or_else(|| unusable("the answer has no `access_token`"))?;
        let token_type = answer
            .token_type
            .ok_or_else(|| unusable("the answer has no `token_type`"))?;
        if !token_type.eq_ignore_ascii_case("bearer") {
            return Err(unusable(
                "`token_type` is not `Bearer`: the token cannot be sent as one",
            ));
        }
        self.check_issued_type(request, answer.issued_token_type)?;
        let issued = IssuedToken::bearer(token.expose()).ok_or_else(|| {
            unusable("`access_token` is no bearer token (RFC 6750 section 2.1) of at most 16 KiB")
        })?;
        if token.expose() == request.subject().subject_token().expose() {
            return Err(unusable(
                "the server handed the subject token back instead of a new one",
            ));
        }
        let scope = granted(request.target().scope(), answer.scope.as_deref())?;
        let expires_at = check_as_jwt(request, token.expose(), now)?;
        Ok(issued
            .with_expires_in(answer.expires_in.and_then(seconds))
            .with_expires_at(expires_at)
            .with_scope(scope))
    }

    /// What was issued must be what was asked for; when nothing was, what a bearer token can be: an access token, or a
    /// JWT that the server says is used as one (`token_type`) (TX-07, TX-13).
    fn check_issued_type(
        &self,
        request: &ExchangeRequest,
        issued: Option<String>,
    ) -> Result<(), TokenEndpointError> {
        let Some(issued) = issued.map(TokenType::new) else {
            return if self.issued_type_may_be_missing {
                Ok(())
            } else {
                Err(unusable("the answer has no `issued_token_type`"))
            };
        };
        let expected = match request.requested_type() {
            Some(requested) => issued == *requested,
            None => issued == TokenType::ACCESS_TOKEN || issued == TokenType::JWT,
        };
        if expected {
            Ok(())
        } else {
            Err(unusable(
                "`issued_token_type` is not the type of token that was asked for",
            ))
        }
    }
}

fn unusable(problem: &'static str) -> TokenEndpointError {
    TokenEndpointError::unusable(problem)
}

fn is_json(response: &Response<Bytes>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// Absent means as requested (RFC 8693 section 2.2.1); wider than requested is refused.
fn granted(requested: &Scope, granted: Option<&str>) -> Result<Scope, TokenEndpointError> {
    let Some(granted) = granted else {
        return Ok(requested.clone());
    };
    let granted = Scope::parse(granted).ok_or_else(|| unusable("`scope` is malformed"))?;
    if !requested.is_empty() && !requested.contains_all(&granted) {
        return Err(unusable("a wider `scope` was granted than asked for"));
    }
    Ok(granted)
}

/// `expires_in` as a JSON number; anything else counts as missing (TE-07), and a day is the most.
fn seconds(expires_in: &RawValue) -> Option<Duration> {
    let seconds: f64 = expires_in.get().parse().ok()?;
    Some(Duration::from_secs_f64(seconds.clamp(0.0, MAX_LIFETIME)))
}

/// An access token is opaque to its client, but where it is a JWT, what it says may refuse it or shorten its use
/// (AT-14): it must be addressed to the target, be of the same user, and not have expired.
fn check_as_jwt(
    request: &ExchangeRequest,
    token: &str,
    now: UnixTime,
) -> Result<Option<UnixTime>, TokenEndpointError> {
    let mut segments = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return Ok(None);
    };
    let Some(Value::Object(claims)) = URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
    else {
        return Ok(None);
    };
    if !addressed_to_target(request, claims.get("aud")) {
        return Err(unusable(
            "the issued token is not addressed to the audience that was asked for",
        ));
    }
    let text = |name| claims.get(name).and_then(Value::as_str);
    let subject = request.subject();
    // Only another issuer has names of its own for the user; without one, it is the name we know or a wrong one.
    let same_issuer = text("iss").is_none_or(|iss| iss == subject.issuer().as_str());
    if same_issuer && text("sub") != Some(subject.subject()) {
        return Err(unusable("the issued token is of another subject"));
    }
    let expires_at = claims
        .get("exp")
        .and_then(Value::as_f64)
        .filter(|exp| *exp < 1e15)
        .map(|exp| UnixTime::from_duration(Duration::from_secs_f64(exp.max(0.0))));
    if expires_at.is_some_and(|at| at <= now) {
        return Err(unusable("the issued token has expired already"));
    }
    Ok(expires_at)
}

fn addressed_to_target(request: &ExchangeRequest, aud: Option<&Value>) -> bool {
    let target = request.target();
    let wanted = |aud: &str| {
        target.audiences().iter().any(|a| a.as_str() == aud)
            || target.resources().iter().any(|r| r.as_str() == aud)
    };
    match aud {
        Some(Value::String(aud)) => wanted(aud),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).any(wanted),
        _ => false,
    }
}
