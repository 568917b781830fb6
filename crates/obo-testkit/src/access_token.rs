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
    let claims = of_this_server(state, token)?;
    let revoked_users = state.revoked_users.lock();
    match claims.text("sub") {
        Some(sub) if revoked_users.contains(sub) => Err("revoked"),
        _ => Ok(claims),
    }
}

fn of_this_server(state: &State, token: &str) -> Result<Claims, &'static str> {
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
