//! Tokens that another replica has exchanged.

use std::time::Duration;

use obo_core::fleet::{SharedExchange, StoredToken};
use obo_core::{Grant, IssuedToken, TokenScheme, UnixTime};
use tokio::time::Instant;

use super::actor::ActorSource;
use super::cache::Place;
use super::engine::Engine;
use super::wanted::Wanted;
use crate::fleet::{Lease, Shared};
use crate::observe;

/// A token of another replica; or the lease for the exchange, if there is one.
pub(super) type Adopted = Result<IssuedToken, Option<Lease>>;

impl Engine {
    /// Where the token is shared, if it is. A new token must not come from there.
    pub(super) fn shared(&self, wanted: &Wanted) -> Option<Shared> {
        let Grant::Exchange(request) = &wanted.grant else {
            return None;
        };
        let settings = &self.settings;
        let certificate = settings.certificate();
        let actor = settings.actor.as_ref().map(ActorSource::description);
        settings.fleet.as_ref()?.shared(&SharedExchange {
            server: self.endpoint.server().issuer(),
            client_id: settings.client.id(),
            dialect: &settings.dialect_of(wanted).identity(),
            request,
            actor: actor.as_deref().unwrap_or_default(),
            bound_to: certificate.as_ref(),
            is_introspected: settings.introspects_issued,
        })
    }

    /// The shared token, cached here too.
    pub(super) async fn adopted(&self, shared: &Shared, wanted: &Wanted, place: &Place) -> Adopted {
        let stored = shared.token_or_lease().await.map_err(Some)?;
        self.adopt(stored, wanted, place).ok_or(None)
    }

    /// As [`adopted`](Self::adopted), for a cached token that is due to be renewed, or for a call
    /// that needs a new one.
    ///
    /// A shared token is new only if it is another one. While another replica exchanges, the cached
    /// token stays.
    pub(super) async fn renewed(&self, shared: &Shared, wanted: &Wanted, place: &Place) -> Adopted {
        if wanted.grant.is_fresh() {
            return Err(None);
        }
        let hit = self.tokens.get(place, self.settings.clock.now());
        let cached = hit.and_then(|hit| hit.outcome.ok());
        let is_other = |stored: &StoredToken| {
            let cached = cached.as_ref().map(IssuedToken::expose);
            cached != Some(stored.token.expose())
        };
        if let Some(stored) = shared.token().await.filter(is_other)
            && let Some(token) = self.adopt(stored, wanted, place)
        {
            return Ok(token);
        }
        match (shared.lease().await, cached) {
            (None, Some(cached)) => {
                self.tokens.postpone(place);
                Ok(cached)
            }
            (lease, _) => Err(lease),
        }
    }

    /// Caches a shared token, as if it had been requested here at that time; `None` if hardly any
    /// time is left, or the caller is refused meanwhile.
    fn adopt(&self, stored: StoredToken, wanted: &Wanted, place: &Place) -> Option<IssuedToken> {
        let is_bound = stored.token.scheme() == TokenScheme::Dpop;
        if is_bound != wanted.grant.thumbprint().is_some() {
            return None;
        }
        let now = self.settings.clock.now();
        let caller = wanted.grant.subject()?;
        self.check_caller(caller, None, now).ok()?;
        let StoredToken {
            token,
            requested_at,
        } = stored;
        // The clock of the other replica may be ahead.
        let requested_at = requested_at.min(now);
        let age = now.saturating_since(requested_at);
        let start = Instant::now().checked_sub(age)?;
        let session = caller.ends_at().saturating_since(requested_at);
        let start = (start, requested_at);
        let usable = self.tokens.insert(*place, token.clone(), start, session);
        (age < usable).then_some(token)
    }

    pub(super) fn obtained_shared(&self, wanted: &Wanted, token: &IssuedToken) {
        let call = self.settings.call_with(&wanted.grant);
        let target = wanted.grant.target().map(|target| &**target);
        observe::token_obtained(observe::Source::Store, call, target, token);
    }
}

impl Shared {
    /// Shares a token that was requested then and is used for so long.
    pub(super) fn share(&self, token: &IssuedToken, requested_at: UnixTime, usable: Duration) {
        let stored = StoredToken {
            token: token.clone(),
            requested_at,
        };
        self.put(&stored, usable);
    }
}
