use std::fmt;

use http::header::Entry;
use http::request::Parts;
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

const REDACTED: &str = "(redacted)";

/// One request that the server received, secrets and tokens included.
///
/// `Debug` redacts them, so that a failing assertion does not print a token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The endpoint; `None` for a path that the server does not serve.
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
    /// The status of the response; `None` until it is sent.
    pub status: Option<u16>,
}

impl Recorded {
    pub(crate) fn new(
        endpoint: Option<Endpoint>,
        request: &Parts,
        form: Vec<(String, String)>,
    ) -> Self {
        let mut headers = request.headers.clone();
        if let Entry::Occupied(mut credentials) = headers.entry(header::AUTHORIZATION) {
            // `Debug` hides them then.
            credentials
                .iter_mut()
                .for_each(|value| value.set_sensitive(true));
        }
        Self {
            endpoint,
            method: request.method.clone(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().map(str::to_owned),
            headers,
            form,
            status: None,
        }
    }

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
        let shown = |(name, value): &(String, String)| match SECRET.contains(&name.as_str()) {
            true => (name.clone(), REDACTED.to_owned()),
            false => (name.clone(), value.clone()),
        };
        let form: Vec<_> = self.form.iter().map(shown).collect();
        f.debug_struct("Recorded")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("path", &self.path)
            // A query may hold secrets by mistake, which a test finds here but must not print.
            .field("query", &self.query.as_ref().map(|_| REDACTED))
            .field("headers", &self.headers)
            .field("form", &form)
            .field("status", &self.status)
            .finish()
    }
}
