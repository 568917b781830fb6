//! Tokens written as text, member by member, as no encoder would write them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obo_testkit::TestKey;
use serde_json::Value;

/// Members of a JSON object in their order, each with the text of its value; a name may stand twice.
#[derive(Clone, Debug)]
pub struct Members(Vec<(String, String)>);

impl Members {
    /// Those of an object.
    pub fn of(object: &Value) -> Self {
        let members = object.as_object().unwrap().iter();
        Self(members.map(|(n, v)| (n.clone(), v.to_string())).collect())
    }

    /// The text of the member's value.
    pub fn text(&self, name: &str) -> &str {
        let (_, value) = self.0.iter().find(|(n, _)| n == name).unwrap();
        value
    }

    /// Takes every member of that name out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Gives the first member of that name this value, or adds one.
    pub fn set(&mut self, name: &str, text: &str) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, value)) => text.clone_into(value),
            None => self.repeat(name, text),
        }
    }

    /// Adds the member, whether or not there is one of that name.
    pub fn repeat(&mut self, name: &str, text: &str) {
        self.0.push((name.to_owned(), text.to_owned()));
    }

    /// The object.
    pub fn json(&self) -> String {
        let members = self.0.iter().map(|(n, v)| format!("{n:?}:{v}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.json())
    }
}

/// A token before it is signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The JOSE header.
    pub header: Members,
    /// The payload.
    pub claims: Members,
}

impl Draft {
    /// With a claim of this value, as JSON text.
    pub fn claim(mut self, name: &str, text: &str) -> Self {
        self.claims.set(name, text);
        self
    }

    /// Without a claim.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// With a header member of this value, as JSON text.
    pub fn header(mut self, name: &str, text: &str) -> Self {
        self.header.set(name, text);
        self
    }

    /// The compact form, signed with ES256 whatever the header says.
    pub fn sign(&self, key: &TestKey) -> String {
        let pem = key.private_pem();
        let base64: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
        let pkcs8 = STANDARD.decode(base64).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).unwrap();
        let (header, claims) = (self.header.to_base64url(), self.claims.to_base64url());
        let message = format!("{header}.{claims}");
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
