use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::bearer::MAX_TOKEN;
use crate::wire::json::{self, OneOrMany};

/// A client assertion that another party signed, such as the token of a Kubernetes service account
/// or a JWT-SVID.
///
/// It is well-formed. The authorization server validates it.
#[derive(Clone, Debug)]
pub struct ForeignAssertion {
    text: Secret,
    audiences: Vec<String>,
    expires_at: Option<UnixTime>,
}

impl ForeignAssertion {
    /// Reads a compact JWS of at most 16 KiB whose claims are a JSON object.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without quoting the text.
    pub fn parse(text: Secret) -> Result<Self, &'static str> {
        if text.expose().len() > MAX_TOKEN {
            return Err("is longer than 16 KiB");
        }
        let mut segments = text.expose().split('.');
        let (Some(header), Some(claims), Some(signature), None) = (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) else {
            return Err("is not a JWT: it does not have three segments separated by full stops");
        };
        let decoded = |segment: &str| {
            let octets = URL_SAFE_NO_PAD.decode(segment).ok();
            octets.filter(|octets| !octets.is_empty())
        };
        let (Some(_), Some(claims), Some(_)) =
            (decoded(header), decoded(claims), decoded(signature))
        else {
            return Err("is not a JWT: a segment is not base64url or empty");
        };
        let malformed =
            "is not a JWT: its claims are not a JSON object, or `aud` or `exp` is malformed";
        let [aud, exp] = json::pick(&claims, ["aud", "exp"]).ok_or(malformed)?;
        let audiences = aud
            .map(|aud| OneOrMany::parse(aud).ok_or(malformed))
            .transpose()?;
        let exp: Option<f64> = exp.map(str::parse).transpose().map_err(|_| malformed)?;
        Ok(Self {
            text,
            audiences: audiences
                .iter()
                .flat_map(OneOrMany::iter)
                .map(str::to_owned)
                .collect(),
            // Saturating. A negative time becomes the epoch.
            expires_at: exp.map(|exp| UnixTime::from_secs(exp as u64)),
        })
    }

    /// The text, for the code that must send it.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The audiences of the assertion.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// When it expires, if it says so.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn parse(text: &str) -> Result<ForeignAssertion, &'static str> {
        ForeignAssertion::parse(Secret::new(text))
    }

    /// SP-01
    #[test]
    fn assertion_claims_are_read() {
        let one = parse(&jwt(r#"{"aud":"https://idp","exp":1700000000}"#)).unwrap();
        assert_eq!(one.audiences(), ["https://idp"]);
        assert_eq!(one.expires_at(), Some(UnixTime::from_secs(1_700_000_000)));
        let many = parse(&jwt(r#"{"aud":["a","b"],"sub":"s","exp":-7.5}"#)).unwrap();
        assert_eq!(many.audiences(), ["a", "b"]);
        assert_eq!(many.expires_at(), Some(UnixTime::from_secs(0)));
        let none = parse(&jwt("{}")).unwrap();
        assert!(none.audiences().is_empty() && none.expires_at().is_none());
    }

    /// CA-15
    #[test]
    fn non_jwt_assertion_is_not_sent() {
        let long = format!("{}{}", jwt("{}"), "x".repeat(MAX_TOKEN));
        let good = jwt("{}");
        for bad in [
            "",
            "..",
            "s3cret",
            "e30.e30",
            "e30..c2ln",
            "e30.e30.c2ln.c2ln",
            "e30.e30.c2ln\n",
            "e30.e30.c2ln&client_id=admin",
            "e30.W10.c2ln",
            &long,
            &format!(" {good}"),
            &jwt(r#"{"exp":"soon"}"#),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&good).is_ok());
    }
}
