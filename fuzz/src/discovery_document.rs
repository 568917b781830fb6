//! Any discovery document. A used value stands in the document, belongs to the issuer, and is an
//! address to which secrets may be sent.

use obo::authorization_server::ServerMetadata;
use serde_json::Value;
use url::{Host, Url};

use crate::world;

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let metadata = match ServerMetadata::parse(&world::issuer(), bytes) {
        Ok(metadata) => metadata,
        Err(error) => {
            assert!(!error.field().is_empty());
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
            return;
        }
    };
    // An unused member may have a number that this reading cannot hold.
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    assert_eq!(document["issuer"], world::ISSUER);
    let aliases = &document["mtls_endpoint_aliases"];
    for (used, stated) in [
        (&metadata.jwks_uri, &document["jwks_uri"]),
        (&metadata.token_endpoint, &document["token_endpoint"]),
        (
            &metadata.introspection_endpoint,
            &document["introspection_endpoint"],
        ),
        (&metadata.mtls_token_endpoint, &aliases["token_endpoint"]),
        (
            &metadata.mtls_introspection_endpoint,
            &aliases["introspection_endpoint"],
        ),
    ] {
        if let Some(used) = used {
            assert_eq!(stated, used);
            assert!(is_safe(used), "{used}");
        }
    }
    // A usable address is used, and the error for a missing one names its member.
    for (member, used, stated) in [
        ("jwks_uri", &metadata.jwks_uri, &document["jwks_uri"]),
        (
            "token_endpoint",
            &metadata.token_endpoint,
            &document["token_endpoint"],
        ),
        (
            "introspection_endpoint",
            &metadata.introspection_endpoint,
            &document["introspection_endpoint"],
        ),
    ] {
        assert_eq!(
            used.is_some(),
            stated.as_str().is_some_and(is_safe),
            "{stated}"
        );
        let error = metadata.missing(member);
        assert_eq!(error.field(), member);
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
    // A used address can also be configured by hand and is a valid URL.
    let jwks_uri = metadata.jwks_uri.as_deref();
    ServerMetadata::new(jwks_uri, metadata.token_endpoint.as_deref()).unwrap();
    for used in [&metadata.jwks_uri, &metadata.token_endpoint]
        .into_iter()
        .flatten()
    {
        assert!(used.is_ascii() || Url::parse(used).is_ok());
    }
}

/// `https`, or `http` on this machine; without user, password, whitespace and control characters.
pub(crate) fn is_safe(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else {
        return false;
    };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    !address.contains(|c: char| c.is_whitespace() || c.is_control())
        && url.username().is_empty()
        && url.password().is_none()
        && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}
