//! The engine of a token exchange: returns a cached outcome, or joins one shared request.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use obo_core::{
    ActorToken, CacheKey, CacheKeys, Caller, ErrorClass, Grant, IssuedToken, Issuer, Secret,
    Target, TokenEndpointError, TokenType, UnixTime,
};
use tokio::time::{Instant, timeout_at};

use super::actor::{ActorSource, Kind};
use super::actor_health::ActorHealth;
use super::builder::Settings;
use super::cache::{Place, SubjectId, TokenCache};
use super::client_rejection::ClientRejection;
use super::entries::{Hit, Outcome};
use super::future::{ResponseFuture, State, Waiter};
use super::own_actor::{Renewal, SentActor};
use super::revocations::Revocations;
use super::token_endpoint::TokenEndpoint;
use super::wanted::Wanted;
use super::{Exchanged, TokenSource};
use crate::fleet::{Fleet, Standing};
use crate::idp::admission::Asker;
use crate::idp::flight::{Flight, Flights, Overloaded};
use crate::idp::proofs::Nonces;
use crate::idp::server::AuthorizationServer;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::{observe, random, trace};

pub(super) struct Engine {
    pub(super) endpoint: TokenEndpoint,
    pub(super) settings: Settings,
    pub(super) actors: ActorHealth,
    pub(super) tokens: TokenCache,
    flights: Arc<Flights<CacheKey, Outcome>>,
    /// Separate, since an exchange under way may wait for the token of the actor.
    own_flights: Arc<Flights<CacheKey, Outcome>>,
    revocations: Revocations,
    client_rejection: ClientRejection,
    /// Of the called services.
    pub(super) nonces: Nonces,
    /// Without keys, cached tokens could not be distinguished safely, so nothing is exchanged.
    keys: Option<CacheKeys>,
}

impl Engine {
    pub(super) fn new(server: AuthorizationServer, settings: Settings) -> Arc<Self> {
        let (issuer, client) = (server.issuer(), settings.client.id());
        let flights = || Flights::new(settings.concurrency, Some(settings.deadline));
        Arc::new(Self {
            keys: random::bytes().map(|random| CacheKeys::new(random, issuer, client)),
            endpoint: TokenEndpoint::new(server),
            actors: ActorHealth::new(),
            tokens: TokenCache::new(settings.cache),
            flights: flights(),
            own_flights: flights(),
            revocations: Revocations::new(),
            client_rejection: ClientRejection::default(),
            nonces: Nonces::new(),
            settings,
        })
    }

    /// The cached token, or a future of it. `is_recorded` if it is for a call, which is recorded.
    pub(super) fn request(self: &Arc<Self>, wanted: Wanted, is_recorded: bool) -> ResponseFuture {
        let wall = self.settings.clock.now();
        let place = match self.place(&wanted, wall) {
            Ok(place) => place,
            Err(error) => return self.failed(error, wanted.grant.subject(), is_recorded),
        };
        let is_fresh = wanted.grant.is_fresh();
        let cached = self.tokens.get(&place, wall);
        // An error of the setup would be met again by a fresh request too.
        let of_setup = |hit: &Hit| matches!(&hit.outcome, Err(error) if error.is_of_the_setup());
        let cached = cached.filter(|hit| !is_fresh || of_setup(hit));
        let outcome = cached.as_ref().map(|hit| &hit.outcome);
        observe::exchange_cache(&match outcome {
            Some(Ok(_)) => observe::Lookup::Hit,
            Some(Err(_)) => observe::Lookup::Refusal,
            None => observe::Lookup::Miss,
        });
        let Some(hit) = cached else {
            return self.exchange(place, wanted, is_recorded);
        };
        let signer = wanted.signer.clone();
        let token = match hit.outcome {
            Ok(token) => token,
            Err(error) => return self.failed(error, wanted.grant.subject(), is_recorded),
        };
        if is_recorded {
            self.obtained_cached(&wanted, &token);
        }
        if hit.is_due && self.rejected(&wanted).is_none() {
            // Refresh-ahead is best effort: ignore `Overloaded`.
            let _ = self.join(place, wanted, true);
        }
        ResponseFuture(State::Known(Some(Ok(Exchanged {
            token,
            source: TokenSource::Cache,
            place,
            signer,
        }))))
    }

    /// The future of an exchange, which other calls may wait for too.
    fn exchange(
        self: &Arc<Self>,
        place: Place,
        wanted: Wanted,
        is_recorded: bool,
    ) -> ResponseFuture {
        let (caller, target) = (wanted.grant.subject(), wanted.grant.target().cloned());
        if let Some(caller) = caller {
            self.revocations.saw(caller);
        }
        if let Some(error) = self.rejected(&wanted) {
            return self.failed(error, caller, is_recorded);
        }
        let signer = wanted.signer.clone();
        let (caller, is_fresh) = (caller.cloned(), wanted.grant.is_fresh());
        match self.join(place, wanted, is_fresh) {
            Ok((flight, is_first)) => {
                let waiter = Waiter {
                    engine: Arc::clone(self),
                    place,
                    caller,
                    target,
                    joined_at: (!is_first).then(Instant::now),
                    is_recorded,
                    signer,
                };
                ResponseFuture(State::Waiting(flight, Box::new(waiter)))
            }
            Err(Overloaded) => {
                let problem = "too many exchanges are under way";
                let kind = ExchangeErrorKind::Overloaded;
                let error = ExchangeError::new(kind, target.as_deref(), problem);
                self.failed(error, caller.as_ref(), is_recorded)
            }
        }
    }

    /// The future of a failure that needs no exchange.
    fn failed(
        &self,
        error: ExchangeError,
        caller: Option<&Caller>,
        is_recorded: bool,
    ) -> ResponseFuture {
        if is_recorded {
            observe::call_not_made(&error.failure(), self.settings.call_of(caller));
        }
        ResponseFuture::failed(error)
    }

    fn obtained_cached(&self, wanted: &Wanted, token: &IssuedToken) {
        let call = self.settings.call_with(&wanted.grant);
        let target = wanted.grant.target().map(|target| &**target);
        observe::token_obtained(observe::Source::Cache, call, target, token);
    }

    /// Where the outcome is cached; fails if nothing may be exchanged for the caller.
    fn place(&self, wanted: &Wanted, wall: UnixTime) -> Result<Place, ExchangeError> {
        let target = wanted.grant.target().map(|target| &**target);
        let subject = wanted.grant.subject();
        let subject = subject.map(|caller| self.check_caller(caller, target, wall));
        let subject = subject.transpose()?;
        let key = self.key(wanted).ok_or_else(|| {
            let problem = "the operating system provides no random bytes for the keys of the cache";
            ExchangeError::new(ExchangeErrorKind::ClientMisconfigured, target, problem)
        })?;
        let subject = subject.unwrap_or_else(|| self.tokens.id(key));
        Ok(Place { subject, key })
    }

    fn key(&self, wanted: &Wanted) -> Option<CacheKey> {
        let keys = self.keys.as_ref()?;
        let certificate = self.settings.certificate();
        let bound = certificate.map(|thumbprint| keys.bound_to_certificate(&thumbprint));
        let dialect = self.settings.dialect_of(wanted).identity();
        Some(bound.as_ref().unwrap_or(keys).key(&dialect, &wanted.grant))
    }

    /// Joins the flight of an exchange. Also returns whether it was started for this call.
    fn join(
        self: &Arc<Self>,
        place: Place,
        wanted: Wanted,
        is_renewal: bool,
    ) -> Result<(Flight<Outcome>, bool), Overloaded> {
        let flights = match wanted.grant {
            Grant::Exchange(_) => &self.flights,
            Grant::ClientCredentials { .. } => &self.own_flights,
        };
        let mut is_first = false;
        let flight = flights.join(place.key, place.subject.0, || {
            is_first = true;
            let (engine, cause) = (Arc::clone(self), observe::Cause::here());
            let trace = cause.trace();
            trace::within(trace, async move {
                engine.fly(place, wanted, is_renewal, &cause).await
            })
        })?;
        Ok((flight, is_first))
    }

    /// Runs one request in a task of its own; a success is cached before the flight ends.
    async fn fly(
        self: Arc<Self>,
        place: Place,
        wanted: Wanted,
        is_renewal: bool,
        cause: &observe::Cause,
    ) -> Outcome {
        // A call that missed the cache just before another flight ended starts this flight after
        // it.
        if !is_renewal && let Some(hit) = self.tokens.get(&place, self.settings.clock.now()) {
            if let Ok(token) = &hit.outcome {
                cause.span().enter(|| self.obtained_cached(&wanted, token));
            }
            return hit.outcome;
        }
        if let Some(first) = self.settings.fleet.as_ref().and_then(Fleet::first_attempt) {
            first.await;
        }
        let shared = self.shared(&wanted);
        let lease = match &shared {
            Some(shared) if is_renewal => self.renewed(shared, &wanted, &place).await,
            Some(shared) => self.adopted(shared, &wanted, &place).await,
            None => Err(None),
        };
        let lease = match lease {
            Ok(token) => {
                cause.span().enter(|| self.obtained_shared(&wanted, &token));
                return Ok(token);
            }
            Err(lease) => lease,
        };
        let target = wanted.grant.target().cloned();
        let under_way = observe::Exchange::new(target.as_deref(), cause);
        let (start, started_at) = (Instant::now(), self.settings.clock.now());
        let credential = self.settings.client.auth();
        let outcome = under_way.within(self.fetch(&wanted, &place, start)).await;
        // A token outlives neither what the server stated, nor its own expiry, nor the caller.
        let session = wanted.grant.subject().map_or(Duration::MAX, |caller| {
            caller.ends_at().saturating_since(started_at)
        });
        match &outcome {
            Ok(token) => {
                self.client_rejection.issued();
                // If the certificate was renewed meanwhile, it is unknown which one the token is
                // bound to.
                let is_unbound = self.settings.certificate.is_none();
                if is_unbound || self.key(&wanted) == Some(place.key) {
                    let start = (start, started_at);
                    let usable = self.tokens.insert(place, token.clone(), start, session);
                    if let Some(shared) = &shared {
                        shared.share(token, started_at, usable);
                    }
                }
            }
            Err(error) => {
                if let Some((shared, lease)) = shared.as_ref().zip(lease) {
                    shared.release(lease);
                }
                let rejects_client = error.rejects_client().is_some_and(|error| {
                    let subject = place.subject.0;
                    self.client_rejection.record(credential, subject, error)
                });
                match rejects_client {
                    true => self.tokens.postpone(&place),
                    false => {
                        let wall = self.settings.clock.now();
                        self.tokens.insert_refusal(place, error, session, wall);
                    }
                }
            }
        }
        self.tokens.sweep(self.settings.clock.now());
        let failure = outcome.as_ref().map_err(ExchangeError::failure);
        let call = self.settings.call_with(&wanted.grant);
        under_way.ended(
            cause,
            call,
            target.as_deref(),
            failure.as_ref().copied(),
            start.elapsed(),
        );
        outcome
    }

    async fn fetch(self: &Arc<Self>, wanted: &Wanted, place: &Place, start: Instant) -> Outcome {
        let deadline = start + self.settings.deadline;
        if wanted.signer.is_some()
            && let Some(dpop) = &self.settings.dpop
        {
            // For the next call: this one has its key.
            dpop.start_renewal();
        }
        let (request, sent) = self.with_actor(wanted.clone(), deadline).await?;
        let asker = self.asker(wanted, place);
        let outcome = self
            .endpoint
            .fetch(&request, &self.settings, asker, deadline);
        let mut issued = outcome.await;
        if let Some(sent) = sent {
            issued = self.over_actor(wanted, place, sent, issued, deadline).await;
        }
        let issued = issued?;
        // The caller's token may have expired or been revoked while the request was under way.
        if let Some(caller) = wanted.grant.subject() {
            let target = wanted.grant.target().map(|target| &**target);
            self.check_caller(caller, target, self.settings.clock.now())?;
        }
        Ok(issued)
    }

    /// Adds the token of the acting service, if one is configured and the request has none.
    pub(super) async fn with_actor(
        self: &Arc<Self>,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<(Wanted, Option<SentActor>), ExchangeError> {
        let (request, kind) = match (&wanted.grant, &self.settings.actor) {
            (Grant::Exchange(request), Some(ActorSource(kind))) if request.actor().is_none() => {
                (request, kind)
            }
            _ => return Ok((wanted, None)),
        };
        // An exchange has one actor, so a renewal of the actor's token keeps the cached tokens.
        let identity = "the actor of the exchange";
        let of_actor = |error: TokenEndpointError| {
            let error = error.of_this_service();
            ExchangeError::of_token_endpoint(Some(request.target()), error)
        };
        let (actor, source) = match kind {
            Kind::Fixed(token) => (token.clone(), Renewal::None),
            Kind::Fetched { token_type, fetch } => {
                let fetched = timeout_at(deadline, fetch.0()).await;
                let fetched = fetched.unwrap_or_else(|_| Err(late_actor()));
                let token = fetched.map_err(of_actor)?;
                let token = ActorToken::new(token, token_type.clone(), identity);
                (token, Renewal::Fetched)
            }
            Kind::ClientCredentials(target) => {
                let own = self.request(Grant::client_credentials(target.clone()).into(), false);
                // Boxed, since a flight may wait for another flight.
                let own: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(own);
                let own = timeout_at(deadline, own).await;
                let own = own.map_err(|_| of_actor(late_actor()))?;
                let own = own.map_err(|error| without_actor(request.target(), &error))?;
                let token = Secret::new(own.token().expose());
                let token = ActorToken::new(token, TokenType::ACCESS_TOKEN, identity);
                (token, Renewal::Own(Box::new(own)))
            }
        };
        let with_actor = Wanted {
            grant: request.clone().with_actor(actor.clone()).into(),
            dialect: wanted.dialect.clone(),
            signer: wanted.signer.clone(),
        };
        let sent = SentActor {
            token: actor,
            source,
        };
        Ok((with_actor, Some(sent)))
    }

    /// The subject and target of a request, by which circuit breakers and pauses differ.
    pub(super) fn asker(&self, wanted: &Wanted, place: &Place) -> Asker {
        let target = wanted.grant.target().map(ToString::to_string);
        Asker {
            subject: place.subject.0,
            target: self.tokens.id(target).0,
            is_vouched: true,
        }
    }

    /// The rejection of our own credential, while another request would not change it.
    fn rejected(&self, wanted: &Wanted) -> Option<ExchangeError> {
        let error = self.client_rejection.of(&self.settings.client.auth())?;
        Some(ExchangeError::of_grant(&wanted.grant, error))
    }

    /// Rejects a caller whose own token has expired or was revoked, even if a token is cached.
    pub(super) fn check_caller(
        &self,
        caller: &Caller,
        target: Option<&Target>,
        wall: UnixTime,
    ) -> Result<SubjectId, ExchangeError> {
        let issuer = caller.issuer();
        let server = self.endpoint.server().issuer();
        if issuer != server && !self.settings.subject_issuers.contains(issuer) {
            let kind = ExchangeErrorKind::ClientMisconfigured;
            let change = match server.near_miss(issuer.as_str()) {
                None => {
                    "exchange it at its own issuer, or allow it with `allow_subjects_of`".to_owned()
                }
                Some(difference) => format!(
                    "they differ {difference}, so configure both as the server writes `iss`"
                ),
            };
            let problem = format!(
                "the caller's token is of issuer \"{issuer}\", but tokens are exchanged at \"{server}\": {change}"
            );
            return Err(ExchangeError::new(kind, target, problem));
        }
        let subject = self.tokens.id((issuer.as_str(), caller.subject()));
        let problem = if caller.ends_at() <= wall {
            "the caller's own token has expired"
        } else if self.revocations.cover(subject, caller, wall) {
            "the caller's own token was revoked"
        } else {
            let fleet = self.settings.fleet.as_ref();
            match fleet.map_or(Standing::Good, |fleet| fleet.standing(caller)) {
                Standing::Good => return Ok(subject),
                Standing::Revoked => "the caller's own token was revoked by a logout",
                Standing::Unknown => {
                    let problem = "nothing was heard of the shared store for longer than the fleet \
                                   allows, so a logout may have been missed";
                    let kind = ExchangeErrorKind::Transient;
                    return Err(ExchangeError::new(kind, target, problem));
                }
            }
        };
        let kind = ExchangeErrorKind::SubjectInvalid;
        Err(ExchangeError::new(kind, target, problem))
    }

    pub(super) fn revoke(&self, issuer: &Issuer, subject: &str, issued_until: UnixTime) {
        let subject = self.tokens.id((issuer.as_str(), subject));
        // In this order: later calls are refused first, then the tokens from before are evicted.
        self.revocations
            .insert(subject, issued_until, self.settings.clock.now());
        self.tokens.evict_all(subject);
    }
}

fn late_actor() -> TokenEndpointError {
    let problem = "the token of the actor was not fetched before the deadline";
    TokenEndpointError::new(ErrorClass::Transient, problem)
}

/// A missing token of this service is not a mistake that its caller can fix.
fn without_actor(target: &Target, error: &ExchangeError) -> ExchangeError {
    let kind = match error.is_retryable() {
        true => error.kind(),
        false => ExchangeErrorKind::ClientMisconfigured,
    };
    ExchangeError::new(kind, Some(target), format!("for the actor, {error}"))
}
