use std::borrow::Cow;

/// A token type identifier (RFC 8693 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An OAuth access token of the authorization server, in any format.
    pub const ACCESS_TOKEN: Self = Self(Cow::Borrowed(
        "urn:ietf:params:oauth:token-type:access_token",
    ));
    /// An OAuth refresh token.
    pub const REFRESH_TOKEN: Self = Self(Cow::Borrowed(
        "urn:ietf:params:oauth:token-type:refresh_token",
    ));
    /// An OpenID Connect ID token.
    pub const ID_TOKEN: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:id_token"));
    /// A SAML 1.1 assertion.
    pub const SAML1: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml1"));
    /// A SAML 2.0 assertion.
    pub const SAML2: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:saml2"));
    /// Any JWT.
    pub const JWT: Self = Self(Cow::Borrowed("urn:ietf:params:oauth:token-type:jwt"));

    /// Any other type.
    pub fn new(urn: impl Into<String>) -> Self {
        Self(Cow::Owned(urn.into()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
