use std::time::Duration;

use super::IntrospectionResponse;
use crate::binding::{BindingChecks, Proven};
use crate::error::TokenError;
use crate::grant::issued_token::IssuedToken;
use crate::grant::target::Target;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::time::UnixTime;
use crate::validate::caller::Caller;
use crate::validate::claims::Claims;
use crate::wire::json::OneOrMany;
use crate::wire::seen::all_seen;

impl IntrospectionResponse {
    /// Checks what the server says about a token that it issued: it must be active, for `target`,
    /// and bound to exactly the key and the certificate that this service proves when it sends the
    /// token. Its `exp` shortens the lifetime.
    ///
    /// With a `caller`, `sub` must be the caller if the response has it. A `sub` of another issuer
    /// is not compared, because that issuer may have another name for the user. Pass no caller for
    /// a token of the client itself, and for a dialect with [pairwise
    /// subjects](crate::dialect::Dialect::has_pairwise_subjects).
    ///
    /// # Errors
    ///
    /// Says why the token must not be used. The class is
    /// [`ResponseUnusable`](crate::ErrorClass::ResponseUnusable).
    pub fn confirm_issued(
        self,
        issued: IssuedToken,
        target: &Target,
        caller: Option<&Caller>,
        proven: Proven<'_>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let claims = self.claims().map_err(|error| unusable(&error))?;
        let binding = claims.confirmation.binding();
        if proven.key.is_some() && binding.jkt.as_ref() != proven.key {
            return Err(unusable(
                &"the issued token is not bound to the key of the proof",
            ));
        }
        if proven.certificate.is_some() && binding.certificate.as_ref() != proven.certificate {
            return Err(unusable(
                &"the issued token is not bound to the certificate of this service",
            ));
        }
        // Nothing else that it is bound to is proven.
        let checks = BindingChecks {
            dpop: proven.key.is_some(),
            certificate: proven.certificate.is_some(),
        };
        let checked = claims.confirmation.check(checks);
        checked.map_err(|error| unusable(&error))?;
        let names = || claims.aud.iter().flat_map(OneOrMany::iter);
        if !names().any(|name| target.is_named(name)) {
            let seen = all_seen(names());
            return Err(unusable(&format!(
                "`aud` is {seen} and not {target}; `Target::or_named` (`or_named` of the destination in a file) \
                 accepts another name of the same service"
            )));
        }
        if caller.is_some_and(|caller| names_another(&claims, caller)) {
            return Err(unusable(&"the issued token is of another subject"));
        }
        match claims.exp {
            Some(exp) if exp <= now => Err(unusable(&TokenError::Expired {
                ago: now.saturating_since(exp),
                leeway: Duration::ZERO,
            })),
            Some(exp) => Ok(issued.with_expires_at(Some(exp))),
            None => Ok(issued),
        }
    }
}

fn names_another(claims: &Claims, caller: &Caller) -> bool {
    let same_issuer = claims
        .iss()
        .is_none_or(|iss| iss == caller.issuer().as_str());
    same_issuer && claims.sub().is_some_and(|sub| sub != caller.subject())
}

fn unusable(problem: &dyn std::fmt::Display) -> TokenEndpointError {
    let problem = format!("introspection of the issued token: {problem}");
    TokenEndpointError::new(
        crate::grant::token_endpoint::ErrorClass::ResponseUnusable,
        problem,
    )
}
