//! Token exchange (RFC 8693), strict wherever the RFC leaves room.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::form::Form;
use crate::issue::Binding;
use crate::jwt::Claims;
use crate::oauth_error::{OAuthError, require};
use crate::registration::Registration;
use crate::state::State;
use crate::token_builder::TokenBuilder;
use crate::{access_token, act, issue, target};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Claims of the subject token that stay true of the issued one, besides `sub`.
const CARRIED_OVER: [&str; 2] = ["acr", "auth_time"];

pub(crate) fn grant(
    state: &Arc<State>,
    client: &Registration,
    form: &Form,
    binding: &Binding,
) -> Result<Value, OAuthError> {
    // Otherwise a service could exchange tokens that were sent to another service.
    let subject = token(state, form, "subject", &[&client.id])?;
    // A client credentials token without a target is addressed to the server that issued it.
    let actor = match form.one("actor_token").or(form.one("actor_token_type")) {
        Some(_) => Some(token(state, form, "actor", &[&client.id, &state.issuer])?),
        None => None,
    };
    let issued_token_type = form.one("requested_token_type").unwrap_or(ACCESS_TOKEN);
    check_type("requested_token_type", issued_token_type)?;

    let targets = target::requested(state, form, &client.exchange_targets)?;
    let text = "neither audience nor resource is given";
    require(!targets.is_empty(), "invalid_target", text)?;

    let acting = actor.as_ref().map_or(&*client.id, |actor| &actor.sub);
    let claims = &subject.claims.0;
    if let Some(may_act) = claims.get("may_act") {
        act::check_may_act(may_act, &state.issuer, acting, &client.id)?;
    }
    let mut token = TokenBuilder::access_token(Arc::clone(state), &subject.sub, &client.id);
    for name in CARRIED_OVER {
        if let Some(value) = claims.get(name) {
            token = token.claim(name, value.clone());
        }
    }
    if !client.impersonates {
        token = token.claim("act", act::delegate(acting, claims.get("act")));
    }
    // The issued token must not outlive the tokens it was issued for.
    let not_after = actor.map_or(subject.exp, |actor| actor.exp.min(subject.exp));
    let scopes = [form.one("scope"), subject.claims.text("scope")];
    let not_after = Some(not_after);
    let mut response = issue::response(state, client, token, &targets, scopes, not_after, binding)?;
    response["issued_token_type"] = json!(issued_token_type);
    Ok(response)
}

/// A valid token of this server.
struct Token {
    claims: Claims,
    sub: String,
    exp: i64,
}

/// The token in `{role}_token`, which must be addressed to one of `audiences`.
fn token(state: &State, form: &Form, role: &str, audiences: &[&str]) -> Result<Token, OAuthError> {
    let parameter = format!("{role}_token");
    let token = form.required(&parameter)?;
    let parameter = format!("{role}_token_type");
    check_type(&parameter, form.required(&parameter)?)?;

    let refused = |reason| {
        let text = format!("{role} token refused: {reason}");
        OAuthError::new("invalid_request", text)
    };
    let claims = access_token::read(state, token).map_err(refused)?;
    if claims.text("iss") != Some(&state.issuer) {
        return Err(refused("issued by another server"));
    }
    let sub = claims.text("sub").filter(|sub| !sub.is_empty());
    let sub = sub.ok_or_else(|| refused("no sub"))?.to_owned();
    let exp = claims
        .expiry(state.now())
        .ok_or_else(|| refused("expired, not valid yet, or without exp"))?;
    let is_ours = claims.audiences().iter().any(|aud| audiences.contains(aud));
    let text = format!("{role} token is not addressed to this client");
    require(is_ours, "invalid_request", text)?;
    Ok(Token { claims, sub, exp })
}

fn check_type(parameter: &str, value: &str) -> Result<(), OAuthError> {
    let text = format!("{parameter} must be access_token or jwt");
    require(
        [ACCESS_TOKEN, JWT].contains(&value),
        "invalid_request",
        text,
    )
}
