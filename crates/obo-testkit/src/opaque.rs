//! Opaque tokens, and which tokens are revoked.

use std::collections::{HashMap, HashSet};

use crate::jwt::Object;
use crate::random;

/// What the server knows of tokens beyond their content.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) opaque: HashMap<String, Object>,
    pub(crate) revoked: HashSet<String>,
}

impl Tokens {
    /// Issues a token that stands for these claims.
    pub(crate) fn issue(&mut self, claims: Object) -> String {
        let token = random::text::<32>();
        self.opaque.insert(token.clone(), claims);
        token
    }
}
