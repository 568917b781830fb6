use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use url::{Host, Url};

use crate::error::{ConfigError, TokenError};

/// The issuer identifier of an authorization server (RFC 8414 section 2), compared code point by
/// code point.
///
/// ```
/// use obo_core::Issuer;
///
/// let issuer = Issuer::new("https://idp.example.com/realms/corp")?;
/// assert_ne!(issuer, Issuer::new("https://idp.example.com/realms/corp/")?);
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// Takes an issuer identifier.
    ///
    /// # Errors
    ///
    /// Fails if it is not an absolute `https` URL (or `http` on loopback), has a query, a fragment
    /// or credentials, or is the URL of a discovery document.
    pub fn new(issuer: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        let url = https_or_loopback("issuer", &issuer)?;
        Self::of(issuer, &url)
    }

    /// Takes an issuer identifier that may use plain `http` on any host, such as another container
    /// of a compose file.
    ///
    /// Anyone on the network can then read client secrets and tokens, and replace the keys that
    /// verify tokens. It also applies to the issuer's discovery document and to its endpoints on
    /// the same host.
    ///
    /// ```
    /// use obo_core::Issuer;
    ///
    /// let address = "http://idp:8080/realms/corp";
    /// assert!(Issuer::new(address).is_err());
    /// let issuer = Issuer::danger_http(address)?;
    /// # Ok::<(), obo_core::ConfigError>(())
    /// ```
    ///
    /// In a configuration file, write `{ danger_http = "http://idp:8080/realms/corp" }`.
    ///
    /// # Errors
    ///
    /// Fails like [`new`](Self::new), but accepts `http` on any host.
    pub fn danger_http(issuer: impl Into<Arc<str>>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        let url = absolute("issuer", &issuer, |_| true)?;
        Self::of(issuer, &url)
    }

    /// The issuer `{base}{segment}{end}`, where `segment` must be one segment of a path.
    pub(crate) fn of_segment(
        field: &'static str,
        base: &str,
        segment: &str,
        end: &str,
    ) -> Result<Self, ConfigError> {
        if segment.is_empty() || segment.contains('/') {
            let problem = format!("{segment:?} must be one segment of a path");
            return Err(ConfigError::new(field, problem));
        }
        Self::new(format!("{base}{segment}{end}"))
    }

    fn of(issuer: Arc<str>, url: &Url) -> Result<Self, ConfigError> {
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::new(
                "issuer",
                format!("{issuer:?} must have neither query nor fragment (RFC 8414 section 2)"),
            ));
        }
        for document in [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ] {
            if let Some((host, path)) = issuer.split_once(document) {
                let problem = format!("is the URL of a discovery document; write \"{host}{path}\"");
                return Err(ConfigError::new("issuer", problem));
            }
        }
        Ok(Self(issuer))
    }

    /// Whether only [`danger_http`](Self::danger_http) accepts it.
    pub fn is_plain_http(&self) -> bool {
        https_or_loopback("issuer", &self.0).is_err()
    }

    /// How `other` differs from this issuer, if only in letter case or in the slash at the end:
    /// such an issuer is another one, but most often it is a typing mistake. For error messages.
    pub fn near_miss(&self, other: &str) -> Option<&'static str> {
        let bare = |issuer| str::strip_suffix(issuer, "/").unwrap_or(issuer);
        let is_same_length = self.0.len() == other.len();
        match (bare(&self.0), bare(other)) {
            _ if *self.0 == *other => None,
            (own, other) if own == other => Some("only in the slash at the end"),
            (own, other) if !own.eq_ignore_ascii_case(other) => None,
            _ if is_same_length => Some("only in letter case"),
            _ => Some("only in letter case and in the slash at the end"),
        }
    }

    /// The identifier as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the URL of one of the issuer's endpoints: `https`, or `http` on loopback. For an
    /// issuer of [`danger_http`](Self::danger_http), also `http` on the issuer's own host.
    pub(crate) fn endpoint(&self, field: &'static str, url: &str) -> Result<Url, ConfigError> {
        let own = Url::parse(&self.0)
            .ok()
            .filter(|own| own.scheme() == "http");
        absolute(field, url, |host| {
            is_loopback(host) || own.as_ref().and_then(Url::host).as_ref() == Some(host)
        })
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The URLs of the metadata document, in the order to try: OpenID Connect Discovery section 4
    /// (appended), RFC 8414 section 3 (inserted), and OpenID Connect's name inserted.
    pub fn well_known_urls(&self) -> Vec<String> {
        let trimmed = self.0.strip_suffix('/').unwrap_or(&self.0);
        let authority_end = trimmed
            .find("://")
            .and_then(|scheme| {
                trimmed[scheme + 3..]
                    .find('/')
                    .map(|path| scheme + 3 + path)
            })
            .unwrap_or(trimmed.len());
        let (origin, path) = trimmed.split_at(authority_end);
        let mut urls = vec![
            format!("{trimmed}/.well-known/openid-configuration"),
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
        ];
        if !path.is_empty() {
            urls.push(format!("{origin}/.well-known/openid-configuration{path}"));
        }
        urls
    }
}

impl TokenError {
    /// The error for a token whose `iss` is not a trusted issuer.
    pub fn unknown_issuer(iss: Option<&str>, trusted: &[&Issuer]) -> Self {
        let near = trusted.iter().find_map(|own| {
            let difference = own.near_miss(iss?)?;
            Some(format!(
                "; the token's issuer differs {difference} from the trusted {own}"
            ))
        });
        let trusted: Vec<_> = trusted.iter().map(|own| own.as_str()).collect();
        Self::UnknownIssuer {
            trusted: trusted.join(", "),
            hint: near.unwrap_or_default(),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({:?})", self.0)
    }
}

/// Reads an absolute URL for tokens or secrets: `https`, or `http` on loopback.
///
/// # Errors
///
/// Fails with `field` if it is not such a URL, or has user information.
pub fn https_or_loopback(field: &'static str, url: &str) -> Result<Url, ConfigError> {
    absolute(field, url, is_loopback)
}

/// Reads an absolute `https` URL, or an `http` URL of a host that may have it.
pub(crate) fn absolute(
    field: &'static str,
    url: &str,
    may_be_plain: impl Fn(&Host<&str>) -> bool,
) -> Result<Url, ConfigError> {
    if url.is_empty() {
        return Err(ConfigError::new(field, "is empty; give an https URL"));
    }
    // A URL parser removes blanks, but the URL is compared and joined as given.
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ConfigError::new(field, "has blanks or control characters"));
    }
    let parsed = Url::parse(url).map_err(|error| {
        let problem = match error {
            url::ParseError::RelativeUrlWithoutBase => {
                // Not quoted: it may be a secret in the wrong place.
                "has no scheme; write `https://` before it".to_owned()
            }
            error => format!("is not an absolute URL: {error}"),
        };
        ConfigError::new(field, problem)
    })?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ConfigError::new(field, "must not carry user information"));
    }
    match (parsed.scheme(), parsed.host()) {
        ("https", Some(_)) => Ok(parsed),
        ("http", Some(host)) if may_be_plain(&host) => Ok(parsed),
        ("http", _) => Err(ConfigError::new(
            field,
            format!(
                "{url:?} is plain http; use https (http is for loopback hosts only; `danger_http` allows it for an issuer, `danger_plaintext` for a destination)"
            ),
        )),
        (scheme, _) => Err(ConfigError::new(
            field,
            format!("scheme {scheme:?} is not https"),
        )),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => *address == Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_scheme_is_not_quoted() {
        for url in ["s3cret", "//user:s3cret@idp.example", "idp.example/s3cret"] {
            let error = Issuer::new(url).unwrap_err().to_string();
            assert_eq!(error, "issuer: has no scheme; write `https://` before it");
        }
    }

    /// MD-02, MD-03
    #[test]
    fn well_known_urls_follow_issuer_path() {
        let urls = |issuer: &str| Issuer::new(issuer).unwrap().well_known_urls();
        for issuer in ["https://h", "https://h/"] {
            assert_eq!(
                urls(issuer),
                [
                    "https://h/.well-known/openid-configuration",
                    "https://h/.well-known/oauth-authorization-server"
                ]
            );
        }
        for issuer in ["https://h/t1", "https://h/t1/"] {
            assert_eq!(
                urls(issuer),
                [
                    "https://h/t1/.well-known/openid-configuration",
                    "https://h/.well-known/oauth-authorization-server/t1",
                    "https://h/.well-known/openid-configuration/t1"
                ]
            );
        }
    }

    /// MD-05, TE-01
    #[test]
    fn invalid_issuer_names_field() {
        for bad in [
            "",
            "idp",
            "http://idp.example",
            "http://127.0.0.1.example",
            "https://h/?q",
            "https://h/#f",
            "file:///etc/passwd",
            "https://user:pw@h/",
            "https://user@h/",
            "https://:pw@h/",
            "https://h ",
            " https://h",
            "https://h/\n",
            "ht\ttps://h",
        ] {
            let error = Issuer::new(bad).unwrap_err();
            assert_eq!(error.field(), "issuer", "{bad}");
            assert!(!error.to_string().contains("pw@"), "{error}");
        }
        for good in [
            "http://127.0.0.1:8080",
            "http://[::1]/x",
            "http://localhost:1",
        ] {
            Issuer::new(good).unwrap();
        }
    }

    /// MD-05
    #[test]
    fn plain_http_issuer_needs_danger() {
        for host in [
            "idp:8080",
            "10.0.0.7",
            "[fd00::7]:80",
            "idp.svc.cluster.local",
        ] {
            let address = format!("http://{host}/realms/corp");
            Issuer::new(&*address).unwrap_err();
            let issuer = Issuer::danger_http(&*address).unwrap();
            assert_eq!(issuer.as_str(), address);
        }
        for bad in [
            "",
            "ftp://h",
            "http://u:p@h",
            "http://h/?q",
            "http://h/#f",
            "http://h x",
        ] {
            Issuer::danger_http(bad).unwrap_err();
        }
        let secure = Issuer::danger_http("https://h").unwrap();
        assert_eq!(secure, Issuer::new("https://h").unwrap());
    }

    /// MD-07
    #[test]
    fn plain_http_stays_on_issuer_host() {
        let plain = Issuer::danger_http("http://idp:8080/t").unwrap();
        let secure = Issuer::new("https://idp:8080/t").unwrap();
        let on_loopback = Issuer::new("http://127.0.0.1:8080").unwrap();
        for (url, is_plain_ok) in [
            ("http://idp:8080/keys", true),
            ("http://idp/keys", true),
            ("https://elsewhere/keys", true),
            ("http://elsewhere/keys", false),
            ("http://idp.elsewhere/keys", false),
            ("http://user@idp/keys", false),
            ("/keys", false),
        ] {
            assert_eq!(
                plain.endpoint("jwks_uri", url).is_ok(),
                is_plain_ok,
                "{url}"
            );
            for issuer in [&secure, &on_loopback] {
                let is_ok = issuer.endpoint("jwks_uri", url).is_ok();
                assert_eq!(is_ok, url.starts_with("https://"), "{url}");
            }
        }
    }

    #[test]
    fn discovery_url_is_no_issuer() {
        for url in [
            "https://h.example/a/.well-known/openid-configuration",
            "https://h.example/.well-known/openid-configuration/a",
            "https://h.example/.well-known/oauth-authorization-server/a",
        ] {
            for error in [Issuer::new(url), Issuer::danger_http(url)] {
                assert_eq!(
                    error.unwrap_err().to_string(),
                    "issuer: is the URL of a discovery document; write \"https://h.example/a\""
                );
            }
        }
    }

    #[test]
    fn near_miss_names_difference() {
        let issuer = Issuer::new("https://h.example/t").unwrap();
        for (other, expected) in [
            ("https://h.example/t/", Some("only in the slash at the end")),
            ("https://h.example/T", Some("only in letter case")),
            (
                "https://H.example/t/",
                Some("only in letter case and in the slash at the end"),
            ),
            ("https://h.example/t", None),
            ("https://h.example/t2", None),
            ("https://h.example/t//", None),
            ("", None),
        ] {
            assert_eq!(issuer.near_miss(other), expected, "{other}");
        }
    }

    /// AT-03, MD-06
    #[test]
    fn issuers_compare_by_code_point() {
        let issuer = Issuer::new("https://h.example/t").unwrap();
        for other in [
            "https://h.example/t/",
            "https://H.example/t",
            "https://h.example:443/t",
        ] {
            assert_ne!(issuer, Issuer::new(other).unwrap());
        }
    }
}
