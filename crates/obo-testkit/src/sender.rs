//! Messages that the server sends by itself.

use axum::body::{Body, to_bytes};
use http::{Request, Response, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

pub(crate) async fn send_logout(url: &str, token: &str) -> Result<Response<String>, String> {
    // The serializer must not be part of the future, which would not be `Send` with it.
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", token)
        .finish();
    post(url, "application/x-www-form-urlencoded", form).await
}

pub(crate) async fn send_security_event(url: &str, token: &str) -> Response<String> {
    let sent = post(url, "application/secevent+jwt", token.to_owned()).await;
    sent.expect("a receiver")
}

async fn post(url: &str, content_type: &str, body: String) -> Result<Response<String>, String> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::ACCEPT, "application/json")
        .body(Body::from(body))
        .map_err(|error| format!("{url} is not a URL: {error}"))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await;
    let response = response.map_err(|error| format!("{url} cannot be reached: {error}"))?;
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await;
    let body = body.map_err(|error| format!("{url} sent no complete response: {error}"))?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Response::from_parts(parts, body))
}
