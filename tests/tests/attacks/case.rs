//! One attack, or one control: a harmless case that looks like an attack.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use obo_test_support::Draft;
use obo_tests::expected::{INVALID, MALFORMED, Refusal};
use obo_tests::servers::CALL;

use crate::target::Target;

/// Builds the cases of a family.
pub(crate) type Cases = fn(&Target<'_>) -> Vec<Case>;

/// The expected refusal; `None` admits the request.
pub(crate) type Expected = Option<Refusal>;

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) attack: Attack,
    pub(crate) expected: Expected,
    /// The code of the rejection, which the response does not reveal.
    pub(crate) code: Option<&'static str>,
    /// Whether the gateway can forward an admitted request.
    pub(crate) at_gateway: bool,
    /// Whether HTTP/1.1 transmits the request unchanged.
    pub(crate) over_http1: bool,
}

#[derive(Clone)]
pub(crate) enum Attack {
    /// A request around a token that may be valid.
    Request(Sent),
    /// A token whose form, header or signature is modified.
    Token(String),
    /// Claims as JSON text, to be signed or introspected.
    Claims(String),
}

impl Case {
    fn new(name: impl Into<String>, attack: Attack, expected: Expected) -> Self {
        Self {
            name: name.into(),
            attack,
            expected,
            code: None,
            at_gateway: true,
            over_http1: true,
        }
    }

    pub(crate) fn token(name: impl Into<String>, token: String, expected: Expected) -> Self {
        Self::new(name, Attack::Token(token), expected)
    }

    /// A token that is refused as invalid.
    pub(crate) fn invalid(name: impl Into<String>, token: String) -> Self {
        Self::token(name, token, Some(INVALID))
    }

    /// A token that the grammar of the header does not allow.
    pub(crate) fn malformed(name: impl Into<String>, token: String) -> Self {
        Self::token(name, token, Some(MALFORMED))
    }

    pub(crate) fn control(name: impl Into<String>, token: String) -> Self {
        Self::token(name, token, None)
    }

    pub(crate) fn claims(name: impl Into<String>, draft: &Draft, expected: Expected) -> Self {
        Self::claims_text(name, draft.claims.json(), expected)
    }

    pub(crate) fn claims_text(name: impl Into<String>, claims: String, expected: Expected) -> Self {
        Self::new(name, Attack::Claims(claims), expected)
    }

    pub(crate) fn request(name: impl Into<String>, sent: Sent, expected: Expected) -> Self {
        Self::new(name, Attack::Request(sent), expected)
    }

    pub(crate) fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    pub(crate) fn because(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    pub(crate) fn not_over_http1(self) -> Self {
        Self {
            over_http1: false,
            ..self
        }
    }

    pub(crate) fn not_at_gateway(self) -> Self {
        Self {
            at_gateway: false,
            ..self
        }
    }
}

/// A request to send.
#[derive(Clone)]
pub(crate) struct Sent {
    method: Method,
    uri: String,
    fields: Vec<(&'static str, Vec<u8>)>,
    body: Bytes,
}

impl Sent {
    /// A request without credentials.
    pub(crate) fn nothing() -> Self {
        Self {
            method: Method::POST,
            uri: CALL.to_owned(),
            fields: Vec::new(),
            // One empty gRPC message.
            body: Bytes::from_static(&[0; 5]),
        }
    }

    pub(crate) fn token(token: &str) -> Self {
        Self::line(format!("Bearer {token}"))
    }

    /// A request with this `Authorization` line.
    pub(crate) fn line(line: impl AsRef<[u8]>) -> Self {
        Self::nothing().field("authorization", line)
    }

    /// The token of the `Authorization` line.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (_, line) = self.fields.first()?;
        str::from_utf8(line).ok()?.strip_prefix("Bearer ")
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name, value.as_ref().to_vec()));
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.parse().unwrap();
        self
    }

    /// Whether a gRPC content type makes it a gRPC request.
    pub(crate) fn may_be_grpc(&self) -> bool {
        self.method == Method::POST
    }

    pub(crate) fn to(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.uri);
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.uri = format!("{CALL}?{query}");
        self
    }

    pub(crate) fn body(mut self, body: String) -> Self {
        self.body = body.into();
        self
    }

    /// The request as gRPC of this content type, or as plain HTTP.
    pub(crate) fn to_request(&self, grpc: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.uri)
            .header(header::TE, "trailers");
        if let Some(content_type) = grpc {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in &self.fields {
            if grpc.is_none() || *name != "content-type" {
                request = request.header(*name, &value[..]);
            }
        }
        request.body(Full::new(self.body.clone())).unwrap()
    }
}
