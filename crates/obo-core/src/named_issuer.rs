use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::Name;
use crate::{BearerToken, Issuer, UnverifiedJwt, base64url, values};

impl UnverifiedJwt<'_> {
    /// Whether a token that cannot be read as a JWT may still be one of `issuer`: false when there is an `iss` in it, in
    /// the payload or in the header (RFC 7519 section 5.3), that is any other.
    ///
    /// For whoever asks an authorization server about such tokens (RFC 7662): those of others are none of its business
    /// (IN-08), be it that their algorithm is not known here, or that a claim is odd.
    pub fn may_be_of(token: BearerToken<'_>, issuer: &Issuer) -> bool {
        let mut segments = token.expose().split('.').take(2);
        !segments.any(|segment| names_another(segment, issuer) == Some(true))
    }
}

/// `None` where the segment is no JSON object.
fn names_another(segment: &str, issuer: &Issuer) -> Option<bool> {
    let json = base64url::decode(segment)?;
    let mut json = serde_json::Deserializer::from_slice(&json);
    let found = json.deserialize_map(OtherIssuer(issuer)).ok()?;
    json.end().ok().map(|()| found)
}

/// Finds an `iss` that is another one, also beside one that is not.
struct OtherIssuer<'i>(&'i Issuer);

impl<'de> Visitor<'de> for OtherIssuer<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_another = false;
        while let Some(name) = map.next_key_seed(Name)? {
            if name == "iss" {
                let iss = values::text(map.next_value::<&RawValue>()?.get());
                is_another |= iss.as_deref() != Some(self.0.as_str());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(is_another)
    }
}
