use obo_core::{
    BearerCredentials, BearerToken, Caller, Issuer, TokenCheck, TokenEndpointError, TokenError,
    UnverifiedJwt,
};

use super::ResourceServer;
use super::verdict::Verdict;
use crate::inbound::introspection::Jwts;
use crate::refusal::rejection::Rejection;

/// No token of any server.
const PROBE: &str = "obo-probe";

impl ResourceServer {
    /// Checks a token by each rule and does not stop at the first that it breaks: for tools that
    /// explain a refusal. Neither waits nor causes I/O.
    ///
    /// The signature is checked only if the keys of the issuer are cached, so call
    /// [`validate`](Self::validate) or [`ready`](Self::ready) first. An opaque token has no rules
    /// before its introspection. Only `validate` accepts a token.
    ///
    /// ```
    /// use obo::ResourceServer;
    ///
    /// let server = ResourceServer::builder("service-a").trust("https://idp.example.com").build()?;
    /// let checks = server.checks("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL3gifQ.AA");
    /// let broken = checks.iter().find(|check| check.outcome.is_err());
    /// assert_eq!(broken.map(|check| check.rule), Some("issuer"));
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn checks(&self, token: &str) -> Vec<TokenCheck> {
        let parsed = BearerToken::parse(token).and_then(UnverifiedJwt::parse);
        let jwt = match parsed {
            Ok(jwt) => jwt,
            Err(error) => {
                let opaque = self.0.opaque().filter(|(_, it)| it.takes(&error));
                let outcome = opaque.map_or(Err(error), |_| Ok(()));
                return vec![TokenCheck::new("form", outcome)];
            }
        };
        let mut checks = vec![TokenCheck::new("form", Ok(()))];
        let trusted = jwt.issuer().and_then(|issuer| self.0.find(issuer));
        let Some(trusted) = trusted else {
            let error = match jwt.issuer() {
                None => TokenError::MissingClaim("iss"),
                Some(issuer) => self.unknown_issuer(issuer),
            };
            checks.push(TokenCheck::new("issuer", Err(error)));
            return checks;
        };
        let has_keys = trusted.introspector_for(Jwts::Introspected).is_none();
        let key = has_keys.then(|| trusted.jwks.cached(jwt.kid(), jwt.algorithm()));
        let key = key.flatten();
        let fitting = key.as_ref().and_then(|key| key.as_deref().ok());
        checks.extend((trusted.policy).checks(&jwt, fitting, self.wall_clock().now()));
        checks.extend(
            key.and_then(Result::err)
                .map(|error| TokenCheck::new("key", Err(error))),
        );
        checks
    }

    /// As [`validate`](Self::validate), but takes a bound token without a proof, for tools that
    /// explain a refusal: anyone with a copy of the token passes. Only a request can prove the
    /// binding.
    ///
    /// # Errors
    ///
    /// The same [`Rejection`], except for the missing proof.
    pub async fn danger_validate_without_proof(&self, token: &str) -> Result<Caller, Rejection> {
        let found = BearerCredentials::of_token(token);
        let mut verdict = self.verdict_of_token(found, None);
        let caller = loop {
            verdict = match verdict {
                Verdict::Admitted(caller) => break caller,
                Verdict::Refused(rejection) => return Err(rejection),
                Verdict::Wait(wait) => self.verdict_of_token(found, Some(wait.await)),
            }
        };
        match self.check_binding(caller.clone(), None) {
            // A proof would pass, because the policy refuses bindings that are not checked.
            Verdict::Refused(Rejection::Token(TokenError::Binding)) if self.0.bound.is_some() => {
                Ok(caller)
            }
            Verdict::Refused(rejection) => Err(rejection),
            Verdict::Admitted(_) | Verdict::Wait(_) => Ok(caller),
        }
    }

    /// The issuers whose plain bearer tokens are refused
    /// ([`Trust::require_bound`](crate::Trust::require_bound)).
    pub fn bound_issuers(&self) -> impl Iterator<Item = &Issuer> {
        let bound = self
            .0
            .trusted
            .iter()
            .filter(|trusted| trusted.requires_bound);
        bound.map(|trusted| trusted.policy.issuer())
    }

    /// Introspects a text that is no token at each issuer whose tokens are introspected, and
    /// returns what each one said: for tools that check a set-up.
    ///
    /// The outcome is right if the endpoint accepts this service as a client and says that the text
    /// is not active. It is neither cached nor used for a request.
    ///
    /// ```no_run
    /// # async fn check(server: obo::ResourceServer) {
    /// for (issuer, outcome) in server.probe_introspection().await {
    ///     if let Err(error) = outcome {
    ///         println!("introspection at {issuer}: {error}");
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// Completes within 5 s for each issuer.
    pub async fn probe_introspection(&self) -> Vec<(Issuer, Result<(), TokenEndpointError>)> {
        let mut outcomes = Vec::new();
        for trusted in &self.0.trusted {
            if let Some(introspector) = &trusted.introspector
                && let Ok(probe) = BearerToken::parse(PROBE)
            {
                let outcome = introspector.probe(probe).await;
                outcomes.push((trusted.policy.issuer().clone(), outcome));
            }
        }
        outcomes
    }

    pub(super) fn unknown_issuer(&self, issuer: &str) -> TokenError {
        TokenError::unknown_issuer(Some(issuer), &Vec::from_iter(self.issuers()))
    }
}
