//! Any response of the token endpoint: no panic, and a token is always a header value.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use obo::Caller;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::setup::{Setup, audience};
use crate::stub::{Reply, Stub};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static CALLER: LazyLock<(Setup, Caller)> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let setup = Setup::start().await;
        let caller = setup.caller("alice").await;
        (setup, caller)
    })
});

/// JSON of any shape.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[A-Za-z0-9._~+/=-]{0,40}".prop_map(Value::from),
        "[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The members of a response, each valid or arbitrary.
fn members() -> impl Strategy<Value = Vec<u8>> {
    let or_any = |right: &'static str| prop_oneof![3 => Just(json!(right)), 1 => value()];
    let urn = "urn:ietf:params:oauth:token-type:access_token";
    let reply = (value(), or_any("Bearer"), or_any(urn), value(), value());
    reply.prop_map(|(token, token_type, issued, expires_in, more)| {
        let reply = json!({
            "access_token": token,
            "token_type": token_type,
            "issued_token_type": issued,
            "expires_in": expires_in,
            "error": more,
        });
        reply.to_string().into_bytes()
    })
}

fn replies() -> impl Strategy<Value = Reply> {
    let status = prop_oneof![4 => Just(200), 1 => 100u16..1000];
    let json = HeaderValue::from_static("application/json");
    let media_type = prop_oneof![4 => Just(json), 1 => header_value()];
    let headers = prop::collection::vec((header_name(), header_value()), 0..4);
    let body = prop_oneof![3 => members(), 1 => prop::collection::vec(any::<u8>(), 0..200)];
    (status, media_type, headers, body).prop_map(|(status, media_type, headers, body)| {
        let mut reply = Response::new(Bytes::from(body).into());
        *reply.status_mut() = StatusCode::from_u16(status).unwrap();
        reply.headers_mut().insert("content-type", media_type);
        reply.headers_mut().extend(headers);
        reply
    })
}

fn header_name() -> impl Strategy<Value = HeaderName> {
    let known = prop::sample::select(vec!["retry-after", "www-authenticate", "content-type", "x"]);
    known.prop_map(HeaderName::from_static)
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    let bytes = prop::collection::vec(any::<u8>(), 0..30);
    bytes.prop_filter_map("a header value", |bytes| {
        HeaderValue::from_bytes(&bytes).ok()
    })
}

proptest! {
    /// TE-06
    #[test]
    fn any_response_never_panics(reply in replies()) {
        let (setup, caller) = &*CALLER;
        let exchanged = RUNTIME.block_on(async {
            let stub = Stub::new(setup, move |_| std::future::ready(reply.clone()));
            stub.exchange().token(caller, audience("service-b")).await
        });
        match exchanged {
            Ok(exchanged) => {
                let value = exchanged.token().authorization();
                let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
                let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
                prop_assert!(value.is_sensitive());
                prop_assert!(!token.is_empty() && token.chars().all(is_token68));
            }
            Err(error) => {
                // Not a panic caught in the exchange's own task.
                prop_assert!(!error.to_string().contains("interrupted"), "{error}");
                prop_assert!(!error.to_string().contains(['\r', '\n']));
                error.response();
            }
        }
    }
}
