use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::keyed_digest;
use crate::{ExchangeRequest, Issuer};

/// The secret under which cache keys are made, random per cache.
pub struct CacheSecret(Zeroizing<[u8; 32]>);

impl CacheSecret {
    /// Takes 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }
}

impl fmt::Debug for CacheSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheSecret([redacted])")
    }
}

/// What identifies one exchanged token: a keyed digest over everything that shaped it (TX-41).
///
/// The subject enters by its whole token, as its SHA-256, never by a name: two users, or one user before and after a step-up, never
/// share an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

/// Changes when the fields or their order do.
const VERSION: &[u8] = b"2";

impl CacheKey {
    /// The key of `request` as `client_id` makes it to `server` in the dialect of that
    /// [`identity`](crate::dialect::Dialect::identity).
    pub fn new(
        secret: &CacheSecret,
        server: &Issuer,
        client_id: &str,
        dialect: &str,
        request: &ExchangeRequest,
    ) -> Self {
        let target = request.target();
        let subject_type = request.subject_token_type(server);
        let mut audiences: Vec<_> = target.audiences().iter().map(|a| a.as_str()).collect();
        let mut resources: Vec<_> = target.resources().iter().map(|r| r.as_str()).collect();
        audiences.sort_unstable();
        resources.sort_unstable();
        let counts = [
            audiences.len(),
            resources.len(),
            usize::from(request.actor().is_some()),
            usize::from(request.requested_type().is_some()),
            usize::from(target.requires_scope()),
        ]
        .map(|count| (count as u64).to_be_bytes());
        let actor = request.actor();
        let fields = [
            VERSION,
            server.as_str().as_bytes(),
            client_id.as_bytes(),
            dialect.as_bytes(),
            request.subject().subject_token().digest(),
            subject_type.as_str().as_bytes(),
            counts.as_flattened(),
            target.scope().as_str().as_bytes(),
        ];
        let optional = actor
            .into_iter()
            .flat_map(|actor| [actor.identity(), actor.token_type().as_str()])
            .chain(request.requested_type().map(|t| t.as_str()));
        let lists = audiences.into_iter().chain(resources);
        Self(keyed_digest(
            &secret.0,
            fields
                .into_iter()
                .chain(optional.chain(lists).map(str::as_bytes)),
        ))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}
