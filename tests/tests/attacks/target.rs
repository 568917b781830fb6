//! What a family of attacks is made for: one issuer, and who wants to pass for it.

use crate::forge::{Forge, signed_segments};
use crate::signer::{Keys, Signer, base64url};

pub(crate) struct Target<'w> {
    pub(crate) at: &'w Forge,
    /// Trusted too, and no better than an attacker here.
    pub(crate) other: &'w Forge,
    pub(crate) attacker: &'w Keys,
    /// Where nobody may be led to.
    pub(crate) trap: &'w str,
}

impl Target<'_> {
    /// Header and payload of a token that is let in, save for these members; an empty text leaves `kid` out.
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

    /// The same, signed.
    pub(crate) fn token(&self, key: &Signer, alg: &str, kid_json: &str) -> String {
        let (header, claims) = self.segments(alg, kid_json);
        signed_segments(key, alg, &header, &claims)
    }
}
