//! The target of a family of attacks: one issuer, and those that try to impersonate it.

use crate::forge::{Forge, signed_segments};
use crate::signer::{Keys, Signer, base64url};

pub(crate) struct Target<'w> {
    pub(crate) at: &'w Forge,
    /// Another trusted issuer, which must not speak for this one.
    pub(crate) other: &'w Forge,
    pub(crate) attacker: &'w Keys,
    /// The URL of a server that must not be called.
    pub(crate) trap: &'w str,
}

impl Target<'_> {
    /// Header and payload of a valid token with this `alg`, and this `kid` unless it is empty.
    pub(crate) fn segments(&self, alg: &str, kid_json: &str) -> (String, String) {
        let mut draft = self.at.draft().header("alg", &format!("{alg:?}"));
        draft.header.remove("kid");
        if !kid_json.is_empty() {
            draft.header.set("kid", kid_json);
        }
        (
            base64url(draft.header.json()),
            base64url(draft.claims.json()),
        )
    }

    /// The signed token of these segments.
    pub(crate) fn token(&self, key: &Signer, alg: &str, kid_json: &str) -> String {
        let (header, claims) = self.segments(alg, kid_json);
        signed_segments(key, alg, &header, &claims)
    }
}
