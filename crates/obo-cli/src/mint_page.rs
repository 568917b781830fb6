//! The page of `obo idp`, and the same for scripts: it mints tokens and revokes them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use obo_testkit::TestIdp;
use serde_json::json;

use crate::idp_config::IdpConfig;
use crate::mint::{Done, Fields, MINT, Mint, REVOKE};
use crate::mint_view;

/// Serves the page, and `/mint`, `/revoke`, `/restore` and `/logout` for scripts.
pub(crate) fn router(idp: TestIdp, config: IdpConfig, at: SocketAddr) -> Router {
    let mint = Arc::new(Mint::new(idp, config, at));
    let style = async || ([(header::CONTENT_TYPE, "text/css")], mint_view::style());
    Router::new()
        .route("/", get(shown).post(pressed))
        .route("/style.css", get(style))
        .route("/mint", post(minted))
        .route("/revoke", post(revoked))
        .route("/restore", post(restored))
        .route("/logout", post(logged_out))
        .layer(from_fn_with_state(Arc::clone(&mint), only_local))
        .with_state(mint)
}

/// Rejects requests that a page of elsewhere makes.
async fn only_local(State(mint): State<Arc<Mint>>, request: Request, next: Next) -> Response {
    let is_local = {
        let text = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        // A browser that names another host shows a page of elsewhere, whose name resolves to here.
        let hosts = [mint.at.to_string(), format!("localhost:{}", mint.at.port())];
        let is_own = |host: &str| hosts.iter().any(|own| own == host);
        let origin = text(header::ORIGIN).map(|origin| origin.trim_start_matches("http://"));
        text(header::HOST).is_some_and(is_own) && origin.is_none_or(is_own)
    };
    if !is_local {
        return (StatusCode::FORBIDDEN, "this page is for this host only\n").into_response();
    }
    let mut response = next.run(request).await;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn shown(State(mint): State<Arc<Mint>>) -> Html<String> {
    Html(mint_view::html(&mint, None, &mint_view::Outcome::None))
}

/// A button of the page was pressed: `press` says which one.
async fn pressed(State(mint): State<Arc<Mint>>, body: String) -> Response {
    let mut known = MINT.to_vec();
    known.extend(["token", "press"]);
    let fields = Fields::read(&body, &known);
    let outcome = match &fields {
        Err(problem) => Err(problem.clone()),
        Ok(fields) => match fields.get("press") {
            Some("revoke") => mint.revoke(fields).map(mint_view::Outcome::Done),
            Some("restore") => mint.restore(fields).map(mint_view::Outcome::Done),
            Some("logout") => mint.log_out(fields).await.map(mint_view::Outcome::Done),
            _ => mint.mint(fields).map(mint_view::Outcome::Minted),
        },
    };
    let (status, outcome) = match outcome {
        Ok(outcome) => (StatusCode::OK, outcome),
        Err(problem) => (
            StatusCode::BAD_REQUEST,
            mint_view::Outcome::Refused(problem),
        ),
    };
    // The fields of a token to mint stay as they are.
    let fields = fields.ok().filter(|fields| fields.get("press").is_none());
    let html = mint_view::html(&mint, fields.as_ref(), &outcome);
    (status, Html(html)).into_response()
}

async fn minted(State(mint): State<Arc<Mint>>, body: String) -> Response {
    let token = Fields::read(&body, &MINT).and_then(|fields| mint.mint(&fields));
    token.map_or_else(refused, |token| format!("{token}\n").into_response())
}

async fn revoked(State(mint): State<Arc<Mint>>, body: String) -> Response {
    done(Fields::read(&body, &REVOKE).and_then(|fields| mint.revoke(&fields)))
}

async fn restored(State(mint): State<Arc<Mint>>, body: String) -> Response {
    done(Fields::read(&body, &["user"]).and_then(|fields| mint.restore(&fields)))
}

async fn logged_out(State(mint): State<Arc<Mint>>, body: String) -> Response {
    match Fields::read(&body, &["user"]) {
        Ok(fields) => done(mint.log_out(&fields).await),
        Err(problem) => refused(problem),
    }
}

fn done(done: Done) -> Response {
    done.map_or_else(refused, |done| {
        axum::Json(json!({ "done": done })).into_response()
    })
}

fn refused(problem: String) -> Response {
    let body = axum::Json(json!({ "error": problem }));
    (StatusCode::BAD_REQUEST, body).into_response()
}
