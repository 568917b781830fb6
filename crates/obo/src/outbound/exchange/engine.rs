//! The engine of a token exchange: returns a cached outcome, or joins one shared request.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use obo_core::{
    ActorToken, CacheKey, CacheKeys, Caller, ErrorClass, Grant, Issuer, Secret, Target,
    TokenEndpointError, TokenType, UnixTime,
};
use tokio::time::{Instant, timeout_at};

use super::actor::{ActorSource, Kind};
use super::actor_health::ActorHealth;
use super::builder::Settings;
use super::cache::{Place, SubjectId, TokenCache};
use super::client_rejection::ClientRejection;
use super::entries::{Hit, Outcome};
use super::future::{ResponseFuture, State};
use super::own_actor::{Renewal, SentActor};
use super::revocations::Revocations;
use super::token_endpoint::TokenEndpoint;
use super::wanted::Wanted;
use super::{Exchanged, TokenSource};
use crate::idp::admission::Asker;
use crate::idp::flight::{Flight, Flights, Overloaded};
use crate::idp::server::AuthorizationServer;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::{observe, random};

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
    /// Without keys, cached tokens could not be told apart safely, so nothing is exchanged.
    keys: Option<CacheKeys>,
}

impl Engine {
    pub(super) fn new(server: AuthorizationServer, settings: Settings) -> Arc<Self> {
        let (issuer, client) = (server.issuer(), settings.client.id());
        Arc::new(Self {
            keys: random::bytes().map(|random| CacheKeys::new(random, issuer, client)),
            endpoint: TokenEndpoint::new(server),
            actors: ActorHealth::new(),
            tokens: TokenCache::new(settings.cache),
            flights: Flights::new(settings.concurrency),
            own_flights: Flights::new(settings.concurrency),
            revocations: Revocations::new(),
            client_rejection: ClientRejection::default(),
            settings,
        })
    }

    /// The cached token, or a future of it.
    pub(super) fn request(self: &Arc<Self>, wanted: Wanted) -> ResponseFuture {
        self.try_request(wanted)
            .unwrap_or_else(ResponseFuture::failed)
    }

    fn try_request(self: &Arc<Self>, wanted: Wanted) -> Result<ResponseFuture, ExchangeError> {
        let wall = self.settings.clock.now();
        let place = self.place(&wanted, wall)?;
        let is_fresh = wanted.grant.is_fresh();
        let cached = self.tokens.get(&place, wall);
        // An error of the setup would be met again by a fresh request too.
        let of_setup = |hit: &Hit| matches!(&hit.outcome, Err(error) if error.is_of_the_setup());
        let cached = cached.filter(|hit| !is_fresh || of_setup(hit));
        observe::exchange_cache(cached.is_some());
        if let Some(hit) = cached {
            if hit.is_due && self.rejected(&wanted).is_none() {
                // Refresh-ahead is best effort: ignore `Overloaded`.
                let _ = self.join(place, wanted, true);
            }
            let outcome = hit.outcome.map(|token| Exchanged {
                token,
                source: TokenSource::Cache,
                place,
            });
            return Ok(ResponseFuture(State::Known(Some(outcome))));
        }
        if let Some(caller) = wanted.grant.subject() {
            self.revocations.saw(caller);
        }
        if let Some(error) = self.rejected(&wanted) {
            return Err(error);
        }
        let target = wanted.grant.target().cloned();
        match self.join(place, wanted, is_fresh) {
            Ok(flight) => Ok(ResponseFuture(State::Waiting {
                flight,
                place,
                target,
            })),
            Err(Overloaded) => Err(ExchangeError::new(
                ExchangeErrorKind::Overloaded,
                target.as_deref(),
                "too many exchanges are under way",
            )),
        }
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
        let now = self.settings.certificate.as_ref();
        let bound = now.map(|now| keys.bound_to_certificate(&now.0()));
        let dialect = self.settings.dialect_of(wanted).identity();
        Some(bound.as_ref().unwrap_or(keys).key(&dialect, &wanted.grant))
    }

    fn join(
        self: &Arc<Self>,
        place: Place,
        wanted: Wanted,
        is_renewal: bool,
    ) -> Result<Flight<Outcome>, Overloaded> {
        let flights = match wanted.grant {
            Grant::Exchange(_) => &self.flights,
            Grant::ClientCredentials { .. } => &self.own_flights,
        };
        flights.join(place.key, place.subject.0, || {
            let (engine, cause) = (Arc::clone(self), observe::Span::here());
            async move { engine.fly(place, wanted, is_renewal, &cause).await }
        })
    }

    /// Runs one request in a task of its own; a success is cached before the flight ends.
    async fn fly(
        self: Arc<Self>,
        place: Place,
        wanted: Wanted,
        is_renewal: bool,
        cause: &observe::Span,
    ) -> Outcome {
        // A call that missed the cache just before another flight ended starts this flight after
        // it.
        if !is_renewal && let Some(hit) = self.tokens.get(&place, self.settings.clock.now()) {
            if let Err(error) = &hit.outcome {
                observe::call_not_made(&error.failure());
            }
            return hit.outcome;
        }
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
                    let (token, start) = (token.clone(), (start, started_at));
                    self.tokens.insert(place, token, start, session);
                }
            }
            Err(error) => {
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
        let failure = outcome.as_ref().err().map(ExchangeError::failure);
        under_way.ended(target.as_deref(), failure.as_ref(), start.elapsed());
        outcome
    }

    async fn fetch(self: &Arc<Self>, wanted: &Wanted, place: &Place, start: Instant) -> Outcome {
        let deadline = start + self.settings.deadline;
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
        let (actor, source) = match kind {
            Kind::Fixed(token) => (token.clone(), Renewal::None),
            Kind::Fetched { token_type, fetch } => {
                let fetched = timeout_at(deadline, fetch.0()).await;
                let fetched = fetched.unwrap_or_else(|_| {
                    let problem = "the token of the actor was not fetched before the deadline";
                    Err(TokenEndpointError::new(ErrorClass::Transient, problem))
                });
                let token = fetched.map_err(|error| {
                    let error = error.of_this_service();
                    ExchangeError::of_token_endpoint(Some(request.target()), error)
                })?;
                let token = ActorToken::new(token, token_type.clone(), identity);
                (token, Renewal::Fetched)
            }
            Kind::ClientCredentials(target) => {
                let own = self.request(Grant::client_credentials(target.clone()).into());
                // Boxed, since a flight may wait for another flight.
                let own: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(own);
                let own = own
                    .await
                    .map_err(|error| without_actor(request.target(), &error))?;
                let token = Secret::new(own.token().expose());
                let token = ActorToken::new(token, TokenType::ACCESS_TOKEN, identity);
                (token, Renewal::Own(Box::new(own)))
            }
        };
        let with_actor = Wanted {
            grant: request.clone().with_actor(actor.clone()).into(),
            dialect: wanted.dialect.clone(),
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
    fn check_caller(
        &self,
        caller: &Caller,
        target: Option<&Target>,
        wall: UnixTime,
    ) -> Result<SubjectId, ExchangeError> {
        let issuer = caller.issuer();
        let server = self.endpoint.server().issuer();
        if issuer != server && !self.settings.subject_issuers.contains(issuer) {
            let kind = ExchangeErrorKind::ClientMisconfigured;
            let problem = format!(
                "the caller's token is of issuer \"{issuer}\", but tokens are exchanged at \"{server}\": exchange it \
                 at its own issuer, or allow it with `allow_subjects_of`"
            );
            return Err(ExchangeError::new(kind, target, problem));
        }
        let subject = self.tokens.id((issuer.as_str(), caller.subject()));
        let problem = if caller.ends_at() <= wall {
            "the caller's own token has expired"
        } else if self.revocations.cover(subject, caller, wall) {
            "the caller's own token was revoked"
        } else {
            return Ok(subject);
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

/// A missing token of this service is not a mistake that its caller can fix.
fn without_actor(target: &Target, error: &ExchangeError) -> ExchangeError {
    let kind = match error.is_retryable() {
        true => error.kind(),
        false => ExchangeErrorKind::ClientMisconfigured,
    };
    ExchangeError::new(kind, Some(target), format!("for the actor, {error}"))
}
