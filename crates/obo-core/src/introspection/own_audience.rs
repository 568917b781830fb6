use crate::error::TokenError;
use crate::token::bearer::BearerToken;
use crate::validate::policy::Policy;
use crate::wire::seen::all_seen;
use crate::wire::{base64url, json};

impl Policy {
    /// Rejects a JWT whose own `aud` contains only other services.
    ///
    /// Some servers call every token active, and leave `aud` out of the response. A token that
    /// cannot be read as a JWT passes. If the profile uses the client as audience, it does so only
    /// for a token without `aud`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Audience`], or [`TokenError::InvalidClaim`] if `aud` is neither a string nor
    /// an array.
    pub fn check_own_audience(&self, token: BearerToken<'_>) -> Result<(), TokenError> {
        // A JWE may have it in the header (RFC 7519 section 5.3).
        for segment in token.expose().split('.').take(2) {
            for aud in audiences(segment).unwrap_or_default() {
                if !aud.starts_with(['"', '[']) {
                    return Err(TokenError::InvalidClaim("aud"));
                }
                let names = json::texts(&aud);
                if !names.iter().any(|name| self.is_audience(name)) {
                    return Err(self.elsewhere(all_seen(names.iter().map(|name| &**name))));
                }
            }
        }
        Ok(())
    }
}

/// The values of each `aud` in a segment, except null; `None` if the segment is not a JSON object.
fn audiences(segment: &str) -> Option<Vec<String>> {
    let json = base64url::decode(segment)?;
    let mut found = Vec::new();
    json::members(&String::from_utf8_lossy(&json), |name, value| {
        if name == "aud" && value != "null" {
            found.push(value.to_owned());
        }
    })?;
    Some(found)
}
