//! Opaque tokens: names of what the server keeps to itself.

use std::collections::{HashMap, HashSet};

use crate::jwt::Object;
use crate::random;

/// What is known of tokens beyond what they say.
#[derive(Default)]
pub(crate) struct Tokens {
    opaque: HashMap<String, Object>,
    revoked: HashSet<String>,
}

impl Tokens {
    /// A new token that stands for these claims.
    pub(crate) fn issue(&mut self, claims: Object) -> String {
        let token = random::text::<32>();
        self.opaque.insert(token.clone(), claims);
        token
    }

    pub(crate) fn claims(&self, token: &str) -> Option<Object> {
        self.opaque.get(token).cloned()
    }

    pub(crate) fn revoke(&mut self, token: &str) {
        self.revoked.insert(token.to_owned());
    }

    pub(crate) fn is_revoked(&self, token: &str) -> bool {
        self.revoked.contains(token)
    }
}
