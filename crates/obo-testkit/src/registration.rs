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
    /// The name in the certificate of `tls_client_auth`.
    pub(crate) certificate_name: Option<String>,
    /// The thumbprints of the certificates of `self_signed_tls_client_auth`.
    pub(crate) certificates: BTreeSet<String>,
    pub(crate) audience_token_endpoint: bool,
    pub(crate) impersonates: bool,
    pub(crate) raw_basic: bool,
    pub(crate) exchange_targets: BTreeSet<String>,
    pub(crate) request_targets: BTreeSet<String>,
    pub(crate) introspection_targets: BTreeSet<String>,
    /// Scopes by target; without an entry for any target every scope is granted.
    pub(crate) scopes: BTreeMap<String, BTreeSet<String>>,
}
