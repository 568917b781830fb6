use std::fmt;

use zeroize::Zeroizing;

use crate::binding::Thumbprint;
use crate::challenge::claims_request::ClaimsRequest;
use crate::grant::Grant;
use crate::grant::digested::Text;
use crate::grant::request::ExchangeRequest;
use crate::grant::target::Target;
use crate::jose::crypto::keyed_digest;
use crate::secret::redacted;
use crate::token::issuer::Issuer;

/// Makes the cache keys for one client at one authorization server.
pub struct CacheKeys {
    /// Random, and different for each server and client.
    secret: Zeroizing<[u8; 32]>,
    server: Issuer,
}

/// Identifies one exchanged token: a keyed digest of everything that shapes it.
///
/// It includes the SHA-256 of the whole subject token, never a name. So two users never share an
/// entry, and neither does one user before and after a step-up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

const EXCHANGE: u8 = 1;
const CLIENT: u8 = 2;

impl CacheKeys {
    /// Makes keys from 32 random bytes, for `client_id` at `server`.
    pub fn new(random: [u8; 32], server: &Issuer, client_id: &str) -> Self {
        let random = Zeroizing::new(random);
        let fields = [server.as_str().as_bytes(), client_id.as_bytes()];
        Self {
            secret: Zeroizing::new(keyed_digest(&random, fields.into_iter())),
            server: server.clone(),
        }
    }

    /// Makes the keys of tokens that are bound to the certificate with this SHA-256 thumbprint (RFC
    /// 8705 section 3.1). A client with another certificate cannot use these tokens.
    #[must_use]
    pub fn bound_to_certificate(&self, thumbprint: &[u8; 32]) -> Self {
        let fields = [b"x5t#S256".as_slice(), thumbprint];
        Self {
            secret: Zeroizing::new(keyed_digest(&self.secret, fields.into_iter())),
            server: self.server.clone(),
        }
    }

    /// The key of a grant, for a dialect with this [`identity`](crate::dialect::Dialect::identity).
    ///
    /// A token of the client itself never has the key of an exchanged one.
    pub fn key(&self, dialect: &str, grant: &Grant) -> CacheKey {
        match grant {
            Grant::Exchange(request) => self.exchange(dialect, request),
            Grant::ClientCredentials {
                target, thumbprint, ..
            } => self.client(dialect, target.as_deref(), thumbprint.as_ref()),
        }
    }

    fn exchange(&self, dialect: &str, request: &ExchangeRequest) -> CacheKey {
        let actor = request.actor();
        let requested = request.requested_type().map(|t| t.as_str());
        let claims = request.claims().map(ClaimsRequest::as_json);
        let given = [
            actor.is_some(),
            requested.is_some(),
            claims.is_some(),
            request.thumbprint().is_some(),
            // The type of the subject token depends on its issuer.
            request.subject().issuer() == &self.server,
        ];
        let mut text = Text::new(&self.secret, EXCHANGE);
        text.fixed(request.subject().subject_token().digest());
        text.fixed(request.target().digest());
        text.fixed(&given.map(u8::from));
        if let Some(thumbprint) = request.thumbprint() {
            text.fixed(thumbprint.as_bytes());
        }
        text.part(dialect);
        if let Some(actor) = actor {
            text.part(actor.identity());
            text.part(actor.token_type().as_str());
        }
        [requested, claims]
            .into_iter()
            .flatten()
            .for_each(|value| text.part(value));
        CacheKey(text.digest())
    }

    fn client(
        &self,
        dialect: &str,
        target: Option<&Target>,
        thumbprint: Option<&Thumbprint>,
    ) -> CacheKey {
        let mut text = Text::new(&self.secret, CLIENT);
        text.fixed(&[target.is_some(), thumbprint.is_some()].map(u8::from));
        if let Some(target) = target {
            text.fixed(target.digest());
        }
        if let Some(thumbprint) = thumbprint {
            text.fixed(thumbprint.as_bytes());
        }
        text.part(dialect);
        CacheKey(text.digest())
    }
}

redacted!(CacheKeys);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}
