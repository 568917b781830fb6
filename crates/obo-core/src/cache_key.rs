use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::{digest, keyed_digest};
use crate::{ClaimsRequest, ExchangeRequest, Issuer, Target};

/// Makes the keys of one cache: of what one client gets at one authorization server.
pub struct CacheKeys {
    /// Random, and different for each server and client.
    secret: Zeroizing<[u8; 32]>,
    server: Issuer,
}

/// What identifies one exchanged token: a keyed digest over everything that shaped it (TX-41).
///
/// The subject enters by its whole token, as its SHA-256, never by a name: two users, or one user before and after a step-up, never
/// share an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

const EXCHANGE: u8 = 1;
const CLIENT: u8 = 2;

impl CacheKeys {
    /// Keys under 32 random bytes, for what `client_id` gets at `server`.
    pub fn new(random: [u8; 32], server: &Issuer, client_id: &str) -> Self {
        let random = Zeroizing::new(random);
        let fields = [server.as_str().as_bytes(), client_id.as_bytes()];
        Self {
            secret: Zeroizing::new(keyed_digest(&random, fields.into_iter())),
            server: server.clone(),
        }
    }

    /// The keys of tokens that are bound to the certificate of this SHA-256 thumbprint (RFC 8705 section 3.1): a client
    /// with another certificate can use none of them (MT-08).
    #[must_use]
    pub fn bound_to_certificate(&self, thumbprint: &[u8; 32]) -> Self {
        let fields = [b"x5t#S256".as_slice(), thumbprint];
        Self {
            secret: Zeroizing::new(keyed_digest(&self.secret, fields.into_iter())),
            server: self.server.clone(),
        }
    }

    /// The key of an exchange in the dialect of that [`identity`](crate::dialect::Dialect::identity).
    pub fn exchange(&self, dialect: &str, request: &ExchangeRequest) -> CacheKey {
        let actor = request.actor();
        let requested = request.requested_type().map(|t| t.as_str());
        let claims = request.claims().map(ClaimsRequest::as_json);
        let given = [
            actor.is_some(),
            requested.is_some(),
            claims.is_some(),
            // What the subject token is called depends on who issued it.
            request.subject().issuer() == &self.server,
        ];
        let mut text = Text::new(&self.secret, EXCHANGE);
        text.fixed(request.subject().subject_token().digest());
        text.fixed(request.target().digest());
        text.fixed(&given.map(u8::from));
        text.part(dialect);
        if let Some(actor) = actor {
            text.part(actor.identity());
            text.part(actor.token_type().as_str());
        }
        [requested, claims]
            .into_iter()
            .flatten()
            .for_each(|value| text.part(value));
        text.key()
    }

    /// The key of a token that the client gets for itself, for `target` or for nobody in particular; never one of an
    /// exchange.
    pub fn client(&self, dialect: &str, target: Option<&Target>) -> CacheKey {
        let mut text = Text::new(&self.secret, CLIENT);
        text.fixed(&[u8::from(target.is_some())]);
        if let Some(target) = target {
            text.fixed(target.digest());
        }
        text.part(dialect);
        text.key()
    }
}

impl fmt::Debug for CacheKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKeys([redacted])")
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// SHA-256 of all that shapes a target, under no secret: it is made once for all who share the target.
pub(crate) fn target_digest(target: &Target) -> [u8; 32] {
    let sorted = |names: &mut dyn Iterator<Item = &str>| {
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let mut text = Text(Zeroizing::new(Vec::new()));
    for names in [
        sorted(&mut target.audiences().iter().map(|a| a.as_str())),
        sorted(&mut target.resources().iter().map(|r| r.as_str())),
        sorted(&mut target.other_names().iter().map(|a| a.as_str())),
    ] {
        // How many there are of each kind, so that none borrows from its neighbour.
        text.fixed(&(names.len() as u64).to_be_bytes());
        names.iter().for_each(|name| text.part(name));
    }
    text.fixed(&[u8::from(target.requires_scope())]);
    text.part(target.scope().as_str());
    digest(&text.0)
}

/// What is digested: fields of fixed length as they are, others each after its length.
///
/// The secret comes first. Digests leave no process, so that nothing is gained by making one longer, against which HMAC
/// would guard at three times the cost; each call on behalf of a user makes one.
struct Text(Zeroizing<Vec<u8>>);

impl Text {
    fn new(secret: &[u8; 32], kind: u8) -> Self {
        let mut text = Self(Zeroizing::new(Vec::with_capacity(256)));
        text.fixed(secret);
        text.fixed(&[kind]);
        text
    }

    fn fixed(&mut self, field: &[u8]) {
        self.0.extend_from_slice(field);
    }

    fn part(&mut self, field: &str) {
        self.fixed(&(field.len() as u64).to_be_bytes());
        self.fixed(field.as_bytes());
    }

    fn key(self) -> CacheKey {
        CacheKey(digest(&self.0))
    }
}
