//! Tokens and secrets: redacted in `Debug`, without `Display` or `Serialize`, wiped when dropped.

use std::fmt;
use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use crate::error::TokenError;
use crate::jose::crypto::digest;
use crate::secret::{Secret, redacted};
use crate::token::token_type::TokenType;

/// The longest accepted token, in bytes.
pub(crate) const MAX_TOKEN: usize = 16 * 1024;

/// The scheme under which a request carries a token (RFC 9110 section 11.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenScheme {
    /// `Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// `DPoP` (RFC 9449 section 7.1): a token that is bound to a key.
    Dpop,
}

impl TokenScheme {
    /// The name in a header. Names are compared without case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The scheme with this name.
    fn from_name(name: &[u8]) -> Option<Self> {
        let known = [Self::Bearer, Self::Dpop].into_iter();
        let mut found = known.filter(|it| name.eq_ignore_ascii_case(it.name().as_bytes()));
        found.next()
    }
}

/// The text after the scheme in an `Authorization` header. It may not be a token.
#[derive(Clone, Copy)]
pub struct BearerCredentials<'a>(&'a [u8]);

impl<'a> BearerCredentials<'a> {
    /// Takes the value of one `Authorization` header line; `None` if its scheme is not `Bearer`.
    pub fn of_authorization(value: &'a [u8]) -> Option<Self> {
        let (scheme, credentials) = Self::with_scheme(value)?;
        (scheme == TokenScheme::Bearer).then_some(credentials)
    }

    /// Takes the value of one `Authorization` header line with its scheme; `None` if that is
    /// neither `Bearer` nor `DPoP`.
    ///
    /// ```
    /// use obo_core::{BearerCredentials, TokenScheme};
    ///
    /// let (scheme, credentials) = BearerCredentials::with_scheme(b"dpop abc").unwrap();
    /// assert_eq!(scheme, TokenScheme::Dpop);
    /// assert_eq!(credentials.token()?.expose(), "abc");
    /// # Ok::<(), obo_core::TokenError>(())
    /// ```
    pub fn with_scheme(value: &'a [u8]) -> Option<(TokenScheme, Self)> {
        let scheme_end = value.iter().position(|b| *b == b' ');
        let (scheme, rest) = value.split_at(scheme_end.unwrap_or(value.len()));
        let scheme = TokenScheme::from_name(scheme)?;
        let spaces = rest.iter().take_while(|b| **b == b' ').count();
        Some((scheme, Self(rest.get(spaces..).unwrap_or_default())))
    }

    /// Takes a token from elsewhere than a header.
    pub fn of_token(token: &'a str) -> Self {
        Self(token.as_bytes())
    }

    /// The token, by the grammar of RFC 6750 section 2.1 (token68).
    ///
    /// # Errors
    ///
    /// Fails like [`BearerToken::parse`].
    pub fn token(self) -> Result<BearerToken<'a>, TokenError> {
        BearerToken::from_token68(self.0)
    }

    /// The bytes, to compare them with a known token.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

redacted!(BearerCredentials<'_>);

/// A bearer token of a request: well-formed by RFC 6750 section 2.1, and not validated.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// Takes a token from elsewhere than a header, by the same grammar.
    ///
    /// # Errors
    ///
    /// [`TokenError::Credentials`] if it is not token68, [`TokenError::TooLong`] if it is longer
    /// than 16 KiB.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        Self::from_token68(token.as_bytes())
    }

    fn from_token68(token: &'a [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLong { limit: MAX_TOKEN });
        }
        if !is_token68(token) {
            return Err(TokenError::Credentials(
                "the token must be one run of letters, digits, `-._~+/` and trailing `=`",
            ));
        }
        let token = std::str::from_utf8(token).map_err(|_| TokenError::Credentials("not ASCII"))?;
        Ok(Self(token))
    }

    /// The text of the token.
    pub fn expose(self) -> &'a str {
        self.0
    }

    /// SHA-256 of the text, such as the `ath` of a proof has (RFC 9449 section 4.2).
    pub fn digest(self) -> [u8; 32] {
        digest(self.0.as_bytes())
    }
}

redacted!(BearerToken<'_>);

/// Whether `token` is a token68 (RFC 9110 section 11.2), the b64token of RFC 6750.
pub(crate) fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let body = token.get(..token.len() - padding).unwrap_or_default();
    // No early exit: so the compiler can vectorize the loop. Each distance is zero inside its
    // range.
    let odd = body.iter().fold(0, |odd, &b| {
        let letter = (b | 0x20).wrapping_sub(b'a').saturating_sub(b'z' - b'a');
        // `-`, `.`, `/` and the digits are neighbours.
        let digit = b.wrapping_sub(b'-').saturating_sub(b'9' - b'-');
        let other = (b ^ b'_').min(b ^ b'~').min(b ^ b'+');
        odd | letter.min(digit).min(other)
    });
    !body.is_empty() && odd == 0
}

/// A user's token that this service has validated. An exchange sends it as `subject_token`.
///
/// Only a [`Caller`](crate::Caller) has one, so the token was for this service.
///
/// ```compile_fail,E0624
/// let smuggled = obo_core::SubjectToken::new("eyJ...");
/// ```
// The doctest covers TX-38.
#[derive(Clone)]
pub struct SubjectToken(Arc<Subject>);

struct Subject {
    text: Zeroizing<Box<str>>,
    digest: OnceLock<[u8; 32]>,
}

impl SubjectToken {
    pub(crate) fn new(token: &str) -> Self {
        Self(Arc::new(Subject {
            text: Zeroizing::new(token.into()),
            digest: OnceLock::new(),
        }))
    }

    /// The text of the token, for a dialect that writes the exchange request.
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// SHA-256 of the text, for cache keys and the `ath` of a proof (RFC 9449 section 4.2).
    /// Computed on first use, and shared by all clones.
    pub fn digest(&self) -> &[u8; 32] {
        self.0.digest.get_or_init(|| digest(self.0.text.as_bytes()))
    }
}

redacted!(SubjectToken);

/// A token of the acting service. An exchange sends it as `actor_token` (RFC 8693 section 2.1).
///
/// It has a type, because RFC 8693 requires one. Its identity is stable, so a refreshed token of
/// the same actor does not empty the cache.
#[derive(Clone)]
pub struct ActorToken {
    token: Secret,
    token_type: TokenType,
    identity: Arc<str>,
}

impl ActorToken {
    /// Takes a token of this type. `identity` names the actor and the generation of its credential.
    pub fn new(token: Secret, token_type: TokenType, identity: impl Into<Arc<str>>) -> Self {
        Self {
            token,
            token_type,
            identity: identity.into(),
        }
    }

    /// The text of the token, for a dialect that writes the exchange request.
    pub fn expose(&self) -> &str {
        self.token.expose()
    }

    /// The type of the token.
    pub fn token_type(&self) -> &TokenType {
        &self.token_type
    }

    /// Which actor it is, in cache keys: it stays the same when the token is renewed.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

impl fmt::Debug for ActorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorToken([redacted], {:?})", self.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token68_has_its_characters_alone() {
        for byte in 0..=u8::MAX {
            let is_in = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68(&[b'a', byte, b'z']), is_in, "{byte}");
        }
        assert!(is_token68(b"a==") && !is_token68(b"==") && !is_token68(b"a=b"));
    }
}
