//! Messages that the server sends by itself.

use axum::body::{Body, to_bytes};
use http::{Request, Response, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

pub(crate) async fn send_logout(url: &str, token: &str) -> Response<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let form = form.append_pair("logout_token", token).finish();
    post(url, "application/x-www-form-urlencoded", form).await
}

pub(crate) async fn send_security_event(url: &str, token: &str) -> Response<String> {
    post(url, "application/secevent+jwt", token.to_owned()).await
}

async fn post(url: &str, content_type: &str, body: String) -> Response<String> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::ACCEPT, "application/json")
        .body(Body::from(body))
        .expect("a URL");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.expect("a receiver");
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await;
    let body = String::from_utf8(body.expect("a complete body").into()).expect("text");
    Response::from_parts(parts, body)
}
