//! Tokens as products' documentation shows or describes them, under the products' profiles: literals of the same members,
//! forms and kinds of value, signed here. None was captured from a running product.

use obo_core::{Audience, Issuer, Policy, Profile, Scope, TokenError, UnixTime, Validated};
use serde_json::{Map, Value};

use crate::judge::{judge, published};
use crate::signer::P256;
use crate::token::seal;

mod auth0;
mod authentik;
mod cognito;
mod entra;
mod google;
mod keycloak;
mod okta;
mod zitadel;

fn policy(issuer: &str, audience: &str, profile: Profile) -> Policy {
    let issuer = Issuer::new(issuer).unwrap();
    Policy::new(issuer, Audience::new(audience).unwrap()).profile(profile)
}

/// A token as documented, to be changed and judged.
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

    /// The verdict shortly after the token was issued.
    fn under(&self, policy: &Policy) -> Result<Validated, TokenError> {
        let kid = P256.kid();
        let typ = self
            .typ
            .map_or(String::new(), |typ| format!(r#""typ":"{typ}","#));
        let header = format!(r#"{{{typ}"alg":"ES256","kid":"{kid}"}}"#);
        let payload = serde_json::to_vec(&self.payload).unwrap();
        let token = seal(&P256, "ES256", header.as_bytes(), &payload);
        let now = self.payload["iat"].as_u64().unwrap() + 5;
        judge(policy, &published(), &token, UnixTime::from_secs(now))
    }

    fn refusal(&self, policy: &Policy) -> TokenError {
        self.under(policy).unwrap_err()
    }
}

fn scope<const N: usize>(values: [&str; N]) -> Scope {
    Scope::new(values).unwrap()
}

fn roles(caller: &Validated) -> Vec<&str> {
    caller.roles().collect()
}
