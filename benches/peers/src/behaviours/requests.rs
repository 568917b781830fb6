//! Requests that must be refused, each with the expected response, and unusual ones that must pass.

use aws_lc_rs::hmac;
use axum::http::{HeaderValue, Method, Request, Version, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo_testkit::{TestIdp, TestKey, TokenBuilder};
use serde_json::json;

use super::world::user;
use crate::app::{bearer, request};
use crate::peers::AUDIENCE;

/// The expected response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Accepted,
    /// 401 and a challenge without an error (RFC 6750 section 3.1).
    Challenge,
    /// 400, or 401 and a challenge.
    InvalidRequest,
    /// 401 and `invalid_token`.
    InvalidToken,
    /// 403 and `insufficient_scope`.
    InsufficientScope,
    /// The gRPC status `UNAUTHENTICATED`.
    Unauthenticated,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) expected: Expected,
    pub(super) request: Request<()>,
}

impl Case {
    fn new(name: &'static str, expected: Expected, request: Request<()>) -> Self {
        Self {
            name,
            expected,
            request,
        }
    }

    fn invalid(name: &'static str, token: &str) -> Self {
        Self::new(name, Expected::InvalidToken, of(token))
    }

    fn accepted(name: &'static str, token: &TokenBuilder) -> Self {
        Self::new(name, Expected::Accepted, of(&token.mint()))
    }
}

fn of(token: &str) -> Request<()> {
    bearer(&format!("Bearer {token}"))
}

/// All cases. `idp` publishes `key` as `kid`.
pub(super) fn all(idp: &TestIdp, key: &TestKey, kid: &str) -> Vec<Case> {
    let user = || user(idp).sign_with(key).kid(Some(kid));
    let valid = user().mint();
    let mut twice = of(&valid);
    twice
        .headers_mut()
        .append(header::AUTHORIZATION, header_of(&user().mint()));
    let id_token = idp.id_token("alice", AUDIENCE).sign_with(key);
    let in_past = user().expires_in(-3600).mint();
    vec![
        Case::new("no credentials", Expected::Challenge, request()),
        Case::new("`Basic`", Expected::Challenge, bearer("Basic YTpi")),
        Case::new(
            "`Bearer` with two words",
            Expected::InvalidRequest,
            bearer("Bearer a b"),
        ),
        Case::new("two `Authorization`", Expected::InvalidRequest, twice),
        Case::invalid("not a JWT", "opaque"),
        Case::invalid("expired", &in_past),
        Case::invalid("without `exp`", &user().without("exp").mint()),
        Case::invalid("`nbf` in an hour", &user().not_before(3600).mint()),
        Case::invalid(
            "`nbf` that is not a number",
            &user().claim("nbf", "soon").mint(),
        ),
        Case::invalid(
            "another `iss`",
            &user().issuer("https://other.example").mint(),
        ),
        Case::invalid(
            "`iss` as a list with the right issuer",
            &user().claim("iss", json!([idp.issuer()])).mint(),
        ),
        Case::invalid("another `aud`", &user().claim("aud", "service-b").mint()),
        Case::invalid("without `aud`", &user().without("aud").mint()),
        Case::invalid("`alg` none, unsigned", &unsigned(&user())),
        Case::invalid(
            "HS256 with the public key",
            &signed_with_public_key(&user(), key),
        ),
        Case::invalid(
            "signed by another key",
            &user().sign_with(&TestKey::generate(key.alg())).mint(),
        ),
        Case::invalid(
            "`crit` of an unknown extension",
            &user().header("crit", json!(["x"])).header("x", 1).mint(),
        ),
        Case::invalid("an ID token (`typ` JWT)", &id_token.kid(Some(kid)).mint()),
        Case::invalid(
            "bound to a DPoP key (`cnf`)",
            &user()
                .claim(
                    "cnf",
                    json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
                )
                .mint(),
        ),
        Case::new(
            "gRPC, no credentials",
            Expected::Unauthenticated,
            grpc(request()),
        ),
        Case::new(
            "gRPC, expired",
            Expected::Unauthenticated,
            grpc(of(&in_past)),
        ),
        Case::new(
            "`bearer` in lower case",
            Expected::Accepted,
            bearer(&format!("bearer {valid}")),
        ),
        Case::new(
            "two spaces after `Bearer`",
            Expected::Accepted,
            bearer(&format!("Bearer  {valid}")),
        ),
        Case::accepted("`aud` as a list", &user().audience("service-b")),
        Case::accepted(
            "`typ` application/at+jwt",
            &user().typ(Some("application/at+jwt")),
        ),
        Case::accepted("`exp` with a fraction", &user().claim("exp", 4e9 + 0.5)),
    ]
}

/// A token without the scope, for a service that requires it.
pub(super) fn without_scope(idp: &TestIdp, key: &TestKey, kid: &str) -> Case {
    let token = user(idp).claim("scope", "other").sign_with(key);
    let request = of(&token.kid(Some(kid)).mint());
    Case::new("without the scope", Expected::InsufficientScope, request)
}

fn header_of(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).unwrap()
}

fn grpc(mut request: Request<()>) -> Request<()> {
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    request
}

fn unsigned(token: &TokenBuilder) -> String {
    let token = token.clone().header("alg", "none").mint();
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.")
}

fn signed_with_public_key(token: &TokenBuilder, key: &TestKey) -> String {
    let token = token.clone().header("alg", "HS256").mint();
    let (message, _) = token.rsplit_once('.').unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
    let mac = hmac::sign(&secret, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}
