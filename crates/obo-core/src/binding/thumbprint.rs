use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::jose::crypto::{are_same, digest_of_parts};
use crate::jose::jwk::{PublicJwk, PublicMembers};
use crate::wire::{base64url, json};

/// The SHA-256 thumbprint of a public key (RFC 7638): the `jkt` of a token that is bound to it.
///
/// Two thumbprints are compared in constant time.
///
/// ```
/// use obo_core::binding::Thumbprint;
///
/// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let thumbprint = Thumbprint::of_jwk(jwk).unwrap();
/// assert_eq!(thumbprint.to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// ```
#[derive(Clone, Copy, Eq)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of a public JWK: EC, RSA or OKP. Other members do not change it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a JWK that is malformed, has a private member or no supported type.
    pub fn of_jwk(jwk: &str) -> Result<Self, &'static str> {
        json::strict_object(jwk).ok_or("is not a JSON object without duplicate members")?;
        let jwk = PublicJwk::parse(jwk)?;
        let (_, members) = jwk.key(jwk.first_algorithm()?)?;
        Ok(Self::of_members(&members))
    }

    /// The thumbprint of the required members, written as RFC 7638 section 3 says.
    pub(crate) fn of_members(members: &PublicMembers<'_>) -> Self {
        Self(digest_of_parts(members.json()))
    }

    /// Reads base64url without padding; `None` if it is not exactly 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        read_digest(text).map(Self)
    }

    /// The bytes, for cache keys and names.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Reads 32 bytes in base64url without padding.
pub(super) fn read_digest(text: &str) -> Option<[u8; 32]> {
    let mut room = [0; 34];
    (text.len() == 43)
        .then(|| base64url::decode_into(text, &mut room))?
        .and_then(|digest| digest.try_into().ok())
}

impl PartialEq for Thumbprint {
    fn eq(&self, other: &Self) -> bool {
        are_same(&self.0, &other.0)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Base64Display::new(&self.0, &URL_SAFE_NO_PAD), f)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    /// DP-09
    #[test]
    fn rfc_vectors_have_printed_thumbprint() {
        let rsa =
            format!(r#"{{"kty":"RSA","n":"{RSA}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        for (jwk, printed) in [
            // RFC 7638 section 3.1.
            (&*rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            // RFC 9449 sections 4.2 and 6.1.
            (
                r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
            // RFC 8037 appendix A.3.
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
        ] {
            let thumbprint = Thumbprint::of_jwk(jwk).unwrap();
            assert_eq!(thumbprint.to_string(), printed);
            assert_eq!(Thumbprint::parse(printed), Some(thumbprint));
        }
    }

    /// DP-09
    #[test]
    fn more_members_keep_the_thumbprint() {
        let members = r#""crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        let plain = Thumbprint::of_jwk(&format!(r#"{{"kty":"OKP",{members}}}"#));
        for more in [
            r#""kid":"a","use":"sig","#,
            r#""alg":"EdDSA","ext":true,"#,
            r#" "y" : "x", "#,
        ] {
            let jwk = format!(r#"{{{more}{members},"kty":"OKP"}}"#);
            assert_eq!(Thumbprint::of_jwk(&jwk), plain);
        }
    }

    /// DP-02, DP-09
    #[test]
    fn unusable_jwk_has_no_thumbprint() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"kty":"oct","k":"AAAA"}"#,
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"AA"}}"#),
            &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}="}}"#),
            &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","x":"{x}"}}"#),
            &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","a":{{"b":1,"b":1}}}}"#),
            &format!(r#"{{"kty":"RSA","n":"AA{RSA}","e":"AQAB"}}"#),
            &format!(r#"{{"kty":"RSA","n":"{RSA}","e":"AAEAAQ"}}"#),
            r#"{"kty":"EC","x":"AGzLRa4cft-LVd4USAkQ2PcwpA5aQYReNlEFH1lQFgRb","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
        ] {
            assert!(Thumbprint::of_jwk(bad).is_err(), "{bad}");
        }
    }

    /// DP-09
    #[test]
    fn thumbprint_text_is_strict() {
        let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert!(Thumbprint::parse(good).is_some());
        let standard = good.replace('-', "+");
        for bad in [
            "",
            &good[1..],
            &format!("{good}="),
            &format!("{good}A"),
            &format!("{}J", &good[..42]),
            &format!(" {good}"),
            &standard,
            &"a1".repeat(32),
        ] {
            assert_eq!(Thumbprint::parse(bad), None, "{bad}");
        }
    }
}
