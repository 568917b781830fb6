use axum::Json;
use axum::response::{IntoResponse as _, Response};
use obo::Caller;
use obo::caller::PrincipalKind;
use obo_axum::Authenticated;
use serde_json::{Value, json};

use super::protocol::Protocol;
use super::refusal::Refusal;

/// Responds with the claims of the caller's token.
pub(super) async fn claims(Authenticated(caller): Authenticated, protocol: Protocol) -> Response {
    match protocol.is_grpc() {
        true => Refusal::NoRoute.response(&protocol),
        false => Json(json_of(&caller)).into_response(),
    }
}

fn json_of(caller: &Caller) -> Value {
    let actor = caller.current_actor().map(|actor| {
        let id = actor.id();
        json!({ "iss": id.issuer(), "sub": id.subject() })
    });
    json!({
        "iss": caller.issuer().as_str(),
        "sub": caller.subject(),
        "kind": match caller.kind() {
            PrincipalKind::User => "user",
            PrincipalKind::Service => "service",
        },
        "actor": actor,
        "prior_actors": caller.prior_actors().audit().collect::<Vec<_>>(),
        "client_id": caller.client_id(),
        "scope": caller.scope().iter().collect::<Vec<_>>().join(" "),
        "aud": caller.audience().collect::<Vec<_>>(),
        "exp": caller.expires_at().as_secs(),
    })
}
