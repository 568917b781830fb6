use zeroize::Zeroizing;

use super::exchanged::number;
use super::key_ring::KeyRing;
use super::names::{Kind, StoreKey};
use crate::introspection::IntrospectionResponse;
use crate::time::UnixTime;
use crate::token::bearer::BearerToken;
use crate::token::issuer::Issuer;

/// Everything that an introspection response depends on, for its name in the store.
#[derive(Clone, Copy, Debug)]
pub struct IntrospectionNames<'i> {
    /// The issuer that introspects.
    pub issuer: &'i Issuer,
    /// The client of this service there. A server may respond differently to others.
    pub client_id: &'i str,
    /// Whether only signed responses are accepted.
    pub is_signed: bool,
    /// The token.
    pub token: BearerToken<'i>,
}

impl KeyRing {
    /// The names of an introspection response, one for each key of the ring.
    pub fn introspection_names(&self, of: IntrospectionNames<'_>) -> Vec<StoreKey> {
        let fields: [&[u8]; 4] = [
            of.issuer.as_str().as_bytes(),
            of.client_id.as_bytes(),
            &[u8::from(of.is_signed)],
            of.token.expose().as_bytes(),
        ];
        let keys = self.0.iter();
        keys.map(|key| key.name(Kind::Introspection, None, &fields))
            .collect()
    }
}

/// The response about an active token and when it was requested, as it stands in the store.
#[derive(Debug)]
pub struct StoredIntrospection {
    /// The response.
    pub response: IntrospectionResponse,
    /// When its request started.
    pub requested_at: UnixTime,
}

impl StoredIntrospection {
    /// The bytes to seal; `None` if the token is not active.
    pub fn to_bytes(
        response: &IntrospectionResponse,
        requested_at: UnixTime,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let json = response.active_json()?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 + json.len()));
        bytes.extend(requested_at.as_secs().to_be_bytes());
        bytes.extend_from_slice(json);
        Some(bytes)
    }

    /// Reads opened bytes; `None` if they are of another form.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (requested_at, json) = number(bytes)?;
        let response = IntrospectionResponse::parse(json).ok()?;
        response.active_json()?;
        Some(Self {
            response,
            requested_at: UnixTime::from_secs(requested_at),
        })
    }
}
