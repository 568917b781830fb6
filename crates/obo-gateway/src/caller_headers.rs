use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use obo::ConfigError;
use serde::Deserialize;
use url::{Origin, Url};

/// The `[headers]` of the file: what becomes of what callers, or proxies before them, claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadersConfig {
    #[serde(default)]
    forwarding: Forwarding,
    #[serde(default)]
    identity: Identity,
    #[serde(default)]
    cookies: Cookies,
    /// Where callers reach this gateway.
    origin: Option<String>,
}

/// The fields by which proxies say where a request comes from and what it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Forwarding {
    /// By what this gateway knows itself.
    #[default]
    Replace,
    Strip,
    DangerPass,
}

/// The fields in which upstreams may look for who calls.
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

/// What becomes of a caller's headers.
#[derive(Clone, Debug)]
pub(super) struct CallerHeaders {
    forwarding: Forwarding,
    identity: Identity,
    cookies: Cookies,
    scheme: HeaderValue,
    host: Option<HeaderValue>,
}

impl HeadersConfig {
    pub(super) fn build(&self) -> Result<CallerHeaders, ConfigError> {
        let origin = self.origin.as_deref().map(origin).transpose()?;
        let (scheme, host) = match origin {
            Some((scheme, host)) => (scheme, Some(host)),
            None => (HeaderValue::from_static("http"), None),
        };
        Ok(CallerHeaders {
            forwarding: self.forwarding,
            identity: self.identity,
            cookies: self.cookies,
            scheme,
            host,
        })
    }
}

/// The scheme and the authority of an origin, as header fields have them.
fn origin(text: &str) -> Result<(HeaderValue, HeaderValue), ConfigError> {
    let wrong = || {
        let problem = "is no origin; write one like \"https://api.example.com\", without a path";
        ConfigError::new("origin", problem)
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    let Origin::Tuple(scheme, host, _) = url.origin() else {
        return Err(wrong());
    };
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    match (HeaderValue::try_from(scheme), HeaderValue::try_from(host)) {
        (Ok(scheme), Ok(host)) if is_bare && is_http => Ok((scheme, host)),
        _ => Err(wrong()),
    }
}

impl CallerHeaders {
    /// Makes a request's headers those of this gateway; `peer` is who sent it.
    pub(super) fn apply(&self, headers: &mut HeaderMap, peer: Option<IpAddr>) {
        let is_unwanted = |name: &&HeaderName| match kind(name) {
            Some(Kind::Forwarding) => self.forwarding != Forwarding::DangerPass,
            Some(Kind::Identity) => self.identity != Identity::DangerPass,
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

    /// Takes the cookies out of a response, where callers have none.
    pub(super) fn of_response(&self, headers: &mut HeaderMap) {
        if self.cookies == Cookies::Strip {
            headers.remove(header::SET_COOKIE);
        }
    }

    /// The host that a caller names is never told: nothing has checked it.
    fn put(&self, headers: &mut HeaderMap, peer: Option<IpAddr>) {
        let mut forwarded = Vec::new();
        if let Some(peer) = peer.map(|peer| peer.to_canonical()) {
            forwarded.push(match peer {
                IpAddr::V4(peer) => format!("for={peer}"),
                IpAddr::V6(peer) => format!("for=\"[{peer}]\""),
            });
            if let Ok(peer) = HeaderValue::try_from(peer.to_string()) {
                headers.insert("x-forwarded-for", peer);
            }
        }
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        if let Some(host) = &self.host {
            forwarded.push(format!("host=\"{}\"", text(host)));
            headers.insert("x-forwarded-host", host.clone());
        }
        forwarded.push(format!("proto={}", text(&self.scheme)));
        headers.insert("x-forwarded-proto", self.scheme.clone());
        // RFC 7239.
        if let Ok(forwarded) = HeaderValue::try_from(forwarded.join(";")) {
            headers.insert(header::FORWARDED, forwarded);
        }
    }
}

/// What a field claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Forwarding,
    Identity,
}

/// Some servers read `X_User` or `X.User` as `X-User`.
fn kind(name: &HeaderName) -> Option<Kind> {
    let name = name
        .as_str()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let name = name.as_str();
    let starts_with = |prefixes: &[&str]| prefixes.iter().any(|start| name.starts_with(start));
    if FORWARDING.contains(&name) {
        return Some(Kind::Forwarding);
    }
    if name == "x-user-agent" {
        return None;
    }
    if IDENTITY.contains(&name) || starts_with(&IDENTITY_PREFIXES) {
        return Some(Kind::Identity);
    }
    starts_with(&FORWARDING_PREFIXES).then_some(Kind::Forwarding)
}

/// Where a request comes from, and what it asked for before it was rewritten.
const FORWARDING: [&str; 31] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ipcountry",
    "cf-visitor",
    "client-ip",
    "cloudfront-viewer-address",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "http-client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-https",
    "x-method-override",
    "x-override-url",
    "x-path",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-scheme",
    "x-url-scheme",
    "x-wap-profile",
];

const FORWARDING_PREFIXES: [&str; 8] = [
    "x-appengine-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
    "x-originating-",
    "x-real-",
    "x-rewrite-",
];

/// Who calls, as proxies that authenticate say it to the servers behind them.
const IDENTITY: [&str; 30] = [
    "auth-user",
    "client-cert",
    "eppn",
    "oblix-uid",
    "persistent-id",
    "smuser",
    "x-access-token",
    "x-account",
    "x-account-id",
    "x-amzn-lambda-context",
    "x-amzn-request-context",
    "x-anonymous-consumer",
    "x-apigateway-api-userinfo",
    "x-credential-identifier",
    "x-email",
    "x-endpoint-api-userinfo",
    "x-group",
    "x-groups",
    "x-id-token",
    "x-login",
    "x-permissions",
    "x-rh-identity",
    "x-role",
    "x-roles",
    "x-scope",
    "x-scopes",
    "x-serverless-authorization",
    "x-sub",
    "x-uid",
    "x-upn",
];

/// Families of such fields. One too many fails a request; one too few admits a forged user.
const IDENTITY_PREFIXES: [&str; 70] = [
    "cf-access-",
    "cf-client-cert-",
    "client-cert-",
    "impersonate-",
    "iv-",
    "mellon-",
    "oam-",
    "oidc-",
    "osso-",
    "remote-",
    "saml-",
    "shib",
    "sm-",
    "ssl-client",
    "tailscale-",
    "teleport-",
    "x-acting-",
    "x-amzn-mtls-",
    "x-amzn-oidc-",
    "x-arr-clientcert",
    "x-auth",
    "x-claim",
    "x-client-cert",
    "x-client-dn",
    "x-client-subject",
    "x-client-user",
    "x-client-verify",
    "x-consumer-",
    "x-end-user",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-roles",
    "x-forwarded-tls-client-cert",
    "x-forwarded-user",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-hasura-",
    "x-iap-",
    "x-identity",
    "x-impersonate",
    "x-jwt",
    "x-ldap-",
    "x-logged-in-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-mtls-",
    "x-oauth",
    "x-oidc-",
    "x-on-behalf-of",
    "x-openid-",
    "x-pomerium-",
    "x-principal",
    "x-proxy-",
    "x-remote",
    "x-saml-",
    "x-shib",
    "x-spiffe-",
    "x-ssl",
    "x-sso-",
    "x-subject",
    "x-teleport-",
    "x-tls-client",
    "x-token-",
    "x-user",
    "x-vouch-",
    "x-webauth-",
    "x-x509-",
];

#[cfg(test)]
mod tests;
