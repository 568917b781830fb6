use std::fmt;

use memchr::memchr_iter;

use crate::binding::BindingChecks;
use crate::error::TokenError;
use crate::jose::crypto::{Algorithm, PublicKey};
use crate::token::bearer::{BearerCredentials, BearerToken, MAX_TOKEN, is_token68};
use crate::validate::claims::Claims;
use crate::validate::kind::media_type;
use crate::wire::base64url;
use crate::wire::json::{Names, Scanner, text};
use crate::wire::seen::seen;

const MAX_HEADER: usize = 4 * 1024;
const MAX_KID: usize = 256;

/// The longest signature: RSA with 8192 bits. Base64 may need two bytes more.
const MAX_SIGNATURE: usize = 1024 + 2;

/// A JWT whose form was checked, and nothing else. It shows what is needed to find a key, but no
/// claims.
///
/// The form is RFC 7515 section 7.1, strict: three segments of canonical base64url without padding.
/// Header and payload are JSON objects without duplicate members. `crit`, `b64` and nested content
/// are rejected.
///
/// The claims are out of reach until [`Policy::verify`](crate::Policy::verify) has verified them:
///
/// ```compile_fail,E0616
/// fn subject(jwt: obo_core::UnverifiedJwt<'_>) -> Option<String> {
///     jwt.claims.sub
/// }
/// ```
// The doctest covers JW-37.
pub struct UnverifiedJwt<'a> {
    pub(crate) token: &'a str,
    pub(crate) jws: Jws<'a>,
    pub(crate) claims: Claims,
}

/// The parts of the compact form, with the header read.
pub(crate) struct Jws<'a> {
    pub(crate) header: Header,
    signing_input: &'a str,
    signature: &'a str,
}

impl<'a> Jws<'a> {
    /// Returns the parts and the decoded payload, which is not read yet.
    pub(crate) fn parse(token: BearerToken<'a>) -> Result<(Self, Vec<u8>), TokenError> {
        Self::read(token.expose())
    }

    fn read(token: &'a str) -> Result<(Self, Vec<u8>), TokenError> {
        let mut dots = memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(TokenError::Malformed("it must have three segments"));
        };
        let (header, payload) = (segment(token, 0, first), segment(token, first + 1, second));
        if header.len() > MAX_HEADER {
            return Err(TokenError::TooLong { limit: MAX_HEADER });
        }
        // The payload reuses the buffer of the header.
        let mut json = Vec::with_capacity(header.len().max(payload.len()) / 4 * 3 + 3);
        base64url::decode_onto(header, &mut json).ok_or(TokenError::Malformed("header"))?;
        let jws = Self {
            header: Header::parse(&json)?,
            signing_input: segment(token, 0, second),
            signature: segment(token, second + 1, token.len()),
        };
        json.clear();
        base64url::decode_onto(payload, &mut json).ok_or(TokenError::Malformed("payload"))?;
        Ok((jws, json))
    }

    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let mut signature = [0; MAX_SIGNATURE];
        base64url::decode_into(self.signature, &mut signature)
            .is_some_and(|signature| key.verifies(self.signing_input.as_bytes(), signature))
    }
}

fn segment(token: &str, start: usize, end: usize) -> &str {
    token.get(start..end).unwrap_or_default()
}

impl<'a> UnverifiedJwt<'a> {
    /// Reads the compact form.
    ///
    /// # Errors
    ///
    /// Returns a [`TokenError`] that names the wrong part. An unknown algorithm is rejected here.
    pub fn parse(token: BearerToken<'a>) -> Result<Self, TokenError> {
        Self::read(token.expose())
    }

    /// Reads the compact form from the credentials of a request, which may not be a token.
    ///
    /// The result is that of [`BearerCredentials::token`] followed by [`parse`](Self::parse), in
    /// less time: the characters of header and payload are checked only once, where they are
    /// decoded.
    ///
    /// # Errors
    ///
    /// Fails like these two.
    pub fn parse_credentials(credentials: BearerCredentials<'a>) -> Result<Self, TokenError> {
        let text = str::from_utf8(credentials.as_bytes()).ok();
        let Some(text) = text.filter(|text| text.len() <= MAX_TOKEN) else {
            return Self::parse(credentials.token()?);
        };
        let jwt = Self::read(text);
        let signature = jwt.as_ref().map(|jwt| jwt.jws.signature.as_bytes());
        if !signature.is_ok_and(is_token68) {
            credentials.token()?;
        }
        jwt
    }

    fn read(token: &'a str) -> Result<Self, TokenError> {
        let (jws, payload) = Jws::read(token)?;
        Ok(Self {
            token,
            claims: Claims::parse(payload)?,
            jws,
        })
    }

    /// The algorithm in the header.
    pub fn algorithm(&self) -> Algorithm {
        self.jws.header.alg
    }

    /// Rejects anything but a plain bearer access token: refresh tokens, ID tokens, event tokens,
    /// and tokens bound to a key (`cnf`).
    ///
    /// The header's `typ` and the claims `typ`, `token_use`, `token_class`, `token_type` and
    /// `events` name the kind. For a token that cannot be read, use
    /// [`check_unread`](Self::check_unread).
    ///
    /// # Errors
    ///
    /// [`TokenError::NotAnAccessToken`] or [`TokenError::Binding`].
    pub fn check_bearer(&self) -> Result<(), TokenError> {
        self.check_access_token(BindingChecks::default())
    }

    /// Rejects anything but an access token, like [`check_bearer`](Self::check_bearer), but accepts
    /// a token whose bindings are all checked.
    ///
    /// # Errors
    ///
    /// Fails like [`check_bearer`](Self::check_bearer).
    pub fn check_access_token(&self, checks: BindingChecks) -> Result<(), TokenError> {
        if self.jws.header.typ.is_none() {
            let reason = "the header's `typ` names another kind";
            return Err(TokenError::NotAnAccessToken(reason));
        }
        match self.claims.other_kind {
            Some(reason) => Err(TokenError::NotAnAccessToken(reason)),
            None => self.claims.confirmation.check(checks),
        }
    }

    /// The `kid` in the header.
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// The issuer in the payload. Use it only to choose one of the configured issuers.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.iss()
    }
}

impl fmt::Debug for UnverifiedJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnverifiedJwt({:?}, [redacted])", self.jws.header.alg)
    }
}

/// The header members that matter. All that could select a key or change the meaning are rejected
/// or ignored.
pub(crate) struct Header {
    pub(crate) alg: Algorithm,
    pub(crate) kid: Option<String>,
    /// `None` means another kind of JWT.
    pub(crate) typ: Option<TokenTyp>,
    /// The `typ` of another kind, for logs.
    pub(crate) other_typ: Option<String>,
    /// The other kind, if this crate reads it.
    pub(crate) other_kind: Option<OtherKind>,
}

/// A kind of JWT that is read here and is never an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherKind {
    /// `token-introspection+jwt` (RFC 9701 section 5).
    Introspection,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    Logout,
    /// `secevent+jwt` (RFC 8417 section 2.3).
    SecurityEvent,
}

impl OtherKind {
    fn of(typ: &str) -> Option<Self> {
        let kinds = [
            ("token-introspection+jwt", Self::Introspection),
            ("logout+jwt", Self::Logout),
            ("secevent+jwt", Self::SecurityEvent),
        ];
        let name = media_type(typ);
        let mut kinds = kinds.into_iter();
        let found = kinds.find(|(own, _)| name.eq_ignore_ascii_case(own));
        found.map(|(_, kind)| kind)
    }
}

/// The `typ` that the header of an access token may have (RFC 7515 section 4.1.9).
///
/// There are no others: each other kind of JWT has its own `typ` (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum TokenTyp {
    /// `at+jwt` or `application/at+jwt` (RFC 9068 section 2.1).
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// `JWT`, which ID tokens also have.
    #[serde(rename = "JWT")]
    Jwt,
    /// No `typ`.
    #[serde(rename = "none")]
    Absent,
}

impl TokenTyp {
    /// The usual spelling in a header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "JWT",
            Self::Absent => "none",
        }
    }

    fn of(typ: Option<&str>) -> Option<Self> {
        let Some(typ) = typ else {
            return Some(Self::Absent);
        };
        let name = media_type(typ);
        if name.eq_ignore_ascii_case("at+jwt") {
            Some(Self::AccessToken)
        } else if name.eq_ignore_ascii_case("jwt") {
            Some(Self::Jwt)
        } else {
            None
        }
    }
}

impl Header {
    /// The `typ`, for logs.
    pub(crate) fn seen_typ(&self) -> String {
        match self.typ {
            Some(typ) => typ.name().to_owned(),
            None => self.other_typ.clone().unwrap_or_default(),
        }
    }

    fn parse(json: &[u8]) -> Result<Self, TokenError> {
        let json = str::from_utf8(json).map_err(|_| TokenError::Malformed("header"))?;
        let mut json = Scanner::of(json, "header");
        let (mut alg, mut kid, mut typ, mut refused) = (None, None, None, None);
        let mut names = Names::default();
        json.object(|json, name| {
            let (slot, member) = match &*name {
                "alg" => (&mut alg, "alg"),
                "kid" => (&mut kid, "kid"),
                "typ" => (&mut typ, "typ"),
                other => {
                    // Key material in a header (`jwk`, `jku`, `x5c`, `x5u`) is skipped like any
                    // unknown member: keys come only from the issuer's set (RFC 8725 section 3.10).
                    refused = match other {
                        "crit" => Some("crit"),
                        "b64" => Some("b64"),
                        "zip" => Some("zip"),
                        "cty" => Some("cty"),
                        "enc" => Some("enc"),
                        _ => refused,
                    };
                    names.push(name);
                    return json.check();
                }
            };
            if slot.is_some() {
                return Err(json.duplicate());
            }
            // A `kid` may be empty (RFC 7517 section 4.5). The other two may not.
            let value = json.value().ok().and_then(text);
            let value = value.filter(|text| !text.is_empty() || member == "kid");
            *slot = Some(value.ok_or(TokenError::Header(member))?);
            Ok(())
        })?;
        names.check("header")?;
        json.end()?;
        if let Some(member) = refused {
            return Err(TokenError::Header(member));
        }
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(TokenError::TooLong { limit: MAX_KID });
        }
        let known = TokenTyp::of(typ.as_deref());
        Ok(Self {
            alg: alg
                .and_then(|alg| Algorithm::from_name(&alg))
                .ok_or(TokenError::Algorithm)?,
            kid: kid.map(Into::into),
            typ: known,
            other_typ: typ.as_deref().filter(|_| known.is_none()).map(seen),
            other_kind: typ.as_deref().and_then(OtherKind::of),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// JW-07
    #[test]
    fn longest_rsa_signature_fits() {
        let mut room = [0; MAX_SIGNATURE];
        let signature = URL_SAFE_NO_PAD.encode([7; 8192 / 8]);
        let decoded = base64url::decode_into(&signature, &mut room);
        assert_eq!(decoded, Some(&[7; 8192 / 8][..]));
    }
}
