use crate::binding::{Binding, Confirmation};
use crate::error::TokenError;
use crate::token::bearer::BearerToken;
use crate::wire::{base64url, json};

/// Rejects a JWT whose own `cnf` names a binding that the response of its issuer lacks: some
/// servers omit that a token is bound. A token that cannot be read as a JWT passes.
pub(super) fn check_own_binding(
    token: BearerToken<'_>,
    binding: &Binding,
) -> Result<(), TokenError> {
    // A JWE may have it in the header (RFC 7519 section 5.3).
    for segment in token.expose().split('.').take(2) {
        let Some(json) = base64url::decode(segment) else {
            continue;
        };
        let mut own = Ok(());
        json::members(&String::from_utf8_lossy(&json), |name, value| {
            if name == "cnf" && own.is_ok() {
                let mut confirmation = Confirmation::default();
                confirmation.read(value);
                own = confirmation.check_within(binding);
            }
        });
        own?;
    }
    Ok(())
}
