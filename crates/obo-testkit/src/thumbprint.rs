//! Hashes that bind tokens: `jkt`, `x5t#S256` and `ath`.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::Value;

/// The thumbprint of a public JWK (RFC 7638).
pub(crate) fn thumbprint(jwk: &Value) -> Option<String> {
    let required: &[&str] = match jwk["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let member = |name: &&str| {
        Some(format!(
            "\"{name}\":{}",
            jwk[*name].as_str().map(Value::from)?
        ))
    };
    let members: Option<Vec<_>> = required.iter().map(member).collect();
    Some(sha256(format!("{{{}}}", members?.join(",")).as_bytes()))
}

/// The hash in base64url, as `jkt`, `ath` and `x5t#S256` have it.
pub(crate) fn sha256(octets: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DP-09
    #[test]
    fn rfc_vectors_have_printed_thumbprint() {
        let ec = serde_json::json!({
            "kty": "EC", "crv": "P-256", "kid": "a",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        let okp = serde_json::json!({
            "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        for (jwk, printed) in [
            (ec, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
            (okp, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        ] {
            assert_eq!(thumbprint(&jwk).as_deref(), Some(printed));
        }
    }
}
