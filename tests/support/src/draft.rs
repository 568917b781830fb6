//! Tokens written as text, member by member, in ways that no encoder uses.

use crate::members::Members;
use crate::signer::Signer;

/// A token before it is signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The JOSE header.
    pub header: Members,
    /// The payload.
    pub claims: Members,
}

impl Draft {
    /// Sets a claim to this JSON text.
    pub fn claim(mut self, name: &str, text: &str) -> Self {
        self.claims.set(name, text);
        self
    }

    /// Removes a claim.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Sets a header member to this JSON text.
    pub fn header(mut self, name: &str, text: &str) -> Self {
        self.header.set(name, text);
        self
    }

    /// The compact form, signed with this ES256 key, whatever algorithm the header names.
    pub fn sign(&self, pem: &str) -> String {
        let signer = Signer::of_pem("", "ES256", pem);
        let (header, claims) = (self.header.json(), self.claims.json());
        signer.compact("ES256", header.as_bytes(), claims.as_bytes())
    }
}
