use std::net::IpAddr;
use std::sync::LazyLock;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use obo::binding::CertificateHeader;
use obo_config::BindingConfig;
use serde::Deserialize;
use url::Url;

/// The `[headers]` of the file: what becomes of what callers, or proxies before them, claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallerHeaders {
    forwarding: Forwarding,
    identity: Identity,
    cookies: Cookies,
    /// The URL of this gateway as callers see it.
    origin: Option<Origin>,
    /// The field in which a proxy names the caller's certificate to this gateway.
    #[serde(skip)]
    certificate: Option<&'static str>,
}

/// The scheme and the authority of that URL.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Origin {
    scheme: String,
    host: String,
}

/// What happens to fields in which proxies say where a request comes from and what it was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Forwarding {
    /// They are replaced by what this gateway knows.
    #[default]
    Replace,
    Strip,
    DangerPass,
}

/// What happens to fields in which upstreams may look for the caller's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Identity {
    #[default]
    Strip,
    DangerPass,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cookies {
    #[default]
    Pass,
    Strip,
}

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let url = Url::parse(&text).ok().filter(|url| {
            let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            is_bare && url.username().is_empty() && matches!(url.scheme(), "http" | "https")
        });
        match url.map(|url| (url.origin(), url.port())) {
            Some((url::Origin::Tuple(scheme, host, _), port)) => Ok(Self {
                scheme,
                host: port.map_or(host.to_string(), |port| format!("{host}:{port}")),
            }),
            _ => Err(
                "is not an origin; write one such as \"https://api.example.com\", without a path",
            ),
        }
    }
}

impl CallerHeaders {
    /// Removes the header with the certificate from all requests, whatever `identity` is.
    pub(super) fn hide_certificate(&mut self, binding: Option<&BindingConfig>) {
        let header = binding.and_then(BindingConfig::certificate_header);
        self.certificate = header.map(CertificateHeader::name);
    }

    /// Whether a field proves something to this gateway, and to no upstream.
    fn is_proof(&self, name: &HeaderName) -> bool {
        let name = dashed(name);
        name == "dpop" || self.certificate.is_some_and(|header| name == header)
    }

    /// Replaces the claims in a request's headers. `peer` is the address that sent it.
    pub(super) fn apply(&self, headers: &mut HeaderMap, peer: Option<IpAddr>) {
        let is_unwanted = |name: &&HeaderName| match kind(name) {
            _ if self.is_proof(name) => true,
            Some(FieldKind::Forwarding) => self.forwarding != Forwarding::DangerPass,
            Some(FieldKind::Identity) => self.identity != Identity::DangerPass,
            None => **name == header::COOKIE && self.cookies == Cookies::Strip,
        };
        let unwanted: Vec<_> = headers.keys().filter(is_unwanted).cloned().collect();
        for name in unwanted {
            headers.remove(name);
        }
        if self.forwarding == Forwarding::Replace {
            self.put(headers, peer);
        }
    }

    /// Removes the cookies of a response if callers have none.
    pub(super) fn of_response(&self, headers: &mut HeaderMap) {
        if self.cookies == Cookies::Strip {
            headers.remove(header::SET_COOKIE);
        }
    }

    /// The host that a caller names is never forwarded, because it is not validated.
    fn put(&self, headers: &mut HeaderMap, peer: Option<IpAddr>) {
        let mut forwarded = Vec::new();
        let mut put = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        if let Some(peer) = peer.map(|peer| peer.to_canonical()) {
            forwarded.push(match peer {
                IpAddr::V4(peer) => format!("for={peer}"),
                IpAddr::V6(peer) => format!("for=\"[{peer}]\""),
            });
            put(X_FORWARDED_FOR, peer.to_string());
        }
        let origin = self.origin.as_ref();
        if let Some(host) = origin.map(|origin| &origin.host) {
            forwarded.push(format!("host=\"{host}\""));
            put(X_FORWARDED_HOST, host.clone());
        }
        let scheme = origin.map_or("http", |origin| &origin.scheme);
        forwarded.push(format!("proto={scheme}"));
        put(X_FORWARDED_PROTO, scheme.to_owned());
        // RFC 7239.
        put(header::FORWARDED, forwarded.join(";"));
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a field is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    Forwarding,
    Identity,
}

/// Whether a name is on a list. A `*` at the end of an entry stands for any rest.
fn is_listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|listed| match listed.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => *listed == name,
    })
}

/// Some servers read `X_User` or `X.User` as `X-User`.
fn dashed(name: &HeaderName) -> String {
    name.as_str()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn kind(name: &HeaderName) -> Option<FieldKind> {
    match &*dashed(name) {
        "x-user-agent" => None,
        name if FORWARDING.contains(&name) => Some(FieldKind::Forwarding),
        name if is_listed(&IDENTITY, name) => Some(FieldKind::Identity),
        name if is_listed(&FORWARDING, name) => Some(FieldKind::Forwarding),
        _ => None,
    }
}

/// Fields that say where a request comes from, and what it was for before a proxy rewrote it.
static FORWARDING: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("caller_headers/forwarding.txt")
        .lines()
        .collect()
});

/// Fields in which authenticating proxies name the caller. One name too many fails a request; one
/// too few admits a forged user.
static IDENTITY: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("caller_headers/identity.txt")
        .lines()
        .collect()
});

#[cfg(test)]
mod tests;
