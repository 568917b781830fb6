//! Access tokens of this server, read back: opaque ones and JWTs.

use crate::jwt::{Claims, Jwt};
use crate::state::State;

/// The claims of an access token of this server, which may have expired.
///
/// # Errors
///
/// Why it is not one, in words that follow "token refused: ".
pub(crate) fn read(state: &State, token: &str) -> Result<Claims, &'static str> {
    if state.revoked.lock().contains(token) {
        return Err("revoked");
    }
    if let Some(claims) = state.opaque.lock().get(token) {
        return Ok(Claims(claims.clone()));
    }
    let jwt = Jwt::parse(token).ok_or("not a JWT signed with a supported algorithm")?;
    if !state.keys.lock().signed(&jwt) {
        return Err("not signed by this server");
    }
    match jwt.typ().as_deref() {
        Some("at+jwt") => Ok(jwt.claims),
        _ => Err("not an access token"),
    }
}
