use std::collections::{BTreeMap, BTreeSet};

use crate::public_key::PublicKey;

/// What the server knows of a client.
#[derive(Clone, Default)]
pub(crate) struct Registration {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) keys: Vec<PublicKey>,
    /// Subjects by which platforms know the client, and the keys these sign with.
    pub(crate) foreign: Vec<(String, PublicKey)>,
    pub(crate) audience_token_endpoint: bool,
    pub(crate) impersonates: bool,
    pub(crate) raw_basic: bool,
    pub(crate) exchange_targets: BTreeSet<String>,
    pub(crate) request_targets: BTreeSet<String>,
    pub(crate) introspection_targets: BTreeSet<String>,
    /// Scopes by target; without an entry for any target every scope is granted.
    pub(crate) scopes: BTreeMap<String, BTreeSet<String>>,
}
