//! Token exchange (RFC 8693), on the strict side wherever the RFC leaves room.

use serde_json::{Value, json};

use crate::form::Form;
use crate::issue::{self, Grant};
use crate::jwt::{Jwt, Object};
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;
use crate::{act, scope, target};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(crate) fn grant(
    state: &State,
    client: &Registration,
    form: &Form,
) -> Result<Value, OAuthError> {
    let subject = subject_token(state, client, form)?;
    let actor = actor_token(state, client, form)?;
    let issued_token_type = form.one("requested_token_type").unwrap_or(ACCESS_TOKEN);
    check_type("requested_token_type", issued_token_type)?;

    let targets = target::requested(state, form, |target| client.may_exchange_to(target))?;
    if targets.is_empty() {
        return Err(OAuthError::invalid_target(
            "neither audience nor resource says where the token is for",
        ));
    }
    let granted = scope::grant(
        client,
        &targets,
        form.one("scope"),
        subject.jwt.text("scope"),
    )?;

    let sub = |token: &Token<'_>| token.jwt.text("sub").map(str::to_owned);
    let acting = actor
        .as_ref()
        .and_then(sub)
        .unwrap_or_else(|| client.id.clone());
    if let Some(may_act) = subject.jwt.claims.get("may_act") {
        act::check_may_act(may_act, &state.issuer, &acting, &client.id)?;
    }
    let mut claims = carried_over(&subject.jwt);
    if !client.impersonates {
        claims.insert(
            "act".to_owned(),
            act::delegate(&acting, subject.jwt.claims.get("act")),
        );
    }
    // What is given out must not outlive what was handed in.
    let not_after = Some(actor.map_or(subject.exp, |actor| actor.exp.min(subject.exp)));
    let grant = Grant {
        client_id: &client.id,
        targets: &targets,
        granted,
        not_after,
        claims,
    };
    let mut answer = issue::answer(state, grant);
    answer["issued_token_type"] = json!(issued_token_type);
    Ok(answer)
}

/// A token of ours that is valid now.
struct Token<'a> {
    jwt: Jwt<'a>,
    exp: i64,
}

fn subject_token<'a>(
    state: &State,
    client: &Registration,
    form: &'a Form,
) -> Result<Token<'a>, OAuthError> {
    let token = form.required("subject_token")?;
    check_type("subject_token_type", form.required("subject_token_type")?)?;
    let token = verified(state, "subject", token)?;
    match token.jwt.audiences().contains(&client.id.as_str()) {
        true => Ok(token),
        // Else a service could spend tokens that were sent to another one.
        false => Err(OAuthError::invalid_request(
            "subject token is not addressed to this client",
        )),
    }
}

fn actor_token<'a>(
    state: &State,
    client: &Registration,
    form: &'a Form,
) -> Result<Option<Token<'a>>, OAuthError> {
    let Some(token) = form.one("actor_token") else {
        return match form.one("actor_token_type") {
            Some(_) => Err(OAuthError::invalid_request(
                "actor_token_type without actor_token",
            )),
            None => Ok(None),
        };
    };
    check_type("actor_token_type", form.required("actor_token_type")?)?;
    let token = verified(state, "actor", token)?;
    // A client credentials token without a target is addressed to the server that issued it.
    let addressed = |audience: &&str| *audience == client.id || *audience == state.issuer;
    match token.jwt.audiences().iter().any(addressed) {
        true => Ok(Some(token)),
        false => Err(OAuthError::invalid_request(
            "actor token is not addressed to this client",
        )),
    }
}

fn check_type(parameter: &str, value: &str) -> Result<(), OAuthError> {
    match value {
        ACCESS_TOKEN | JWT => Ok(()),
        _ => Err(OAuthError::invalid_request(format!(
            "{parameter} must be access_token or jwt"
        ))),
    }
}

fn verified<'a>(state: &State, role: &str, token: &'a str) -> Result<Token<'a>, OAuthError> {
    let refused =
        |reason: &str| OAuthError::invalid_request(format!("{role} token refused: {reason}"));
    if state.tokens().is_revoked(token) {
        return Err(refused("revoked"));
    }
    let opaque = state.tokens().claims(token);
    let jwt = match opaque {
        Some(claims) => Jwt::of_opaque(claims),
        None => signed(state, token).map_err(refused)?,
    };
    if jwt.text("iss") != Some(&state.issuer) {
        return Err(refused("issued by another server"));
    }
    if jwt.text("sub").is_none_or(str::is_empty) {
        return Err(refused("no sub"));
    }
    let exp = jwt
        .expiry(state.now())
        .ok_or_else(|| refused("expired, not valid yet, or without exp"))?;
    Ok(Token { jwt, exp })
}

/// A JWT that is an access token of this server.
fn signed<'a>(state: &State, token: &'a str) -> Result<Jwt<'a>, &'static str> {
    let jwt = Jwt::parse(token).filter(|jwt| jwt.alg.is_some());
    let jwt = jwt.ok_or("not a JWT signed with a supported algorithm")?;
    if !state.keys().signed(&jwt) {
        return Err("not signed by this server");
    }
    match jwt.typ().as_deref() {
        Some("at+jwt") => Ok(jwt),
        _ => Err("not an access token"),
    }
}

/// Who the user is, and how and when they authenticated, stay true from hop to hop.
fn carried_over(subject: &Jwt<'_>) -> Object {
    let kept = ["sub", "acr", "auth_time"];
    subject
        .claims
        .iter()
        .filter(|(name, _)| kept.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
