use std::borrow::Cow;
use std::fmt;

use http::Uri;
use obo_core::ConfigError;
use url::Url;

use super::single::FIELD;
use crate::path::is_unambiguous;

/// Scheme, host, port and path; compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) scheme: Cow<'a, str>,
    /// In lower case.
    pub(super) host: Cow<'a, str>,
    pub(super) port: u16,
    /// Of a destination: empty, or segments each with a slash before it.
    pub(super) path: Cow<'a, str>,
}

impl Place<'static> {
    /// The place of a destination.
    pub(super) fn of(url: &Url) -> Result<Self, ConfigError> {
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            let problem = "must have neither query nor fragment nor user information";
            return Err(ConfigError::new(FIELD, problem));
        }
        let path = url.path().trim_end_matches('/');
        if path.contains("/:") {
            let problem = format!(
                "{path:?} has a segment that starts with a colon, but a destination's path has no parameters: it \
                 covers all paths at or below it; remove the segment"
            );
            return Err(ConfigError::new(FIELD, problem));
        }
        if !path.is_empty() && !is_unambiguous(path) {
            let problem = format!(
                "servers may read the path {path:?} in several ways, so no request matches it; write a path without \
                 empty segments, path parameters and needless escapes"
            );
            return Err(ConfigError::new(FIELD, problem));
        }
        Ok(Self {
            scheme: url.scheme().to_owned().into(),
            host: url.host_str().unwrap_or_default().to_owned().into(),
            port: url.port_or_known_default().unwrap_or_default(),
            path: path.to_owned().into(),
        })
    }
}

impl<'a> Place<'a> {
    /// The place of a request, if its URI names one.
    pub(super) fn of_request(uri: &'a Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?;
        let host = uri.host()?;
        // Rejects user information, and a port that is not a number, which some clients ignore.
        let port: u16 = match (uri.authority()?.as_str().strip_prefix(host)?, scheme) {
            ("" | ":", "https") => 443,
            ("" | ":", "http") => 80,
            (port, _) => port.strip_prefix(':')?.parse().ok()?,
        };
        let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        Some(Self {
            scheme: Cow::Borrowed(scheme),
            host,
            port,
            path: Cow::Borrowed(uri.path()),
        })
    }

    /// The first label of the host, and what follows it.
    pub(super) fn label_and_domain(&self) -> Option<(&str, &str)> {
        self.host.split_once('.')
    }

    /// Whether `path` is at or below this place's path for every server.
    pub(super) fn covers(&self, path: &str) -> bool {
        let below = path.strip_prefix(&*self.path);
        self.path.is_empty()
            || is_unambiguous(path)
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            host,
            port,
            path,
        } = self;
        write!(f, "{scheme}://{host}:{port}{path}")
    }
}
