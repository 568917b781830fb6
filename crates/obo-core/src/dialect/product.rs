use serde_json::Value;

use crate::token::issuer::Issuer;

/// How the issuers of a product are spelled, and the name of its profile or dialect.
///
/// An entry is a part of the host, the start of the path, and a member of the discovery document
/// with a part of its value. An empty one matches all.
const PRODUCTS: &[(&str, &str, (&str, &str), &str)] = &[
    (".auth0.com", "", ("", ""), "auth0"),
    (
        ".amazonaws.com",
        "",
        ("jwks_uri", "cognito-idp."),
        "cognito",
    ),
    ("login.microsoftonline.com", "", ("", ""), "entra"),
    ("sts.windows.net", "", ("", ""), "entra-v1"),
    (".google.com", "", ("", ""), "google"),
    (
        "",
        "/realms/",
        ("token_endpoint", "/protocol/openid-connect/"),
        "keycloak",
    ),
    (".okta.com", "", ("", ""), "okta"),
    (".oktapreview.com", "", ("", ""), "okta"),
    (".okta-emea.com", "", ("", ""), "okta"),
    (
        "",
        "/application/o/",
        ("token_endpoint", "/application/o/"),
        "authentik",
    ),
    (
        "",
        "",
        ("token_endpoint", "/as/token.oauth2"),
        "ping-federate",
    ),
    ("", "", ("jwks_uri", "/oauth2/v2/keys"), "zitadel"),
    ("", "", ("jwks_uri", "/oauth2/jwks"), "wso2"),
];

/// The product that an authorization server looks like: the [name](super::names) of its dialect or
/// of its [profile](crate::Profile::names). `document` is its discovery document, if there is one.
///
/// It is a guess from spellings, for tools that give advice. It never changes how a token is
/// validated.
///
/// ```
/// use obo_core::dialect::product_of;
/// use obo_core::Issuer;
///
/// let issuer = Issuer::new("https://tenant.okta.com/oauth2/default")?;
/// assert_eq!(product_of(&issuer, b""), Some("okta"));
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
pub fn product_of(issuer: &Issuer, document: &[u8]) -> Option<&'static str> {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let spelled = issuer.as_str().split_once("://")?.1;
    let (host, path) = spelled.split_at(spelled.find('/').unwrap_or(spelled.len()));
    let member = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let is_of = |(at, start, (name, part), _): &&(&str, &str, (&str, &str), &str)| {
        let is_host = at.is_empty() || host.ends_with(at) || host == at.trim_start_matches('.');
        is_host && path.starts_with(start) && (name.is_empty() || member(name).contains(part))
    };
    let product = PRODUCTS.iter().find(is_of)?;
    Some(product.3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_is_recognised() {
        for (issuer, member, url, product) in [
            (
                "https://t.eu.auth0.com/",
                "jwks_uri",
                "https://x",
                Some("auth0"),
            ),
            (
                "https://login.microsoftonline.com/t/v2.0",
                "",
                "",
                Some("entra"),
            ),
            ("https://sts.windows.net/t/", "", "", Some("entra-v1")),
            ("https://accounts.google.com", "", "", Some("google")),
            (
                "https://idp.example/realms/corp",
                "token_endpoint",
                "https://idp.example/realms/corp/protocol/openid-connect/token",
                Some("keycloak"),
            ),
            (
                "https://idp.example/realms/corp",
                "token_endpoint",
                "https://x/token",
                None,
            ),
            ("https://okta.com.evil.example", "", "", None),
            ("https://notauth0.com", "", "", None),
            (
                "https://idp.example",
                "jwks_uri",
                "https://idp.example/oauth2/v2/keys",
                Some("zitadel"),
            ),
            ("https://idp.example", "", "", None),
        ] {
            let document = serde_json::json!({ member: url }).to_string();
            let issuer = Issuer::new(issuer).unwrap();
            assert_eq!(
                product_of(&issuer, document.as_bytes()),
                product,
                "{issuer}"
            );
        }
    }

    #[test]
    fn product_has_a_preset() {
        for (.., name) in PRODUCTS {
            let is_named = super::super::named(name).is_ok() || crate::Profile::named(name).is_ok();
            assert!(is_named, "{name}");
        }
    }
}
