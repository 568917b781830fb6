use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::keyed_digest;
use crate::{ClaimsRequest, ExchangeRequest, Issuer, Target};

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

/// Change when the fields or their order do; and tell both kinds apart.
const EXCHANGE: &[u8] = b"3";
const CLIENT: &[u8] = b"client 1";

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
        let subject_type = request.subject_token_type(server);
        let names = Names::of(request.target());
        let actor = request.actor();
        let requested = request.requested_type().map(|t| t.as_str());
        let claims = request.claims().map(ClaimsRequest::as_json);
        let given = [
            actor.is_some(),
            requested.is_some(),
            claims.is_some(),
            request.target().requires_scope(),
        ];
        let counts = names.counts();
        let fields = [
            EXCHANGE,
            server.as_str().as_bytes(),
            client_id.as_bytes(),
            dialect.as_bytes(),
            request.subject().subject_token().digest(),
            subject_type.as_str().as_bytes(),
            counts.as_flattened(),
            &given.map(u8::from),
            request.target().scope().as_str().as_bytes(),
        ];
        let optional = actor
            .into_iter()
            .flat_map(|actor| [actor.identity(), actor.token_type().as_str()])
            .chain(requested)
            .chain(claims);
        let texts = optional.chain(names.0.iter().flatten().copied());
        let parts = fields.into_iter().chain(texts.map(str::as_bytes));
        Self(keyed_digest(&secret.0, parts))
    }

    /// The key of a token that `client_id` gets for itself at `server`, for `target` or for nobody in particular; never
    /// one of an exchange.
    pub fn of_client(
        secret: &CacheSecret,
        server: &Issuer,
        client_id: &str,
        dialect: &str,
        target: Option<&Target>,
    ) -> Self {
        let names = target.map(Names::of).unwrap_or_default();
        let scope = target.map(|target| target.scope().as_str());
        let counts = names.counts();
        let fields = [
            CLIENT,
            server.as_str().as_bytes(),
            client_id.as_bytes(),
            dialect.as_bytes(),
            counts.as_flattened(),
            &[u8::from(target.is_some())],
            scope.unwrap_or_default().as_bytes(),
        ];
        let texts = names.0.iter().flatten().map(|name| name.as_bytes());
        Self(keyed_digest(&secret.0, fields.into_iter().chain(texts)))
    }
}

/// The names of a target, each kind sorted: audiences, resources, other names.
#[derive(Default)]
struct Names<'a>([Vec<&'a str>; 3]);

impl<'a> Names<'a> {
    fn of(target: &'a Target) -> Self {
        let mut names = [
            target.audiences().iter().map(|a| a.as_str()).collect(),
            target.resources().iter().map(|r| r.as_str()).collect(),
            target.other_names().iter().map(|a| a.as_str()).collect(),
        ];
        names
            .iter_mut()
            .for_each(|kind: &mut Vec<_>| kind.sort_unstable());
        Self(names)
    }

    /// How many of each kind, so that none borrows from its neighbour.
    fn counts(&self) -> [[u8; 8]; 3] {
        self.0
            .each_ref()
            .map(|kind| (kind.len() as u64).to_be_bytes())
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}
