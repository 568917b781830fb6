//! What a token exchange does: give what is at hand, or let one flight fetch it for all.

use std::sync::Arc;

use tokio::time::Instant;

use super::bounds::CacheBounds;
use super::cache::{Place, SubjectId, TokenCache};
use super::entries::Outcome;
use super::future::ResponseFuture;
use super::revocations::Revocations;
use super::token_endpoint::TokenEndpoint;
use super::{Exchanged, TokenSource};
use crate::flight::{Flights, Landing, Overloaded};
use crate::{
    CacheKey, CacheKeys, ExchangeError, ExchangeErrorKind, ExchangeRequest, Issuer, Target,
    UnixTime, Validated, observe, random,
};

pub(super) struct Engine {
    pub(super) endpoint: TokenEndpoint,
    pub(super) limits: Limits,
    tokens: TokenCache,
    flights: Arc<Flights<CacheKey, Outcome>>,
    revocations: Revocations,
    /// Without one, nothing can be kept apart safely, so nothing is exchanged.
    keys: Option<CacheKeys>,
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) cache: CacheBounds,
    /// The most exchanges under way at the same time.
    pub(super) flights: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache: CacheBounds::new(),
            flights: 1024,
        }
    }
}

/// Why a flight starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing is at hand.
    Missing,
    /// What is at hand will not do, or not for long.
    Renewal,
}

impl Engine {
    pub(super) fn new(endpoint: TokenEndpoint, limits: Limits) -> Arc<Self> {
        let (server, client) = (endpoint.server.issuer(), endpoint.client.id());
        Arc::new(Self {
            keys: random::bytes().map(|random| CacheKeys::new(random, server, client)),
            endpoint,
            limits,
            tokens: TokenCache::new(limits.cache),
            flights: Flights::new(limits.flights),
            revocations: Revocations::new(),
        })
    }

    /// The token at hand, or a future of it.
    pub(super) fn exchange(self: &Arc<Self>, request: ExchangeRequest) -> ResponseFuture {
        let place = match self.place(&request) {
            Ok(place) => place,
            Err(error) => return ResponseFuture::failed(error),
        };
        let at_hand = self.tokens.get(&place).filter(|_| !request.is_fresh());
        observe::at_hand(at_hand.is_some());
        if let Some(hit) = at_hand {
            if hit.is_due {
                // Whoever comes next profits; that there is no room for it now is no error.
                let _ = self.join(place, request, Need::Renewal);
            }
            return ResponseFuture::known(hit.outcome.map(|token| Exchanged {
                token,
                source: TokenSource::Cache,
                place,
            }));
        }
        let need = match request.is_fresh() {
            true => Need::Renewal,
            false => Need::Missing,
        };
        let target = Arc::clone(request.shared_target());
        match self.join(place, request, need) {
            Ok(landing) => ResponseFuture::waiting(landing, place, target),
            Err(Overloaded) => ResponseFuture::failed(ExchangeError::new(
                ExchangeErrorKind::Overloaded,
                Some(&target),
                "too many exchanges are under way",
            )),
        }
    }

    /// Where the outcome of a request is kept; an error when the request is one for nobody.
    fn place(&self, request: &ExchangeRequest) -> Result<Place, ExchangeError> {
        let caller = request.subject();
        let subject = self.tokens.subject(caller.issuer(), caller.subject());
        self.check_subject(caller, subject, request.target())?;
        let Some(keys) = &self.keys else {
            return Err(ExchangeError::new(
                ExchangeErrorKind::ClientMisconfigured,
                Some(request.target()),
                "the system gives no randomness to key the cache with",
            ));
        };
        let dialect = self.endpoint.dialect_of(request);
        let key = keys.exchange(&dialect.identity(), request);
        Ok(Place { subject, key })
    }

    fn join(
        self: &Arc<Self>,
        place: Place,
        request: ExchangeRequest,
        need: Need,
    ) -> Result<Landing<Outcome>, Overloaded> {
        self.flights.join(place.key, || {
            let engine = Arc::clone(self);
            async move { engine.fly(place, request, need).await }
        })
    }

    /// One exchange in a task of its own; a success is stored before the flight ends.
    async fn fly(&self, place: Place, request: ExchangeRequest, need: Need) -> Outcome {
        // Whoever missed the cache just before another flight ended comes here after it.
        if need == Need::Missing
            && let Some(hit) = self.tokens.get(&place)
        {
            return hit.outcome;
        }
        let _under_way = observe::UnderWay::new();
        let (start, started_at) = (Instant::now(), self.endpoint.clock.now());
        let mut exchanged = self.endpoint.exchange(&request).await;
        if exchanged.is_ok() {
            // The answer may have taken longer than the caller's token lived, or than it was not revoked.
            let caller = request.subject();
            let valid = self.check_subject(caller, place.subject, request.target());
            exchanged = valid.and(exchanged);
        }
        // Neither the server's word, nor the token's own, nor the caller's session is outlived (TX-42).
        let session = request.subject().expires_at().saturating_since(started_at);
        match &exchanged {
            Ok(token) => {
                let lifetime = token.lifetime(started_at);
                self.tokens
                    .insert(place, token.clone(), start, lifetime, session);
            }
            Err(error) => self.tokens.insert_refusal(place, error, session),
        }
        let outcome = exchanged.as_ref().map(|_| ());
        observe::exchanged(request.target(), outcome, start.elapsed());
        exchanged
    }

    /// Nothing is done for a caller whose own token has expired or was revoked, whatever is at hand.
    fn check_subject(
        &self,
        caller: &Validated,
        subject: SubjectId,
        target: &Target,
    ) -> Result<(), ExchangeError> {
        let problem = if caller.expires_at() <= self.endpoint.clock.now() {
            "the caller's own token has expired"
        } else if self.revocations.cover(subject, caller.issued_at()) {
            "the caller's own token was revoked"
        } else {
            return Ok(());
        };
        let kind = ExchangeErrorKind::SubjectInvalid;
        Err(ExchangeError::new(kind, Some(target), problem))
    }

    pub(super) fn revoke(&self, issuer: &Issuer, subject: &str, issued_until: UnixTime) {
        let subject = self.tokens.subject(issuer, subject);
        // In this order: what comes between is refused, and what was kept before goes.
        self.revocations.insert(subject, issued_until);
        self.tokens.forget(subject);
    }

    pub(super) fn reject(&self, exchanged: &Exchanged) -> bool {
        self.tokens.reject(&exchanged.place, &exchanged.token)
    }
}

/// The error of a flight that panicked or met the end of the runtime.
pub(super) fn interrupted(target: &Target) -> ExchangeError {
    let kind = ExchangeErrorKind::Transient;
    ExchangeError::new(kind, Some(target), "the exchange was interrupted")
}
