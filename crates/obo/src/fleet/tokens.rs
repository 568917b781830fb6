//! Exchanged tokens and introspection responses in the store.

use std::time::Duration;

use bytes::Bytes;
use obo_core::fleet::{
    ExchangeNames, IntrospectionNames, SharedExchange, StoreKey, StoredIntrospection, StoredToken,
};
use obo_core::{IntrospectionResponse, UnixTime};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::handle::Fleet;
use super::store::StoreError;
use crate::{observe, random};

/// How long a replica may hold a lease. A replica that dies costs the others as much.
const LEASE: Duration = Duration::from_secs(2);
/// How long to wait for the replica that holds the lease.
const WAIT: Duration = Duration::from_secs(1);
const FIRST_POLL: Duration = Duration::from_millis(5);
const LONGEST_POLL: Duration = Duration::from_millis(80);

/// Where a token is shared.
pub(crate) struct Shared {
    fleet: Fleet,
    names: ExchangeNames,
}

/// An introspection response that is shared once it has been validated.
pub(crate) struct ToShare {
    fleet: Fleet,
    name: StoreKey,
    value: Zeroizing<Vec<u8>>,
    requested_at: UnixTime,
}

/// The right of this replica to exchange, while the others wait. It may be without effect.
pub(crate) struct Lease(bool);

impl Fleet {
    /// Where the token of an exchange is shared; `None` if no other process uses the store.
    pub(crate) fn shared(&self, exchange: &SharedExchange<'_>) -> Option<Shared> {
        self.0.is_shared.then(|| Shared {
            names: self.0.ring.current().exchange_names(exchange),
            fleet: self.clone(),
        })
    }

    /// The value of a name, opened. `None` if it has no usable one.
    async fn read(
        &self,
        kind: &'static str,
        names: &[StoreKey],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let inner = &self.0;
        let values = inner.link.call("get", || inner.store.get(names)).await?;
        let ring = inner.ring.current();
        let found = names.iter().zip(values).find_map(|(name, value)| {
            let opened = ring.open(name, &value?);
            opened
                .map_err(|error| inner.ignored(kind, error.code()))
                .ok()
        });
        observe::shared_lookup(kind, found.is_some());
        Ok(found)
    }

    /// Writes a value in the background. It ends after `lifetime`.
    fn write(&self, name: &StoreKey, value: &[u8], lifetime: Duration) {
        let sealed =
            random::nonce().and_then(|nonce| self.0.ring.current().seal(name, value, nonce));
        let Some(sealed) = sealed
            .map(Bytes::from)
            .filter(|_| lifetime >= Duration::from_secs(1))
        else {
            return;
        };
        let (fleet, name) = (self.clone(), name.clone());
        tokio::spawn(async move {
            let inner = &fleet.0;
            let put = || inner.store.put(&name, sealed, lifetime);
            // It has been counted, and the token is used anyway.
            let _ = inner.link.call("put", put).await;
        });
    }

    /// The introspection response that a replica shared, if it is not older than `max_age`.
    pub(crate) async fn introspection(
        &self,
        of: IntrospectionNames<'_>,
        max_age: Duration,
    ) -> Option<StoredIntrospection> {
        if !self.0.is_shared || max_age.is_zero() {
            return None;
        }
        let names = self.0.ring.current().introspection_names(of);
        let value = self.read("introspection", &names).await.ok()??;
        let stored = StoredIntrospection::from_bytes(&value);
        if stored.is_none() {
            self.0.ignored("introspection", "form");
        }
        let now = self.0.clock.now();
        stored.filter(|it| now.saturating_since(it.requested_at) < max_age)
    }

    /// A response to share; `None` if the token is not active.
    pub(crate) fn to_share(
        &self,
        of: IntrospectionNames<'_>,
        response: &IntrospectionResponse,
        requested_at: UnixTime,
    ) -> Option<ToShare> {
        if !self.0.is_shared {
            return None;
        }
        let names = self.0.ring.current().introspection_names(of);
        Some(ToShare {
            name: names.into_iter().next()?,
            value: StoredIntrospection::to_bytes(response, requested_at)?,
            fleet: self.clone(),
            requested_at,
        })
    }
}

impl ToShare {
    /// Shares the response until it is `max_age` old, in the background.
    pub(crate) fn share(self, max_age: Duration) {
        let age = self.fleet.0.clock.now().saturating_since(self.requested_at);
        self.fleet
            .write(&self.name, &self.value, max_age.saturating_sub(age));
    }
}

impl Shared {
    /// The shared token, or the lease for the exchange.
    ///
    /// If another replica holds the lease, it waits for the token of that one, for at most a
    /// second. If the store does not respond, it does not wait.
    pub(crate) async fn token_or_lease(&self) -> Result<StoredToken, Lease> {
        let end = Instant::now() + WAIT;
        let mut poll = FIRST_POLL;
        loop {
            match self.read().await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(_) => return Err(Lease(false)),
            }
            match self.lease().await {
                Some(lease) => return Err(lease),
                None if Instant::now() + poll < end => {}
                None => return Err(Lease(false)),
            }
            sleep(poll).await;
            poll = (poll * 2).min(LONGEST_POLL);
        }
    }

    /// The shared token, if there is one.
    pub(crate) async fn token(&self) -> Option<StoredToken> {
        self.read().await.ok().flatten()
    }

    async fn read(&self) -> Result<Option<StoredToken>, StoreError> {
        let value = self.fleet.read("token", &self.names.token).await?;
        let stored = value.as_ref().map(|value| StoredToken::from_bytes(value));
        if matches!(stored, Some(None)) {
            self.fleet.0.ignored("token", "form");
        }
        Ok(stored.flatten())
    }

    /// The lease; `None` if another replica holds it. One without effect if there are no leases, or
    /// the store does not respond.
    pub(crate) async fn lease(&self) -> Option<Lease> {
        let inner = &self.fleet.0;
        if !inner.has_lease {
            return Some(Lease(false));
        }
        let take = || inner.store.take(&self.names.lease, LEASE);
        match inner.link.call("lease", take).await {
            Ok(true) => Some(Lease(true)),
            Ok(false) => None,
            Err(_) => Some(Lease(false)),
        }
    }

    /// Shares a token until `lifetime` after it was requested, in the background.
    pub(crate) fn put(&self, token: &StoredToken, lifetime: Duration) {
        let now = self.fleet.0.clock.now();
        let age = now.saturating_since(token.requested_at);
        let lifetime = lifetime.saturating_sub(age);
        if let Some(name) = self.names.token.first() {
            self.fleet.write(name, &token.to_bytes(), lifetime);
        }
    }

    /// Ends the lease of an exchange that failed, so that the others do not wait for it.
    pub(crate) fn release(&self, Lease(is_held): Lease) {
        if !is_held {
            return;
        }
        let (fleet, names) = (self.fleet.clone(), self.names.lease.clone());
        tokio::spawn(async move {
            let inner = &fleet.0;
            // Otherwise it ends by itself.
            let _ = inner
                .link
                .call("remove", || inner.store.remove(&names))
                .await;
        });
    }
}
