//! A plain HTTP client, and a reader of tokens that shares no code with the crate.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use obo_testkit::TestIdp;
use serde_json::Value;

pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Status and `error`, to compare both at once.
    pub(crate) fn error(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["error"].as_str().unwrap_or_default().to_owned(),
        )
    }

    pub(crate) fn description(&self) -> String {
        self.json()["error_description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn access_token(&self) -> String {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["access_token"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> Result<Response, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request).await?.into_parts();
    let body = body.collect().await.expect("the whole body").to_bytes();
    Ok(Response {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

pub(crate) async fn get(url: &str) -> Response {
    send(Request::get(url).body(Full::default()).unwrap())
        .await
        .unwrap()
}

/// Posts pairs to the token endpoint, without client authentication.
pub(crate) async fn post(idp: &TestIdp, pairs: &[(&str, &str)]) -> Response {
    post_raw(idp, FORM, &[], encode(pairs)).await
}

pub(crate) async fn post_raw(
    idp: &TestIdp,
    content_type: &str,
    authorization: &[&str],
    body: String,
) -> Response {
    let mut request =
        Request::post(idp.token_endpoint()).header(header::CONTENT_TYPE, content_type);
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    send(request.body(Full::from(body)).unwrap()).await.unwrap()
}

/// Posts pairs as a client whose secret is `s3cret`.
pub(crate) async fn post_as(idp: &TestIdp, client: &str, pairs: &[(&str, &str)]) -> Response {
    post_raw(idp, FORM, &[&basic(client, "s3cret")], encode(pairs)).await
}

/// Exchanges a subject token as a client whose secret is `s3cret`.
///
/// `more` adds or replaces parameters.
pub(crate) async fn exchange(
    idp: &TestIdp,
    client: &str,
    subject_token: &str,
    more: &[(&str, &str)],
) -> Response {
    let defaults = [
        ("grant_type", EXCHANGE),
        ("subject_token", subject_token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let defaults = defaults
        .iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let pairs: Vec<_> = defaults.chain(more).copied().collect();
    post_as(idp, client, &pairs).await
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", part(id), part(secret)))
    )
}

pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

pub(crate) fn header_of(token: &str) -> Value {
    part(token, 0)
}

pub(crate) fn claims_of(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a compact JWS");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A server with the client `service-a`, which may exchange to `service-b`.
pub(crate) async fn server() -> TestIdp {
    let idp = TestIdp::start().await;
    idp.client("service-a")
        .secret("s3cret")
        .may_exchange_to("service-b");
    idp
}
