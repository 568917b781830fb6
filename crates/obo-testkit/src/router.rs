//! One request: read, recorded, delayed by faults, served by its endpoint, edited by faults.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{self, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::client_certificate::Presented;
use crate::fault::{Endpoint, Fault};
use crate::form::{self, Form, Pairs};
use crate::recorded::Recorded;
use crate::state::State;
use crate::{introspection, metadata, token_endpoint};

const MAX_BODY: usize = 1 << 20;

pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(serve).with_state(state)
}

async fn serve(extract::State(state): extract::State<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let endpoint = route(&state, parts.uri.path());
    let pairs = form::pairs(&parts.headers, &body);
    let index = {
        let mut requests = state.requests.lock();
        requests.push(Recorded::new(endpoint, &parts, pairs.clone()));
        requests.len() - 1
    };
    state.arrived.send_replace(());
    let response = match endpoint {
        Some(endpoint) => misbehaving(&state, endpoint, &parts, pairs).await,
        None => StatusCode::NOT_FOUND.into_response(),
    };
    state.requests.lock()[index].status = Some(response.status().as_u16());
    response
}

fn route(state: &State, path: &str) -> Option<Endpoint> {
    // RFC 8414 §3.1 puts the well-known part before the issuer's path, OpenID Connect after it.
    if path.strip_prefix("/.well-known/oauth-authorization-server") == Some(&state.path) {
        return Some(Endpoint::OAuthMetadata);
    }
    match path.strip_prefix(state.path.as_str())? {
        "/.well-known/openid-configuration" => Some(Endpoint::OpenIdConfiguration),
        "/jwks" => Some(Endpoint::Jwks),
        "/token" => Some(Endpoint::Token),
        "/introspect" => Some(Endpoint::Introspection),
        _ => None,
    }
}

async fn misbehaving(
    state: &Arc<State>,
    endpoint: Endpoint,
    parts: &Parts,
    pairs: Option<Pairs>,
) -> Response {
    let mut healed = state.healed.subscribe();
    let faults = state.faults.lock().next(endpoint);
    let status = |code: u16| StatusCode::from_u16(code).expect("an HTTP status");
    let (mut instead, mut edits) = (None, Vec::new());
    let mut unproven = None;
    for fault in faults {
        match fault {
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Hang => healed.changed().await.expect("a sender in the state"),
            Fault::Status(code) => instead = instead.or(Some(status(code).into_response())),
            Fault::RetryAfter(code, value) => {
                let value = HeaderValue::from_str(&value).expect("a header value");
                let response = (status(code), [(header::RETRY_AFTER, value)]).into_response();
                instead = instead.or(Some(response));
            }
            Fault::Body(body) => instead = instead.or(Some(json(body))),
            Fault::IgnoreProof => {
                let unproven = unproven.get_or_insert_with(|| parts.clone());
                unproven.headers.remove("dpop");
            }
            Fault::IgnoreCertificate => {
                let unproven = unproven.get_or_insert_with(|| parts.clone());
                if let Some(presented) = unproven.extensions.get_mut::<Presented>() {
                    presented.binds = false;
                }
            }
            Fault::Merge(members) => edits.push(members),
            Fault::WrongIssuer if Endpoint::Discovery.covers(endpoint) => {
                edits.push(serde_json::json!({ "issuer": state.url("/other") }));
            }
            Fault::WrongIssuer => {}
        }
    }
    if let Some(response) = instead {
        return response;
    }
    let parts = unproven.as_ref().unwrap_or(parts);
    let response = respond(state, endpoint, parts, pairs);
    if edits.is_empty() || !response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body in memory");
    let Ok(Value::Object(mut members)) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    for (name, value) in edits.iter().filter_map(Value::as_object).flatten() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(members).to_string()))
}

fn respond(
    state: &Arc<State>,
    endpoint: Endpoint,
    parts: &Parts,
    pairs: Option<Pairs>,
) -> Response {
    let allowed = match endpoint {
        Endpoint::Token | Endpoint::Introspection => Method::POST,
        _ => Method::GET,
    };
    if parts.method != allowed {
        let allow = [(header::ALLOW, allowed.as_str())];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let is_proven = endpoint == Endpoint::Token && parts.headers.contains_key("dpop");
    let endpoint = match endpoint {
        Endpoint::Token => token_endpoint::respond,
        Endpoint::Introspection => introspection::respond,
        Endpoint::Jwks => return json(state.keys.lock().body()),
        _ => return json(metadata::document(state).to_string()),
    };
    let response = Form::check(pairs).and_then(|form| endpoint(state, parts, &form));
    let no_store = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    let mut response = (no_store, response).into_response();
    if is_proven && state.settings.lock().demands_nonce {
        let nonce = state.nonces.lock().current();
        let nonce = HeaderValue::from_str(&nonce).expect("base64url");
        response.headers_mut().insert("dpop-nonce", nonce);
    }
    response
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
