//! What a token exchange does: give what is at hand, or let one flight fetch it for all.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use obo_core::{
    ActorToken, CacheKey, CacheKeys, Caller, ErrorClass, Issuer, Secret, Target,
    TokenEndpointError, TokenType, UnixTime,
};
use tokio::time::{Instant, timeout_at};

use super::actor::{ActorSource, Kind};
use super::actor_health::ActorHealth;
use super::ask::{Ask, Own};
use super::bounds::CacheBounds;
use super::cache::{Place, SubjectId, TokenCache};
use super::client_rejection::ClientRejection;
use super::entries::Outcome;
use super::future::ResponseFuture;
use super::own_actor::{Renewal, SentActor};
use super::revocations::Revocations;
use super::token_endpoint::TokenEndpoint;
use super::{Exchanged, TokenSource};
use crate::idp::admission::Asker;
use crate::idp::flight::{Flight, Flights, Overloaded};
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::{observe, random};

pub(super) struct Engine {
    pub(super) endpoint: TokenEndpoint,
    pub(super) limits: Limits,
    pub(super) actor: Option<ActorSource>,
    pub(super) actors: ActorHealth,
    pub(super) tokens: TokenCache,
    flights: Arc<Flights<CacheKey, Outcome>>,
    /// Apart, since an exchange that is under way may wait for the actor's own token.
    own_flights: Arc<Flights<CacheKey, Outcome>>,
    revocations: Revocations,
    client_rejection: ClientRejection,
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
    pub(super) fn new(
        endpoint: TokenEndpoint,
        limits: Limits,
        actor: Option<ActorSource>,
    ) -> Arc<Self> {
        let (server, client) = (endpoint.server.issuer(), endpoint.client.id());
        Arc::new(Self {
            keys: random::bytes().map(|random| CacheKeys::new(random, server, client)),
            endpoint,
            limits,
            actor,
            actors: ActorHealth::new(),
            tokens: TokenCache::new(limits.cache),
            flights: Flights::new(limits.flights),
            own_flights: Flights::new(limits.flights),
            revocations: Revocations::new(),
            client_rejection: ClientRejection::default(),
        })
    }

    /// The token at hand, or a future of it.
    pub(super) fn ask(self: &Arc<Self>, ask: Ask) -> ResponseFuture {
        let wall = self.endpoint.clock.now();
        let place = match self.place(&ask, wall) {
            Ok(place) => place,
            Err(error) => return ResponseFuture::failed(error),
        };
        let at_hand = self.tokens.get(&place, wall);
        let at_hand = at_hand.filter(|hit| !ask.is_fresh() || hit.is_of_the_setup());
        observe::at_hand(at_hand.is_some());
        if let Some(hit) = at_hand {
            if hit.is_due && self.rejected(&ask).is_none() {
                // Refresh-ahead is best effort: ignore `Overloaded`.
                let _ = self.join(place, ask, Need::Renewal);
            }
            return ResponseFuture::known(hit.outcome.map(|token| Exchanged {
                token,
                source: TokenSource::Cache,
                place,
            }));
        }
        if let Some(caller) = ask.caller() {
            self.revocations.saw(caller);
        }
        if let Some(error) = self.rejected(&ask) {
            return ResponseFuture::failed(error);
        }
        let need = match ask.is_fresh() {
            true => Need::Renewal,
            false => Need::Missing,
        };
        let target = ask.target().cloned();
        match self.join(place, ask, need) {
            Ok(landing) => ResponseFuture::waiting(landing, place, target),
            Err(Overloaded) => ResponseFuture::failed(ExchangeError::new(
                ExchangeErrorKind::Overloaded,
                target.as_deref(),
                "too many exchanges are under way",
            )),
        }
    }

    /// Where the outcome is kept; an error when it is for nobody.
    fn place(&self, ask: &Ask, wall: UnixTime) -> Result<Place, ExchangeError> {
        let target = ask.target().map(|target| &**target);
        let subject = ask
            .caller()
            .map(|caller| self.check_caller(caller, target, wall))
            .transpose()?;
        let key = self.key(ask).ok_or_else(|| {
            let problem = "the system gives no randomness to key the cache with";
            ExchangeError::new(ExchangeErrorKind::ClientMisconfigured, target, problem)
        })?;
        let subject = subject.unwrap_or_else(|| self.tokens.nobody(&key));
        Ok(Place { subject, key })
    }

    fn key(&self, ask: &Ask) -> Option<CacheKey> {
        let (keys, dialect) = (self.keys.as_ref()?, self.endpoint.dialect_of(ask));
        Some(match &self.endpoint.certificate {
            None => ask.key(keys, dialect),
            Some(now) => ask.key(&keys.bound_to_certificate(&now.0()), dialect),
        })
    }

    fn join(
        self: &Arc<Self>,
        place: Place,
        ask: Ask,
        need: Need,
    ) -> Result<Flight<Outcome>, Overloaded> {
        let flights = match ask {
            Ask::Exchange(_) => &self.flights,
            Ask::Own(_) => &self.own_flights,
        };
        flights.join(place.key, place.subject.number(), || {
            let (engine, cause) = (Arc::clone(self), observe::Cause::here());
            async move { engine.fly(place, ask, need, &cause).await }
        })
    }

    /// One request in a task of its own; a success is stored before the flight ends.
    async fn fly(
        self: Arc<Self>,
        place: Place,
        ask: Ask,
        need: Need,
        cause: &observe::Cause,
    ) -> Outcome {
        // A call that missed the cache just before another flight ended starts this one after it.
        if need == Need::Missing
            && let Some(hit) = self.tokens.get(&place, self.endpoint.clock.now())
        {
            if let Err(error) = &hit.outcome {
                observe::call_not_made(&error.failure());
            }
            return hit.outcome;
        }
        let target = ask.target().cloned();
        let under_way = observe::Exchange::new(target.as_deref(), cause);
        let (start, started_at) = (Instant::now(), self.endpoint.clock.now());
        let credential = self.endpoint.client.auth();
        let outcome = under_way.within(self.fetch(&ask, &place, start)).await;
        // Neither the server's word, nor the token's own, nor the caller's session is outlived (TX-42).
        let session = ask.caller().map_or(Duration::MAX, |caller| {
            caller.ends_at().saturating_since(started_at)
        });
        let rejects_client = match outcome.as_ref().map_err(ExchangeError::rejects_client) {
            Ok(_) => {
                self.client_rejection.issued();
                false
            }
            Err(Some(error)) => {
                let subject = place.subject.number();
                self.client_rejection.record(credential, subject, error)
            }
            Err(None) => false,
        };
        match &outcome {
            // Renewed meanwhile: to which certificate the token is bound is not known.
            Ok(_) if self.endpoint.certificate.is_some() && self.key(&ask) != Some(place.key) => {}
            Ok(token) => {
                let lifetime = token.lifetime(started_at);
                self.tokens
                    .insert(place, token.clone(), (start, started_at), lifetime, session);
            }
            Err(_) if rejects_client => self.tokens.postpone(&place),
            Err(error) => {
                let wall = self.endpoint.clock.now();
                self.tokens.insert_refusal(place, error, session, wall);
            }
        }
        self.tokens.sweep(self.endpoint.clock.now());
        let failure = outcome.as_ref().err().map(ExchangeError::failure);
        under_way.ended(target.as_deref(), failure.as_ref(), start.elapsed());
        outcome
    }

    async fn fetch(self: &Arc<Self>, ask: &Ask, place: &Place, start: Instant) -> Outcome {
        let deadline = start + self.endpoint.deadline;
        let (asked, sent) = self.with_actor(ask.clone(), deadline).await?;
        let asker = self.asker(ask, place);
        let issued = self.endpoint.ask(&asked, asker, deadline).await;
        let issued = match sent {
            Some(sent) => self.over_actor(ask, place, sent, issued, deadline).await?,
            None => issued?,
        };
        // The answer may have taken longer than the caller's token lived, or than it was not revoked.
        if let Some(caller) = ask.caller() {
            let target = ask.target().map(|target| &**target);
            self.check_caller(caller, target, self.endpoint.clock.now())?;
        }
        Ok(issued)
    }

    /// The same with the acting service's token, where one is to be sent and the request brings none.
    pub(super) async fn with_actor(
        self: &Arc<Self>,
        ask: Ask,
        deadline: Instant,
    ) -> Result<(Ask, Option<SentActor>), ExchangeError> {
        let (Ask::Exchange(request), Some(ActorSource(kind))) = (&ask, &self.actor) else {
            return Ok((ask, None));
        };
        if request.actor().is_some() {
            return Ok((ask, None));
        }
        // One store has one actor, whose token may be renewed without what is at hand getting worse.
        let identity = "the actor of the exchange";
        let (actor, source) = match kind {
            Kind::Fixed(token) => (token.clone(), Renewal::None),
            Kind::Fetched { token_type, fetch } => {
                let fetched = timeout_at(deadline, fetch()).await;
                let fetched = fetched.unwrap_or_else(|_| {
                    let problem = "the actor's own token did not come in time";
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
                let own = self.ask(Ask::Own(Own {
                    target: target.clone(),
                    dialect: None,
                    is_fresh: false,
                }));
                // Boxed, since a flight may wait for another one.
                let own: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(own);
                let own = own
                    .await
                    .map_err(|error| without_actor(request.target(), &error))?;
                let token = Secret::new(own.token().expose());
                let token = ActorToken::new(token, TokenType::ACCESS_TOKEN, identity);
                (token, Renewal::Own(Box::new(own)))
            }
        };
        let asked = Ask::Exchange(request.clone().with_actor(actor.clone()));
        let token = actor;
        Ok((asked, Some(SentActor { token, source })))
    }

    /// For whom and for what a request is, as circuit breakers and pauses tell them apart.
    pub(super) fn asker(&self, ask: &Ask, place: &Place) -> Asker {
        Asker {
            subject: place.subject.number(),
            target: self.tokens.number(ask.target().map(ToString::to_string)),
            is_vouched: true,
        }
    }

    /// The rejection of our own credential, for as long as asking again would change nothing.
    fn rejected(&self, ask: &Ask) -> Option<ExchangeError> {
        let error = self.client_rejection.of(&self.endpoint.client.auth())?;
        let target = ask.target().map(|target| &**target);
        Some(match ask {
            Ask::Exchange(_) => ExchangeError::of_token_endpoint(target, error),
            Ask::Own(_) => ExchangeError::of_own_token(target, error),
        })
    }

    /// Nothing is done for a caller whose own token has expired or was revoked, whatever is at hand.
    fn check_caller(
        &self,
        caller: &Caller,
        target: Option<&Target>,
        wall: UnixTime,
    ) -> Result<SubjectId, ExchangeError> {
        let issuer = caller.issuer();
        if !self.endpoint.takes_subjects_of(issuer) {
            let kind = ExchangeErrorKind::ClientMisconfigured;
            let problem = format!(
                "the caller's token is of issuer \"{issuer}\", and tokens are exchanged at \"{}\": exchange it at \
                 its own issuer, or allow it with `allow_subjects_of`",
                self.endpoint.server.issuer(),
            );
            return Err(ExchangeError::new(kind, target, problem));
        }
        let subject = self.tokens.subject(issuer, caller.subject());
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
        let subject = self.tokens.subject(issuer, subject);
        // In this order: what comes between is refused, and what was kept before goes.
        self.revocations
            .insert(subject, issued_until, self.endpoint.clock.now());
        self.tokens.forget(subject);
    }

    pub(super) fn reject(&self, exchanged: &Exchanged) -> bool {
        self.tokens.reject(&exchanged.place, &exchanged.token)
    }
}

/// That this service gets no token of its own is nothing its caller could mend.
fn without_actor(target: &Target, error: &ExchangeError) -> ExchangeError {
    let kind = match error.is_retryable() {
        true => error.kind(),
        false => ExchangeErrorKind::ClientMisconfigured,
    };
    ExchangeError::new(kind, Some(target), format!("for the actor, {error}"))
}

/// The error of a flight that panicked or met the end of the runtime.
pub(super) fn interrupted(target: Option<&Target>) -> ExchangeError {
    let kind = ExchangeErrorKind::Transient;
    ExchangeError::new(kind, target, "the exchange was interrupted")
}
