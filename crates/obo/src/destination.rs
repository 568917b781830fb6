use std::fmt;
use std::sync::Arc;

use http::Uri;
use url::Url;

use crate::exact_path::is_unambiguous;
use crate::{ConfigError, Scope, Target, https_or_loopback};

/// A service that is called on behalf of users: where it is, and for whom its tokens are asked.
///
/// ```
/// use obo::{Audience, Destination};
///
/// let stock = Destination::new("https://stock.corp.example", Audience::new("service-b")?)?
///     .scopes(["stock:read"])?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Destination {
    place: Place,
    target: Arc<Target>,
}

impl Destination {
    /// The service at `uri`, whose tokens are addressed to `target`: an audience (RFC 8693) or a resource (RFC 8707).
    ///
    /// A path restricts the destination to URIs at or below it.
    ///
    /// # Errors
    ///
    /// When the URI is neither `https` nor on loopback, or has a query, a fragment or user information.
    pub fn new(uri: &str, target: impl Into<Target>) -> Result<Self, ConfigError> {
        Self::at(https_or_loopback("destination", uri)?, target.into())
    }

    /// As [`new`](Self::new), for a network that encrypts below HTTP: tokens go over `http` to any host.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), save for `http`.
    pub fn danger_plaintext(uri: &str, target: impl Into<Target>) -> Result<Self, ConfigError> {
        let url = Url::parse(uri).map_err(|error| {
            ConfigError::new("destination", format!("not an absolute URL: {error}"))
        })?;
        if url.scheme() != "http" || url.host().is_none() {
            return Err(ConfigError::new(
                "destination",
                "is not `http`; use Destination::new for https",
            ));
        }
        Self::at(url, target.into())
    }

    fn at(url: Url, target: Target) -> Result<Self, ConfigError> {
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(ConfigError::new(
                "destination",
                "must have neither query nor fragment nor user information",
            ));
        }
        Ok(Self {
            place: Place::of(&url),
            target: Arc::new(target),
        })
    }

    /// Asks for tokens with these scope values; without them the authorization server decides.
    ///
    /// # Errors
    ///
    /// When one is no scope value.
    pub fn scopes<V: AsRef<str>>(
        mut self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, ConfigError> {
        let target = Arc::unwrap_or_clone(self.target);
        self.target = Arc::new(target.with_scope(Scope::new(values)?));
        Ok(self)
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Whether a request to `uri` goes here. A request of a channel has no authority: it goes wherever the channel does,
    /// and still at or below the path.
    pub(crate) fn is_meant_by(&self, uri: &Uri) -> bool {
        let is_here = match uri.authority() {
            None => true,
            Some(_) => Place::of_request(uri).is_some_and(|place| self.place.is_at(&place)),
        };
        is_here && self.place.covers(uri.path())
    }
}

/// The services that one client may call, told apart by scheme, host, port and path prefix; all others are denied.
#[derive(Clone, Debug)]
pub struct Destinations(Arc<Vec<Destination>>);

impl Destinations {
    /// These destinations and no others.
    ///
    /// # Errors
    ///
    /// When there are none, or two are at the same place.
    pub fn new(destinations: impl IntoIterator<Item = Destination>) -> Result<Self, ConfigError> {
        let mut destinations: Vec<_> = destinations.into_iter().collect();
        if destinations.is_empty() {
            return Err(ConfigError::new(
                "destinations",
                "there are none, so that every call would be denied",
            ));
        }
        // The most specific path first.
        destinations.sort_by_key(|destination| std::cmp::Reverse(destination.place.path.len()));
        for (i, destination) in destinations.iter().enumerate() {
            let place = &destination.place;
            if destinations.iter().skip(i + 1).any(|d| d.place == *place) {
                return Err(ConfigError::new(
                    "destinations",
                    format!("{place} is there twice"),
                ));
            }
        }
        Ok(Self(Arc::new(destinations)))
    }

    pub(crate) fn find(&self, uri: &Uri) -> Option<&Destination> {
        let place = Place::of_request(uri)?;
        let mut there = self.0.iter().filter(|known| known.place.is_at(&place));
        // Where paths tell destinations apart, a path that servers read differently is none of them.
        let is_clear =
            is_unambiguous(&place.path) || there.clone().all(|d| d.place.path.is_empty());
        there.find(|destination| is_clear && destination.place.covers(&place.path))
    }
}

/// Scheme, host, port and path; compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    scheme: String,
    /// Host and port, the port always there.
    authority: String,
    /// Empty, or segments each with a slash before it.
    path: String,
}

impl Place {
    fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            authority: format!(
                "{}:{}",
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or_default()
            ),
            path: url.path().trim_end_matches('/').to_owned(),
        }
    }

    /// The place of a request, if it has one.
    fn of_request(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?;
        let host = uri.host()?;
        // Neither user information nor a port that is no number, which clients take for the scheme's own.
        let port: u16 = match (uri.authority()?.as_str().strip_prefix(host)?, scheme) {
            ("" | ":", "https") => 443,
            ("" | ":", "http") => 80,
            (port, _) => port.strip_prefix(':')?.parse().ok()?,
        };
        Some(Self {
            scheme: scheme.to_owned(),
            authority: format!("{}:{port}", host.to_ascii_lowercase()),
            path: uri.path().to_owned(),
        })
    }

    fn is_at(&self, request: &Self) -> bool {
        self.scheme == request.scheme && self.authority == request.authority
    }

    /// Whether `path` is at or below this place's, as every server reads it.
    fn covers(&self, path: &str) -> bool {
        let below = path.strip_prefix(&self.path);
        self.path.is_empty()
            || is_unambiguous(path)
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audience;

    fn destination(uri: &str) -> Result<Destination, ConfigError> {
        Destination::new(uri, Audience::new("b").unwrap())
    }

    fn covers(uri: &str, request: &str) -> bool {
        let known = Destinations::new([destination(uri).unwrap()]).unwrap();
        known.find(&request.parse().unwrap()).is_some()
    }

    #[test]
    fn gr_10_te_01_a_destination_is_https_or_loopback() {
        for bad in [
            "http://stock.example",
            "",
            "stock.example",
            "https://user@stock.example",
            "https://stock.example/?q",
            "https://stock.example/#f",
        ] {
            assert_eq!(destination(bad).unwrap_err().field(), "destination");
        }
        destination("http://127.0.0.1:1").unwrap();
        let audience = Audience::new("b").unwrap();
        Destination::danger_plaintext("http://stock.mesh", audience.clone()).unwrap();
        Destination::danger_plaintext("https://stock.mesh", audience).unwrap_err();
    }

    #[test]
    fn bt_21_only_the_exact_origin_is_meant() {
        for same in [
            "https://h.example/",
            "https://h.example/x?q",
            "https://H.example:443/x",
        ] {
            assert!(covers("https://h.example", same), "{same}");
        }
        for other in [
            "http://h.example/",
            "https://h.example:444/",
            "https://h.example.evil/",
            "https://evil/h.example",
            "https://sub.h.example/",
            "https://h.example.:443/",
            "https://h.example:99999/",
            "https://user@h.example/",
            "https://h.example:443@h.example/",
            "/x",
        ] {
            assert!(!covers("https://h.example", other), "{other}");
        }
        assert!(covers("https://[::1]:8443", "https://[::1]:8443/x"));
    }

    #[test]
    fn bt_21_a_path_covers_whole_segments_and_nothing_ambiguous() {
        for same in ["https://h/a/b", "https://h/a/b/", "https://h/a/b/c"] {
            assert!(covers("https://h/a/b/", same), "{same}");
        }
        for other in [
            "https://h/a",
            "https://h/a/bc",
            "https://h/a/b/../c",
            "https://h/a/b/%2E%2e/c",
            "https://h/a/b/..%2fc",
            "https://h/a/b/..;x/c",
            "https://h//a/b",
        ] {
            assert!(!covers("https://h/a/b", other), "{other}");
        }
    }

    #[test]
    fn the_most_specific_destination_wins_and_none_is_there_twice() {
        let at = |uri: &str, audience: &str| {
            Destination::new(uri, Audience::new(audience).unwrap()).unwrap()
        };
        let known = Destinations::new([at("https://h", "all"), at("https://h/a", "a")]).unwrap();
        let audience = |uri: &str| {
            let found = known.find(&uri.parse().unwrap()).unwrap();
            found.target().to_string()
        };
        assert_eq!(audience("https://h/a/x"), "\"a\"");
        assert_eq!(audience("https://h/x"), "\"all\"");
        let twice = [at("https://h", "x"), at("https://H:443/", "y")];
        let error = Destinations::new(twice).unwrap_err();
        assert_eq!(error.field(), "destinations");
        assert!(error.to_string().contains("https://h:443"), "{error}");
        Destinations::new([]).unwrap_err();
    }

    #[test]
    fn bt_21_a_request_without_authority_keeps_to_the_path() {
        let stock = destination("https://h/stock.Stock").unwrap();
        let meant = |uri: &str| stock.is_meant_by(&uri.parse().unwrap());
        assert!(meant("/stock.Stock/Level"));
        for other in [
            "/ledger.Ledger/Entries",
            "/stock.Stocks/Level",
            "/stock.Stock/../ledger.Ledger/Entries",
            "/",
        ] {
            assert!(!meant(other), "{other}");
        }
        assert!(
            destination("https://h")
                .unwrap()
                .is_meant_by(&"/x".parse().unwrap())
        );
    }

    #[test]
    fn bt_21_a_path_that_servers_read_differently_is_not_the_broader_destinations() {
        let known = [
            destination("https://h").unwrap(),
            destination("https://h/a").unwrap(),
        ];
        let known = Destinations::new(known).unwrap();
        for odd in ["https://h/%61/x", "https://h//a/x", "https://h/b/../a/x"] {
            assert!(known.find(&odd.parse().unwrap()).is_none(), "{odd}");
        }
    }
}
