//! Tokens as in the products' documentation, with the products' profiles. They have the same
//! members and forms, and are signed here. None was captured.

use obo_core::{
    BearerToken, Caller, IntrospectionResponse, MissingMembers, Policy, PrincipalKind, Profile,
    Scope, TokenError, UnixTime,
};
use serde_json::{Map, Value};

use crate::introspection::facts;
use crate::signer::P256;
use crate::token::seal;
use crate::validate::{published, validate};

mod auth0;
mod authentik;
mod cognito;
mod entra;
mod google;
mod keycloak;
mod okta;
mod zitadel;

fn policy(issuer: &str, audience: &str, profile: Profile) -> Policy {
    let policy = Policy::builder(issuer).audience(audience);
    policy.profile(profile).build().unwrap()
}

/// A documented token, to change and validate.
#[derive(Clone)]
struct Recorded {
    typ: Option<&'static str>,
    payload: Map<String, Value>,
}

impl Recorded {
    fn new(typ: Option<&'static str>, payload: &str) -> Self {
        Self {
            typ,
            payload: serde_json::from_str(payload).unwrap(),
        }
    }

    fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.payload.insert(claim.to_owned(), value.into());
        self
    }

    fn without(mut self, claim: &str) -> Self {
        self.payload.remove(claim).expect(claim);
        self
    }

    fn typ(mut self, typ: Option<&'static str>) -> Self {
        self.typ = typ;
        self
    }

    /// The result shortly after the token was issued. It is the same for a JWT and an introspected
    /// token.
    fn under(&self, policy: &Policy) -> Result<Caller, TokenError> {
        let verdict = self.read(policy);
        // Only a JWT has the header's `typ`, and for a token of another issuer the response is
        // inactive.
        let is_of_both = !matches!(
            verdict,
            Err(TokenError::Type { .. } | TokenError::UnknownIssuer { .. })
        );
        if is_of_both {
            self.is_told_alike(policy, &verdict);
        }
        verdict
    }

    fn is_told_alike(&self, policy: &Policy, read: &Result<Caller, TokenError>) {
        let mut token = self.clone();
        if let Ok(caller) = read {
            // Members of RFC 7662 that products send for every token or every user.
            if let Some(client) = caller.client_id() {
                token = token.with("client_id", client);
            }
            if caller.kind() == PrincipalKind::User {
                token = token.with("username", "alice");
            }
        }
        match (token.introspected(policy), read) {
            (Ok(introspected), Ok(read)) => assert_eq!(facts(&introspected), facts(read)),
            // The kind of token is checked first there.
            (Err(TokenError::NotAnAccessToken(_)), Err(_)) => {}
            (introspected, read) => assert_eq!(introspected.as_ref().err(), read.as_ref().err()),
        }
    }

    /// The result for the token as a JWT.
    fn read(&self, policy: &Policy) -> Result<Caller, TokenError> {
        let kid = P256.kid();
        let typ = self
            .typ
            .map_or(String::new(), |typ| format!(r#""typ":"{typ}","#));
        let header = format!(r#"{{{typ}"alg":"ES256","kid":"{kid}"}}"#);
        let payload = serde_json::to_vec(&self.payload).unwrap();
        let token = seal(&P256, "ES256", header.as_bytes(), &payload);
        validate(policy, &published(), &token, self.now())
    }

    /// The result for an opaque token with the same claims in the response.
    fn introspected(&self, policy: &Policy) -> Result<Caller, TokenError> {
        let introspected = self
            .clone()
            .with("active", true)
            .with("token_type", "Bearer");
        let response = serde_json::to_vec(&introspected.payload).unwrap();
        let response = IntrospectionResponse::parse(&response).unwrap();
        let token = BearerToken::parse("opaque").unwrap();
        policy.validate(token, response, MissingMembers::default(), self.now())
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.payload["iat"].as_u64().unwrap() + 5)
    }

    fn refusal(&self, policy: &Policy) -> TokenError {
        self.under(policy).unwrap_err()
    }
}

fn scope<const N: usize>(values: [&str; N]) -> Scope {
    Scope::new(values).unwrap()
}

fn roles(caller: &Caller) -> Vec<&str> {
    caller.roles().collect()
}
