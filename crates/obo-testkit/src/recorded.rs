use std::fmt;

use http::{HeaderMap, Method, header};

use crate::fault::Endpoint;

const SECRET: [&str; 7] = [
    "token",
    "subject_token",
    "actor_token",
    "client_secret",
    "client_assertion",
    "assertion",
    "password",
];

/// One request the server received, secrets and tokens included.
///
/// `Debug` redacts them, so that a failing assertion does not print a token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The endpoint, or nothing for a path the server does not serve.
    pub endpoint: Option<Endpoint>,
    /// The request method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, if the URL had one.
    pub query: Option<String>,
    /// The request headers.
    pub headers: HeaderMap,
    /// The decoded form pairs of the body, in order, repeats included.
    pub form: Vec<(String, String)>,
    /// The status answered; nothing as long as no answer was given.
    pub status: Option<u16>,
}

impl Recorded {
    /// The first value of a form parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params(name).first().copied()
    }

    /// All values of a form parameter, in order.
    pub fn params(&self, name: &str) -> Vec<&str> {
        let named = self.form.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form: Vec<_> = self
            .form
            .iter()
            .map(|(name, value)| (name, redact(SECRET.contains(&name.as_str()), value)))
            .collect();
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name,
                    redact(
                        name == header::AUTHORIZATION,
                        value.to_str().unwrap_or("(not text)"),
                    ),
                )
            })
            .collect();
        f.debug_struct("Recorded")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("path", &self.path)
            // A secret in the URL is a mistake this kit is used to find; it need not reach the log as well.
            .field(
                "query",
                &self.query.as_deref().map(|query| redact(true, query)),
            )
            .field("headers", &headers)
            .field("form", &form)
            .field("status", &self.status)
            .finish()
    }
}

fn redact(secret: bool, value: &str) -> &str {
    if secret { "(redacted)" } else { value }
}
