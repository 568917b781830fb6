use super::IntrospectionAnswer;
use crate::json::OneOrMany;
use crate::seen::all_seen;
use crate::{IssuedToken, Target, TokenEndpointError, TokenError, UnixTime};

impl IntrospectionAnswer {
    /// Checks what the server says of a token that it issued: it must be active, for `target`, and not bound to a key. Its
    /// `exp` shortens the use of the token.
    ///
    /// # Errors
    ///
    /// Why the token must not be used; the class is [`AnswerUnusable`](crate::ErrorClass::AnswerUnusable).
    pub fn confirm_issued(
        self,
        issued: IssuedToken,
        target: &Target,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let claims = self.claims().map_err(|error| unusable(&error))?;
        if claims.bound {
            return Err(unusable(&TokenError::Binding));
        }
        let names = || claims.aud.iter().flat_map(OneOrMany::iter);
        if !names().any(|name| target.is_named(name)) {
            let seen = all_seen(names());
            return Err(unusable(&format!(
                "`aud` names {seen} and not {target}; `Target::or_named` takes another name of the same service"
            )));
        }
        match claims.exp {
            Some(exp) if exp <= now => Err(unusable(&TokenError::Expired)),
            Some(exp) => Ok(issued.with_expires_at(Some(exp))),
            None => Ok(issued),
        }
    }
}

fn unusable(problem: &dyn std::fmt::Display) -> TokenEndpointError {
    let problem = format!("the introspection of the issued token: {problem}");
    TokenEndpointError::new(crate::ErrorClass::AnswerUnusable, problem)
}
