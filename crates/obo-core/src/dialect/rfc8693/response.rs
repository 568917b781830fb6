use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::Rfc8693;
use crate::binding::Thumbprint;
use crate::dialect::refusal::{refusal, refusal_in_success, without_tokens};
use crate::grant::Grant;
use crate::grant::issued_token::IssuedToken;
use crate::grant::request::ExchangeRequest;
use crate::grant::target::Target;
use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::bearer::TokenScheme;
use crate::token::scope::Scope;
use crate::token::token_type::TokenType;
use crate::validate::values;
use crate::wire::media_type::has_media_type;
use crate::wire::seen::all_seen;
use crate::wire::{base64url, json};

const MAX_LIFETIME: f64 = 24.0 * 3600.0;

impl Rfc8693 {
    pub(super) fn read_response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        if response.status() != StatusCode::OK {
            return Err(refusal(grant, response, now, self.classify));
        }
        if let Some(refused) = refusal_in_success(grant, response, now, self.classify) {
            return Err(refused);
        }
        if !has_media_type(response.headers(), "application/json") {
            return Err(unusable("the response is not `application/json`"));
        }
        // Unknown members are ignored (RFC 6749 section 5.1), including a refresh token. `audience`
        // and `resource` are not standard, but servers name there what the token is for.
        let names = [
            "access_token",
            "token_type",
            "issued_token_type",
            "expires_in",
            "scope",
            "audience",
            "resource",
        ];
        let members = json::pick(response.body(), names).ok_or_else(|| {
            let mark = json::mark(response.body());
            let problem =
                format!("the response is not the JSON object of RFC 8693 section 2.2.1{mark}");
            TokenEndpointError::new(ErrorClass::ResponseUnusable, problem)
        })?;
        let [
            token,
            token_type,
            issued_type,
            expires_in,
            scope,
            audience,
            resource,
        ] = members;
        let token = text("access_token", token)?
            .map(Secret::new)
            .ok_or_else(|| unusable("the response has no `access_token`"))?;
        let token_type = text("token_type", token_type)?;
        self.check_token_type(grant, token_type.as_deref())?;
        if let Grant::Exchange(request) = grant {
            let issued = text("issued_token_type", issued_type)?;
            self.check_issued_type(grant, request, issued)?;
        }
        let scheme = scheme_of(grant);
        let issued = IssuedToken::with_scheme(scheme, token.expose()).ok_or_else(|| {
            unusable(
                "`access_token` is not a bearer token (RFC 6750 section 2.1) of at most 16 KiB",
            )
        })?;
        let handed_back = |request: &ExchangeRequest| {
            token.expose() == request.subject().subject_token().expose()
        };
        if grant.exchange().is_some_and(handed_back) {
            return Err(unusable(
                "the server returned the subject token instead of a new one",
            ));
        }
        let scope = self.granted(grant, scope)?;
        self.check_named(grant, "audience", audience)?;
        self.check_named(grant, "resource", resource)?;
        let expires_at = self.check_as_jwt(grant, token.expose(), now)?;
        let stated = expires_in.and_then(|json| self.seconds(json));
        Ok(issued
            .with_expires_in(stated.or(self.settings.unstated_lifetime))
            .with_expires_at(expires_at)
            .with_scope(scope))
    }

    /// Only a bearer token can be sent as one. `N_A` means that it is not one. A token that must be
    /// bound to a key has the type `DPoP` (RFC 9449 section 5).
    fn check_token_type(
        &self,
        grant: &Grant,
        token_type: Option<&str>,
    ) -> Result<(), TokenEndpointError> {
        let expected = scheme_of(grant);
        let is_bound = expected == TokenScheme::Dpop;
        match token_type {
            None if is_bound => Err(unusable(
                "the response has no `token_type`, so the token may not be bound to the key of the proof",
            )),
            None if self.settings.allow_missing_token_type => Ok(()),
            None => Err(unusable(
                "the response has no `token_type`; `Rfc8693::allow_missing_token_type` accepts it",
            )),
            Some(name) if name.eq_ignore_ascii_case(expected.name()) => Ok(()),
            Some(other) if is_bound => Err(unusable(format!(
                "`token_type` is {} and not `DPoP`, so the token is not bound to the key of the proof; \
                 use a server and a registration that support DPoP, or do not bind tokens of this destination",
                seen(grant, [other])
            ))),
            Some(other) => Err(unusable(format!(
                "`token_type` is {} and not `Bearer`, so the token cannot be sent as one",
                seen(grant, [other])
            ))),
        }
    }

    /// The issued type must be the requested one. If none was requested, it must be usable as a
    /// bearer token: an access token or a JWT.
    fn check_issued_type(
        &self,
        grant: &Grant,
        request: &ExchangeRequest,
        issued: Option<String>,
    ) -> Result<(), TokenEndpointError> {
        let Some(issued) = issued.map(TokenType::new) else {
            return if self.settings.allow_missing_issued_type {
                Ok(())
            } else {
                Err(unusable(
                    "the response has no `issued_token_type`; `Rfc8693::allow_missing_issued_type` \
                     accepts it",
                ))
            };
        };
        let expected = match self.type_to_request(request) {
            Some(requested) => issued == *requested,
            None => issued == TokenType::ACCESS_TOKEN || issued == TokenType::JWT,
        };
        if expected || self.settings.other_issued_types.contains(&issued) {
            Ok(())
        } else {
            Err(unusable(format!(
                "`issued_token_type` is {} and not the requested type; \
                 `Rfc8693::allow_issued_type` accepts it",
                seen(grant, [issued.as_str()])
            )))
        }
    }

    /// An absent scope means as requested (RFC 8693 section 2.2.1). A wider scope is rejected.
    fn granted(&self, grant: &Grant, granted: Option<&str>) -> Result<Scope, TokenEndpointError> {
        let requested = target(grant)
            .map(Target::scope)
            .cloned()
            .unwrap_or_default();
        let Some(granted) = granted else {
            return Ok(requested);
        };
        let granted = match json::text(granted) {
            Some(granted) => Scope::parse(&granted),
            None if self.settings.allow_scope_text_or_array => values::scope_array(granted),
            None if granted.starts_with('[') => {
                return Err(unusable(
                    "`scope` is an array and not a string; `Rfc8693::allow_scope_text_or_array` accepts both",
                ));
            }
            None => None,
        };
        let granted = granted.ok_or_else(|| unusable("`scope` is malformed"))?;
        let wider = || granted.iter().filter(|value| !requested.contains(value));
        let is_wider = !requested.is_empty() && wider().next().is_some();
        if is_wider && !self.settings.allow_wider_scope {
            return Err(unusable(format!(
                "a wider `scope` was granted than requested: {} was not requested; \
                 `Rfc8693::allow_wider_scope` accepts it",
                seen(grant, wider())
            )));
        }
        Ok(granted)
    }

    /// Rejects a token that is for other services by the response: the server may have ignored the
    /// parameter.
    fn check_named(
        &self,
        grant: &Grant,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), TokenEndpointError> {
        let target = target(grant).filter(|_| !self.settings.danger_any_audience);
        let (Some(target), Some(value)) = (target, value) else {
            return Ok(());
        };
        let names = json::texts(value);
        // No name, no contradiction.
        let is_other = !names.is_empty() && !names.iter().any(|name| target.is_named(name));
        match is_other {
            false => Ok(()),
            true => Err(unusable(format!(
                "`{name}` of the response says that the token is for {} and not for {target}; \
                 `Target::or_named` (`or_named` of the destination in a file) accepts another name of the same \
                 service",
                seen(grant, names.iter().map(|name| &**name))
            ))),
        }
    }

    /// `expires_in` as a JSON number, or as a string if the dialect allows it. Anything else counts
    /// as missing. A day is the most.
    fn seconds(&self, json: &str) -> Option<Duration> {
        let digits = json
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let seconds: f64 = match digits {
            None => json.parse().ok()?,
            Some(digits) => {
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                let allowed = self.settings.allow_text_expires_in && is_number;
                digits.parse().ok().filter(|_| allowed)?
            }
        };
        Some(Duration::from_secs_f64(seconds.clamp(0.0, MAX_LIFETIME)))
    }

    /// An access token is opaque to its client. But if it is a JWT, its claims can reject it or
    /// shorten its use: it must be for the target, of the same user, and not expired.
    fn check_as_jwt(
        &self,
        grant: &Grant,
        token: &str,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, TokenEndpointError> {
        let Some(claims) = JwtClaims::of(token) else {
            return Ok(None);
        };
        let names = claims.get("aud").map(json::texts).unwrap_or_default();
        let target = target(grant).filter(|_| !self.settings.danger_any_audience);
        if target.is_some_and(|target| !names.iter().any(|name| target.is_named(name))) {
            return Err(unusable(format!(
                "the issued token is not for the requested audience: `aud` is {}; \
                 `Target::or_named` (`or_named` of the destination in a file) accepts another name of the same \
                 service",
                seen(grant, names.iter().map(|name| &**name))
            )));
        }
        let is_of_another = |request| {
            let by_subject = !self.settings.pairwise_subject && has_other_subject(request, &claims);
            by_subject || has_other_claims(&self.settings.user_claims, request, &claims)
        };
        if grant.exchange().is_some_and(is_of_another) {
            return Err(unusable("the issued token is of another subject"));
        }
        if let Some(thumbprint) = grant.thumbprint() {
            let jkt = claims.get("cnf").and_then(|cnf| json::member(cnf, "jkt"));
            let jkt = jkt.and_then(json::text);
            let jkt = jkt.and_then(|jkt| Thumbprint::parse(&jkt));
            if jkt.as_ref() != Some(thumbprint) {
                return Err(unusable(
                    "the issued token is not bound to the key of the proof: `jkt` in its `cnf` is missing or of another key",
                ));
            }
        }
        let exp = claims.get("exp").and_then(|exp| exp.parse().ok());
        let expires_at = exp
            .filter(|exp| *exp < 1e15)
            .map(|exp: f64| UnixTime::from_duration(Duration::from_secs_f64(exp.max(0.0))));
        if expires_at.is_some_and(|at| at <= now) {
            return Err(unusable("the issued token has expired already"));
        }
        Ok(expires_at)
    }
}

fn scheme_of(grant: &Grant) -> TokenScheme {
    match grant.thumbprint() {
        Some(_) => TokenScheme::Dpop,
        None => TokenScheme::Bearer,
    }
}

fn target(grant: &Grant) -> Option<&Target> {
    grant.target().map(|target| &**target)
}

/// Values of the response for an error, without tokens that the server repeats.
fn seen<'v>(grant: &Grant, values: impl IntoIterator<Item = &'v str>) -> String {
    let values = values.into_iter();
    let values: Vec<_> = values.map(|value| without_tokens(grant, value)).collect();
    all_seen(values.iter().map(String::as_str))
}

fn unusable(problem: impl Into<Cow<'static, str>>) -> TokenEndpointError {
    TokenEndpointError::new(ErrorClass::ResponseUnusable, problem)
}

/// A member that must be a string if present.
fn text(name: &'static str, value: Option<&str>) -> Result<Option<String>, TokenEndpointError> {
    let read = value.map(|value| {
        let text = json::text(value).map(Into::into);
        text.ok_or_else(|| unusable(format!("`{name}` of the response is not a string")))
    });
    read.transpose()
}

/// The claims of a token that is a JWT, as a JSON object.
struct JwtClaims(String);

impl JwtClaims {
    fn of(token: &str) -> Option<Self> {
        let mut segments = token.split('.');
        let payload = segments.nth(1)?;
        let json = base64url::decode(payload).filter(|_| segments.count() == 1)?;
        json::pick(&json, [])?;
        String::from_utf8(json).ok().map(Self)
    }

    /// The JSON text of a claim; the last one if the name occurs twice.
    fn get(&self, name: &str) -> Option<&str> {
        json::member(&self.0, name)
    }

    /// The value of a claim; `None` if it is null or out of range, such as a too large number.
    fn value(&self, name: &str) -> Option<Value> {
        let value = serde_json::from_str(self.get(name)?).ok();
        value.filter(|value| *value != Value::Null)
    }
}

/// Whether one of these claims is in both tokens and differs.
fn has_other_claims(names: &[&str], request: &ExchangeRequest, issued: &JwtClaims) -> bool {
    let own = JwtClaims::of(request.subject().subject_token().expose());
    let differs = |name: &&str| {
        let pair = own
            .as_ref()
            .and_then(|own| own.value(name))
            .zip(issued.value(name));
        pair.is_some_and(|(own, issued)| own != issued)
    };
    names.iter().any(differs)
}

fn has_other_subject(request: &ExchangeRequest, claims: &JwtClaims) -> bool {
    let text = |name| claims.get(name).and_then(json::text);
    let subject = request.subject();
    // Only another issuer may have another name for the user. Without `iss`, it is our name or a
    // wrong one.
    let same_issuer = text("iss").is_none_or(|iss| iss == subject.issuer().as_str());
    same_issuer && text("sub").as_deref() != Some(subject.subject())
}
