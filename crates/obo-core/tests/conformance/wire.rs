//! One exchange at one authorization server: the request, and responses as literal bytes.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, header};
use obo_core::binding::Thumbprint;
use obo_core::dialect::{Dialect, Registration, Rfc8693};
use obo_core::{
    Audience, Caller, ExchangeRequest, Grant, IssuedToken, Scope, Target, TokenEndpointError,
    TokenRequest,
};

use crate::signer::{FORGER, P256};
use crate::token::Token;
use crate::validate::{NOW, issuer, verdict};

pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The user whose token is exchanged.
pub(crate) fn alice() -> Caller {
    verdict(&Token::new().mint()).unwrap()
}

/// An exchange for `service-b`, with this scope or none.
pub(crate) fn for_service_b(scope: &[&str]) -> ExchangeRequest {
    let target = Target::audience(Audience::new("service-b").unwrap());
    ExchangeRequest::new(&alice(), target.with_scope(Scope::new(scope).unwrap()))
}

/// That exchange as a grant.
pub(crate) fn grant(request: &ExchangeRequest) -> Grant {
    request.clone().into()
}

/// The client's own token, for that target.
pub(crate) fn own(target: Option<&Target>) -> Grant {
    Grant::client_credentials(target.map(|target| Arc::new(target.clone())))
}

/// Of one of two keys of this service.
pub(crate) fn thumbprint(is_second: bool) -> Thumbprint {
    let signer = if is_second { &FORGER } else { &P256 };
    Thumbprint::of_jwk(&signer.jwk("")).unwrap()
}

/// The form that the client `service-a` sends.
pub(crate) fn form(
    dialect: &impl Dialect,
    request: &ExchangeRequest,
) -> Result<TokenRequest, TokenEndpointError> {
    dialect.request(&grant(request), Registration::new(&issuer(), "service-a"))
}

/// The body as a string.
pub(crate) fn text(form: &TokenRequest) -> String {
    String::from_utf8(form.body().to_vec()).unwrap()
}

pub(crate) fn http_response(status: u16, body: impl Into<Vec<u8>>) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.into()))
        .unwrap()
}

/// The result of the strict dialect for a 200 with this body.
pub(crate) fn read(
    request: &ExchangeRequest,
    body: &str,
) -> Result<IssuedToken, TokenEndpointError> {
    Rfc8693::new().response(&grant(request), &http_response(200, body), NOW)
}

/// The same for the usual request.
pub(crate) fn accept(body: &str) -> Result<IssuedToken, TokenEndpointError> {
    read(&for_service_b(&[]), body)
}

/// A complete response with one member changed or added, or removed if `json` is empty.
pub(crate) fn with(name: &str, json: &str) -> String {
    let members = [
        ("access_token", "\"opaque\"".to_owned()),
        ("token_type", "\"Bearer\"".to_owned()),
        ("issued_token_type", format!("\"{ACCESS_TOKEN}\"")),
        ("expires_in", "300".to_owned()),
    ];
    let mut members: Vec<_> = members
        .into_iter()
        .filter(|(own, _)| *own != name)
        .map(|(own, value)| format!("\"{own}\":{value}"))
        .collect();
    if !json.is_empty() {
        members.push(format!("\"{name}\":{json}"));
    }
    format!("{{{}}}", members.join(","))
}

/// A complete response with this access token.
pub(crate) fn issued(token: &str) -> String {
    with("access_token", &format!("\"{token}\""))
}
