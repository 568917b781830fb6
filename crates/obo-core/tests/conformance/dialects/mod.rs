//! The requests and responses of products on the wire: complete forms, and refusals with their
//! class.
//!
//! The bodies are from the products' documentation or written after their source, as each file
//! says. None was captured.

use http::StatusCode;
use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{
    ActorToken, Audience, ErrorClass, ExchangeRequest, IssuedToken, Resource, Scope, Secret,
    Target, TokenEndpointError, TokenType,
};

use crate::signer::b64;
use crate::validate::NOW;
use crate::wire::{alice, form, grant, http_response, text};

mod auth0;
mod authentik;
mod entra;
mod keycloak;
mod names;
mod okta;
mod others;
mod zitadel;

const ACCESS_TOKEN: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
const JWT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt";

fn audience(name: &str) -> Target {
    Target::audience(Audience::new(name).unwrap())
}

fn resource(uri: &str) -> Target {
    Target::resource(Resource::new(uri).unwrap())
}

fn scoped(target: Target, scope: &str) -> Target {
    target.with_scope(Scope::parse(scope).unwrap())
}

/// Alice's call to the target.
fn to(target: Target) -> ExchangeRequest {
    ExchangeRequest::new(&alice(), target)
}

/// This service's own token, as the actor.
fn actor(token_type: TokenType) -> ActorToken {
    ActorToken::new(Secret::new("own-token"), token_type, "service-a#1")
}

/// The complete body, with `SUBJECT` for the caller's token.
fn body(dialect: &Rfc8693, request: &ExchangeRequest) -> String {
    let form = form(dialect, request).unwrap();
    text(&form).replace(request.subject().subject_token().expose(), "SUBJECT")
}

/// Why the request is not sent.
fn not_asked(dialect: &Rfc8693, request: &ExchangeRequest) -> TokenEndpointError {
    form(dialect, request).unwrap_err()
}

fn unsayable(dialect: &Rfc8693, request: &ExchangeRequest, parameter: &str) {
    let error = not_asked(dialect, request);
    assert_eq!(error.class(), ErrorClass::ClientMisconfigured, "{error}");
    assert!(
        error.to_string().contains(&format!("`{parameter}`")),
        "{error}"
    );
}

fn read(
    dialect: &Rfc8693,
    request: &ExchangeRequest,
    body: &str,
) -> Result<IssuedToken, TokenEndpointError> {
    dialect.response(&grant(request), &http_response(200, body), NOW)
}

fn refusal(
    dialect: &Rfc8693,
    request: &ExchangeRequest,
    status: u16,
    body: &str,
) -> TokenEndpointError {
    assert_ne!(status, StatusCode::OK);
    dialect
        .response(&grant(request), &http_response(status, body), NOW)
        .unwrap_err()
}

/// Status, body and class of each refusal.
fn classes(dialect: &Rfc8693, request: &ExchangeRequest, refusals: &[(u16, &str, ErrorClass)]) {
    for (status, body, class) in refusals {
        let refused = refusal(dialect, request, *status, body);
        assert_eq!(refused.class(), *class, "{status} {body}");
    }
}

/// A JWT with these claims. Its signature is never verified.
fn jwt(claims: &str) -> String {
    format!("{}.{}.c2ln", b64(r#"{"alg":"RS256"}"#), b64(claims))
}
