//! The request to the token endpoint (RFC 6749 section 3.2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::grant::echo::without_echo;
use crate::secret::Secret;
use crate::token::bearer::BearerToken;

/// A request to the token endpoint or the introspection endpoint: form parameters in order.
/// `audience` and `resource` may repeat.
///
/// It knows its [secrets](Self::secrets): all values that are not public. So errors never show what
/// your own client authentication or dialect sends.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    pairs: Vec<Pair>,
    headers: HeaderMap,
    /// The secrets of the headers, in each form that they have there.
    header_secrets: Vec<Secret>,
}

#[derive(Clone, Debug)]
struct Pair {
    name: Cow<'static, str>,
    value: Secret,
    is_public: bool,
}

impl TokenRequest {
    /// A request with a grant type.
    pub fn new(grant_type: &str) -> Self {
        let mut request = Self::default();
        request.push_public("grant_type", grant_type);
        request
    }

    /// An introspection request (RFC 7662 section 2.1). It has no grant type.
    pub fn introspection(token: BearerToken<'_>) -> Self {
        let mut request = Self::default();
        request.push("token", token.expose());
        request.push_public("token_type_hint", "access_token");
        request
    }

    /// Adds a parameter that may be a credential. No error and no log shows its value.
    ///
    /// An empty value is left out, because it would count as absent (RFC 6749 section 3.2).
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.add(name.into(), Secret::new(value), false);
    }

    /// Adds a parameter that an error may show, such as an audience. An empty value is left out,
    /// like in [`push`](Self::push).
    pub fn push_public(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.add(name.into(), Secret::new(value), true);
    }

    fn add(&mut self, name: Cow<'static, str>, value: Secret, is_public: bool) {
        if !value.expose().is_empty() {
            self.pairs.push(Pair {
                name,
                value,
                is_public,
            });
        }
    }

    /// Authenticates the client by HTTP Basic (RFC 6749 section 2.3.1). Identifier and secret are
    /// form-encoded, then joined.
    ///
    /// Only the necessary characters are encoded: most servers do not decode `-`, `_` and `.`.
    pub fn set_basic(&mut self, client_id: &str, secret: &Secret) {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
        let credentials = Secret::new(STANDARD.encode(pair.as_bytes()));
        let value = Secret::new(format!("Basic {}", credentials.expose()));
        // Base64 is always a header value. Without the header, the server refuses with a clear
        // `invalid_client`.
        if let Some(value) = sensitive(&value) {
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self.header_secrets.extend([secret.clone(), credentials]);
    }

    /// Adds a header with a credential, for client authentication methods that need a header.
    ///
    /// It is marked sensitive, and no error and no log shows its value. It replaces a header with
    /// the same name.
    ///
    /// # Errors
    ///
    /// Fails if the name or the value cannot be a header, or if the HTTP client sets the header
    /// itself, such as `Content-Type` or `Host`.
    pub fn push_header(&mut self, name: &str, value: Secret) -> Result<(), ConfigError> {
        let wrong = |problem: &str| ConfigError::new("header", format!("{name:?} {problem}"));
        let parsed = HeaderName::try_from(name).map_err(|_| wrong("is not a header name"))?;
        if OWN_HEADERS.contains(&parsed) {
            return Err(wrong("is set by the HTTP client; choose another header"));
        }
        let sent = sensitive(&value).ok_or_else(|| wrong("has a value that no header can have"))?;
        // The server may quote the credential without its scheme.
        if let Some((_, credential)) = value.expose().split_once(' ') {
            self.header_secrets.push(Secret::new(credential));
        }
        self.headers.insert(parsed, sent);
        self.header_secrets.push(value);
        Ok(())
    }

    /// The secret values of parameters and headers, to remove them from reports about a response.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let pushed = self.pairs.iter().filter(|pair| !pair.is_public);
        let pushed = pushed.map(|pair| &pair.value);
        pushed.chain(&self.header_secrets).map(Secret::expose)
    }

    /// Removes the secrets of this request from the body of a response, in any spelling, and the
    /// words that contain one or are part of one. A body that is not text stays as it is.
    pub fn without_echo(&self, body: Bytes) -> Bytes {
        match std::str::from_utf8(&body) {
            Ok(text) => without_echo(self.secrets(), text).into(),
            Err(_) => body,
        }
    }

    /// The `Authorization` header, if the client authenticates by one.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.headers.get(header::AUTHORIZATION)
    }

    /// The headers of this request, in addition to those of every form.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, `application/x-www-form-urlencoded` (RFC 6749 appendix B). It contains secrets.
    pub fn body(&self) -> Bytes {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for Pair { name, value, .. } in &self.pairs {
            form.append_pair(name, value.expose());
        }
        Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()))
    }

    /// Names and values of the parameters in order, for tests of a dialect.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|pair| (&*pair.name, pair.value.expose()))
    }
}

/// The headers that the HTTP client sets, or that frame a message.
const OWN_HEADERS: [HeaderName; 11] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A header value that is wiped when dropped.
fn sensitive(value: &Secret) -> Option<HeaderValue> {
    let value = Zeroizing::new(value.expose().as_bytes().to_vec());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TE-02, TX-05
    #[test]
    fn form_values_keep_order() {
        let mut request = TokenRequest::new("g");
        for value in ["a+b&c=d e", "é", "a+b&c=d e"] {
            request.push("audience", value);
        }
        request.push("scope", "");
        let body = request.body();
        assert_eq!(
            &body[..],
            b"grant_type=g&audience=a%2Bb%26c%3Dd+e&audience=%C3%A9&audience=a%2Bb%26c%3Dd+e"
        );
    }

    #[test]
    fn nonpublic_parameters_are_secret() {
        let mut request = TokenRequest::new("g");
        request.push("badge", "7");
        request.push("audience", "said-by-an-outsider");
        request.push_public("audience", "service-b");
        request.set_basic("a", &Secret::new("s"));
        let secrets: Vec<_> = request.secrets().collect();
        assert_eq!(secrets, ["7", "said-by-an-outsider", "s", "YTpz"]);
    }

    /// CA-01
    #[test]
    fn basic_encodes_id_and_secret() {
        let mut request = TokenRequest::new("g");
        request.set_basic("a-b_c.d", &Secret::new("s:%+ é"));
        let header = request.authorization().unwrap();
        assert!(header.is_sensitive());
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(encoded).unwrap(),
            b"a-b_c.d:s%3A%25%2B+%C3%A9"
        );
    }

    #[test]
    fn pushed_header_is_sensitive() {
        let mut request = TokenRequest::new("g");
        request.push_header("X-Badge", Secret::new("b 7")).unwrap();
        assert!(request.headers()["x-badge"].is_sensitive());
        assert_eq!(request.secrets().collect::<Vec<_>>(), ["7", "b 7"]);
        assert!(!format!("{request:?}").contains("b 7"));
        for (name, value) in [
            ("Host", "x"),
            ("Content-Length", "1"),
            ("a b", "x"),
            ("X", "\n"),
        ] {
            let error = request.push_header(name, Secret::new(value)).unwrap_err();
            assert_eq!(error.field(), "header");
        }
        assert_eq!(request.headers().len(), 1);
    }
}
