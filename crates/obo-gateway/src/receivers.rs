use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any_service};
use obo::trace::TraceContextLayer;
use obo_config::Receivers;
use tower::{Layer as _, ServiceExt as _};

/// The receivers of logouts and other events, by their paths.
#[derive(Clone, Default)]
pub(super) struct ReceiverPaths(Arc<[(String, MethodRouter)]>);

impl ReceiverPaths {
    pub(super) fn new(receivers: Receivers) -> Self {
        let traced = TraceContextLayer::new();
        let logout = receivers.logout.map(|it| {
            let service = traced.layer(it.service);
            (it.path, any_service(service))
        });
        let signals = receivers.signals.map(|it| {
            let service = traced.layer(it.service);
            (it.path, any_service(service))
        });
        Self(logout.into_iter().chain(signals).collect())
    }
}

/// Hands logouts and events to their receivers, which require no bearer token: the token in the
/// body authenticates the sender.
pub(super) async fn receivers(
    State(receivers): State<ReceiverPaths>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    match receivers.0.iter().find(|(own, _)| own == path) {
        Some((_, receiver)) => receiver.clone().oneshot(request).await.into_response(),
        None => next.run(request).await,
    }
}
