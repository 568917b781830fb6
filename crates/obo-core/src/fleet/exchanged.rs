use zeroize::Zeroizing;

use super::key_ring::KeyRing;
use super::names::{Kind, StoreKey};
use crate::binding::Thumbprint;
use crate::challenge::claims_request::ClaimsRequest;
use crate::grant::issued_token::IssuedToken;
use crate::grant::request::ExchangeRequest;
use crate::time::UnixTime;
use crate::token::bearer::TokenScheme;
use crate::token::issuer::Issuer;
use crate::token::scope::Scope;

/// Everything that shapes an exchanged token, for its name in the store.
///
/// [`CacheKeys`](crate::CacheKeys) makes the keys of one process. Those must not leave it.
#[derive(Clone, Copy, Debug)]
pub struct SharedExchange<'e> {
    /// The authorization server.
    pub server: &'e Issuer,
    /// The client of this service there.
    pub client_id: &'e str,
    /// The dialect's [`identity`](crate::dialect::Dialect::identity).
    pub dialect: &'e str,
    /// The exchange, without an actor that the service adds.
    pub request: &'e ExchangeRequest,
    /// Which actor the service adds.
    pub actor: &'e str,
    /// The thumbprint of the certificate that the token is bound to.
    pub bound_to: Option<&'e [u8; 32]>,
    /// Whether issued opaque tokens are introspected.
    pub is_introspected: bool,
}

/// The names of an exchanged token, one for each key of the ring.
#[derive(Clone, Debug)]
pub struct ExchangeNames {
    /// Of the token.
    pub token: Vec<StoreKey>,
    /// Of the lease that one replica holds while it exchanges.
    pub lease: Vec<StoreKey>,
}

impl KeyRing {
    /// The names of an exchanged token. All tokens of a user are on the same node.
    pub fn exchange_names(&self, of: &SharedExchange<'_>) -> ExchangeNames {
        let (request, subject) = (of.request, of.request.subject());
        let (actor, claims) = (
            request.actor(),
            request.claims().map(ClaimsRequest::as_json),
        );
        let requested = request.requested_type().map(|it| it.as_str());
        let given = [
            actor.is_some(),
            requested.is_some(),
            claims.is_some(),
            of.bound_to.is_some(),
            request.thumbprint().is_some(),
            of.is_introspected,
            // The type of the subject token depends on its issuer.
            subject.issuer() == of.server,
        ];
        let given = given.map(u8::from);
        let owner = [subject.issuer().as_str(), subject.subject()].map(str::as_bytes);
        let key = request.thumbprint().map(Thumbprint::as_bytes);
        let fields: [&[u8]; 13] = [
            of.server.as_str().as_bytes(),
            of.client_id.as_bytes(),
            of.dialect.as_bytes(),
            of.actor.as_bytes(),
            &given,
            subject.subject_token().digest(),
            request.target().digest(),
            of.bound_to.map_or(&[], |thumbprint| thumbprint),
            key.map_or(&[], |key| key),
            actor.map_or("", |it| it.identity()).as_bytes(),
            actor.map_or("", |it| it.token_type().as_str()).as_bytes(),
            requested.unwrap_or_default().as_bytes(),
            claims.unwrap_or_default().as_bytes(),
        ];
        let names = |kind| {
            let keys = self.0.iter();
            keys.map(|key| key.name(kind, Some(&owner), &fields))
                .collect()
        };
        ExchangeNames {
            token: names(Kind::Token),
            lease: names(Kind::Lease),
        }
    }
}

/// An exchanged token and when it was requested, as it stands in the store.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The token.
    pub token: IssuedToken,
    /// When its request started.
    pub requested_at: UnixTime,
}

// Not zero, with which records without a scheme begin.
const BEARER: u8 = 1;
const DPOP: u8 = 2;

impl StoredToken {
    /// The bytes to seal.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (token, scope) = (self.token.expose(), self.token.scope().to_string());
        let (stated, own) = self.token.stated();
        let mut bytes = Zeroizing::new(Vec::with_capacity(29 + token.len() + scope.len()));
        bytes.push(match self.token.scheme() {
            TokenScheme::Bearer => BEARER,
            TokenScheme::Dpop => DPOP,
        });
        bytes.extend(self.requested_at.as_secs().to_be_bytes());
        bytes.extend(stated.map_or(u64::MAX, u64::from).to_be_bytes());
        bytes.extend(own.map_or(0, u64::from).to_be_bytes());
        bytes.extend((scope.len() as u32).to_be_bytes());
        bytes.extend_from_slice(scope.as_bytes());
        bytes.extend_from_slice(token.as_bytes());
        bytes
    }

    /// Reads opened bytes; `None` if they are of another form.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scheme, bytes) = bytes.split_first()?;
        let scheme = match *scheme {
            BEARER => TokenScheme::Bearer,
            DPOP => TokenScheme::Dpop,
            _ => return None,
        };
        let (requested_at, bytes) = number(bytes)?;
        let (stated, bytes) = number(bytes)?;
        let (own, bytes) = number(bytes)?;
        let (length, bytes) = bytes.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (scope, token) = bytes.split_at_checked(length)?;
        let scope = match scope {
            [] => Scope::default(),
            scope => Scope::parse(str::from_utf8(scope).ok()?)?,
        };
        let stated = Some(stated).filter(|stated| *stated != u64::MAX);
        let own = Some(own).filter(|own| *own != 0);
        let token = IssuedToken::with_scheme(scheme, str::from_utf8(token).ok()?)?
            .with_expires_in(stated.map(std::time::Duration::from_secs))
            .with_expires_at(own.map(UnixTime::from_secs))
            .with_scope(scope);
        Some(Self {
            token,
            requested_at: UnixTime::from_secs(requested_at),
        })
    }
}

pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DP-23
    #[test]
    fn stored_token_keeps_its_scheme() {
        for scheme in [TokenScheme::Bearer, TokenScheme::Dpop] {
            let stored = StoredToken {
                token: IssuedToken::with_scheme(scheme, "t").unwrap(),
                requested_at: UnixTime::from_secs(7),
            };
            let mut bytes = stored.to_bytes();
            let read = StoredToken::from_bytes(&bytes).unwrap();
            assert_eq!(read.token.scheme(), scheme);
            assert_eq!(read.token.authorization(), stored.token.authorization());
            assert_eq!(read.requested_at, stored.requested_at);
            for unknown in [0, 3, b'D'] {
                *bytes.first_mut().unwrap() = unknown;
                assert!(StoredToken::from_bytes(&bytes).is_none());
            }
            // The form without a scheme begins with the time.
            assert!(StoredToken::from_bytes(&bytes[1..]).is_none());
        }
        assert!(StoredToken::from_bytes(&[]).is_none());
    }
}
