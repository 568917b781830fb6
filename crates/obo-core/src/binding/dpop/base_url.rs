//! The URI of a request, compared with `htu` by RFC 3986 section 6.2.
//!
//! There is no URL library here: such a parser repairs what a browser's user types, and `htu` is
//! either a URI or refused.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::error::ProofError;
use crate::error::ConfigError;
use crate::wire::seen;

/// The longest URI that is read, in bytes.
pub(super) const MAX_URI: usize = 8 * 1024;
/// The longest URI in an error, in characters.
const MAX_SHOWN: usize = 200;

/// The URL under which clients call this service. It may have a path, which stands before the path
/// of each request.
///
/// It is configured, and never taken from `Host` or a forwarded header, because a sender chooses
/// these.
///
/// ```
/// use obo_core::binding::dpop::BaseUrl;
///
/// let base = BaseUrl::new("https://API.example.com:443/v1")?;
/// assert!(base.check("https://api.example.com/v1/orders", "/orders?id=7").is_ok());
/// assert!(base.check("https://api.example.com/orders", "/orders?id=7").is_err());
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// As it is configured, without a slash at the end.
    text: Arc<str>,
    origin: Arc<Origin<'static>>,
    /// Where the path begins in the text.
    path: usize,
}

/// Scheme, host and port of a URI.
#[derive(PartialEq, Eq)]
struct Origin<'u> {
    is_https: bool,
    /// In lower case, without needless escapes.
    host: Cow<'u, str>,
    port: u16,
}

impl BaseUrl {
    /// Reads an `https` URL, or an `http` URL on loopback.
    ///
    /// # Errors
    ///
    /// Fails for any other text, and for a URL with user information, a query or a fragment.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let base = Self::danger_http(url)?;
        let host = &*base.origin.host;
        let is_loopback = host == "localhost"
            || host == "[::1]"
            || host
                .parse()
                .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
        match base.origin.is_https || is_loopback {
            true => Ok(base),
            false => Err(ConfigError::new(
                "base_url",
                format!(
                    "{url:?} is plain http; use the https URL that clients call (http is for loopback hosts only)"
                ),
            )),
        }
    }

    /// Reads an `http` URL of any host, or an `https` URL.
    ///
    /// Anyone on the network can then read tokens and proofs.
    ///
    /// # Errors
    ///
    /// Fails like [`new`](Self::new), but accepts `http` on any host.
    pub fn danger_http(url: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            // Not quoted: it may have a password.
            let problem = format!("is not an absolute http or https URL: {problem}");
            ConfigError::new("base_url", problem)
        };
        let parts = Parts::read(url).map_err(wrong)?;
        if parts.has_query {
            return Err(wrong("it must have neither query nor fragment"));
        }
        let text = url.trim_end_matches('/');
        Ok(Self {
            path: url.len() - parts.path.len(),
            text: text.into(),
            origin: Arc::new(Origin {
                host: parts.origin.host.into_owned().into(),
                ..parts.origin
            }),
        })
    }

    /// The URL as it is configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the `htu` that the proof of a request has: this URL and the path of the request,
    /// without its query.
    ///
    /// ```
    /// use obo_core::binding::dpop::BaseUrl;
    ///
    /// let base = BaseUrl::new("https://api.example.com/v1/")?;
    /// assert_eq!(base.htu("/orders?id=7"), "https://api.example.com/v1/orders");
    /// # Ok::<(), obo_core::ConfigError>(())
    /// ```
    pub fn htu(&self, target: &str) -> String {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        format!("{}{path}", self.text)
    }

    /// Compares `htu` of a proof with the URI of a request by RFC 3986: case of scheme and host,
    /// default port, escapes, dot segments and the empty path make no difference. Query and
    /// fragment are ignored (RFC 9449 section 4.3).
    ///
    /// `target` is the path of the request as it was received, before a router has changed it; a
    /// query may follow.
    ///
    /// # Errors
    ///
    /// [`ProofError::Uri`] if `htu` is not a URI, [`ProofError::OtherUri`] if it is another one.
    pub fn check(&self, htu: &str, target: &str) -> Result<(), ProofError> {
        let htu = Parts::read(htu).map_err(ProofError::Uri)?;
        let other = |part| ProofError::OtherUri {
            part,
            expected: seen::printable(&self.htu(target), MAX_SHOWN),
        };
        if htu.origin.is_https != self.origin.is_https {
            return Err(other("scheme"));
        }
        if htu.origin.host != self.origin.host {
            return Err(other("host"));
        }
        if htu.origin.port != self.origin.port {
            return Err(other("port"));
        }
        let path = target.split(['?', '#']).next().unwrap_or_default();
        if !path.is_empty() && !path.starts_with('/') || check_characters(path).is_err() {
            return Err(other("path"));
        }
        let prefix = self.text.get(self.path..).unwrap_or_default();
        let is_same = htu.path.strip_prefix(prefix) == Some(path)
            || normalized(&[htu.path]) == normalized(&[prefix, path]);
        match is_same {
            true => Ok(()),
            false => Err(other("path")),
        }
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts of an absolute URI.
struct Parts<'u> {
    origin: Origin<'u>,
    path: &'u str,
    /// It has a query or a fragment.
    has_query: bool,
}

impl<'u> Parts<'u> {
    fn read(uri: &'u str) -> Result<Self, &'static str> {
        if uri.len() > MAX_URI {
            return Err("it is too long");
        }
        check_characters(uri)?;
        let (scheme, rest) = uri.split_once(':').ok_or("it has no scheme")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err("its scheme is neither http nor https");
        }
        let rest = rest
            .strip_prefix("//")
            .ok_or("two slashes must follow the scheme")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (path, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if path.contains(['[', ']']) || after.contains(['[', ']']) {
            return Err("brackets are for an IPv6 address only");
        }
        Ok(Self {
            origin: Origin::read(authority, is_https)?,
            path,
            has_query: !after.is_empty(),
        })
    }
}

impl<'u> Origin<'u> {
    fn read(authority: &'u str, is_https: bool) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("it has user information");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or("a bracket is not closed")?;
                let address: Ipv6Addr =
                    address.parse().map_err(|_| "no IPv6 address in brackets")?;
                if !port.is_empty() && !port.starts_with(':') {
                    return Err("something follows the IPv6 address");
                }
                (format!("[{address}]").into(), port.trim_start_matches(':'))
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                (reg_name(host)?, port)
            }
        };
        let default = if is_https { 443 } else { 80 };
        let is_number = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        let port = match port.is_empty() {
            true => Some(default),
            false => port.parse().ok().filter(|_| is_number),
        };
        Ok(Self {
            is_https,
            host,
            port: port.ok_or("its port is not a number from 1 to 65535")?,
        })
    }
}

/// A registered name or an IPv4 address, in lower case.
fn reg_name(host: &str) -> Result<Cow<'_, str>, &'static str> {
    if host.is_empty() {
        return Err("it has no host");
    }
    if host.contains(['[', ']']) {
        return Err("brackets are for an IPv6 address only");
    }
    if !host.bytes().any(|b| b == b'%' || b.is_ascii_uppercase()) {
        return Ok(host.into());
    }
    let mut name = String::with_capacity(host.len());
    unescape(host, &mut name);
    // The digits of escapes become lower case on both sides.
    name.make_ascii_lowercase();
    Ok(name.into())
}

/// Checks that a text has only characters of a URI, and that each `%` has two hex digits.
fn check_characters(uri: &str) -> Result<(), &'static str> {
    let mut bytes = uri.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let is_hex = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_hexdigit());
                if !is_hex(bytes.next()) || !is_hex(bytes.next()) {
                    return Err("a `%` without two hex digits");
                }
            }
            b'\\' => return Err("it has a backslash"),
            b' ' | b'\t' | b'\r' | b'\n' => return Err("it has blanks"),
            0x80.. => return Err("it has a character outside of ASCII"),
            byte if is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte) => {}
            _ => return Err("it has a character that no URI has"),
        }
    }
    Ok(())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Decodes escapes of unreserved characters, and writes all others in upper case (RFC 3986 section
/// 6.2.2). The text was [checked](check_characters).
fn unescape(text: &str, to: &mut String) {
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        to.push_str(plain);
        let (digits, after) = escaped.split_at_checked(2).unwrap_or((escaped, ""));
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if is_unreserved(byte) => to.push(char::from(byte)),
            _ => {
                to.push('%');
                to.extend(digits.chars().map(|c| c.to_ascii_uppercase()));
            }
        }
        rest = after;
    }
    to.push_str(rest);
}

/// The path in normal form, without dot segments (RFC 3986 section 5.2.4). The empty path is `/`.
fn normalized(parts: &[&str]) -> String {
    let mut path = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        unescape(part, &mut path);
    }
    let is_plain = !path.is_empty() && !path.contains("/.");
    if is_plain {
        return path;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // A dot segment at the end leaves its slash.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
