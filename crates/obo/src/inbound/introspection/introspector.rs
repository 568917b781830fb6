use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use obo_core::fleet::IntrospectionNames;
use obo_core::{
    BearerToken, Caller, ErrorClass, IntrospectionResponse, Policy, Secret, TokenDigest,
    TokenEndpointError, TokenError, UnixTime,
};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::endpoint::{DEADLINE, Endpoint};
use super::forgotten::{Attempt, Forgotten, Outdated};
use super::{Introspection, Jwts};
use crate::clock::Clock;
use crate::fleet::{Fleet, Standing};
use crate::idp::flight::{Flight, Flights, Interrupted, Overloaded};
use crate::idp::jwks::Jwks;
use crate::idp::server::AuthorizationServer;
use crate::inbound::verified_tokens::{Verified, VerifiedTokens};
use crate::observe;
use crate::refusal::rejection::Rejection;

/// How long a refused token is refused again without a request.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How many refused tokens are cached, by digest.
const REFUSED: usize = 10_000;
/// How many requests are made for a token whose user is forgotten during each of them.
const ATTEMPTS: u32 = 3;
/// When to try again, if the server does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Introspects the tokens of one issuer, for one resource server.
#[derive(Clone)]
pub(crate) struct Introspector(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    shared: Shared,
    /// The index of the issuer among those of the resource server.
    place: u32,
    /// With the end on each clock.
    refused: Cache<TokenDigest, ((Instant, UnixTime), TokenError)>,
    /// The key has the epoch: after a user was forgotten, no request joins an older flight.
    flights: Arc<Flights<(TokenDigest, u64), Outcome>>,
}

/// What the issuers of a resource server share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// The cache of valid tokens, if there is one.
    pub(crate) verified: Option<Arc<VerifiedTokens>>,
    pub(crate) forgotten: Arc<Forgotten>,
    /// What replicas share, if there is a fleet.
    pub(crate) fleet: Option<Fleet>,
}

pub(crate) type Outcome = Result<Caller, Rejection>;

/// An introspection in progress, shared by all requests with the token.
pub(crate) type InFlight = Flight<Outcome>;

impl From<Interrupted> for Rejection {
    fn from(_: Interrupted) -> Self {
        unavailable("the introspection was interrupted", RETRY_AFTER)
    }
}

impl Introspector {
    /// Introspects tokens at `server`, which is at index `place` of the resource server's issuers.
    pub(crate) fn new(
        settings: Introspection,
        policy: Policy,
        server: AuthorizationServer,
        jwks: Jwks,
        shared: Shared,
        place: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            flights: Flights::new(settings.concurrency, Some(DEADLINE * ATTEMPTS)),
            endpoint: Endpoint::new(settings, policy, server, jwks, shared.clock.clone()),
            shared,
            place,
            refused: Cache::new(REFUSED),
        }))
    }

    pub(crate) fn settings(&self) -> &Introspection {
        &self.0.endpoint.settings
    }

    /// Whether a token whose issuer could not be read is introspected. `error` says why it could
    /// not be read.
    pub(crate) fn takes(&self, error: &TokenError) -> bool {
        match self.settings().jwts {
            Jwts::Introspected => true,
            // A JWT without an issuer is refused, as all JWTs that cannot be validated.
            Jwts::Validated => matches!(error, TokenError::Malformed(_)),
            Jwts::Confirmed => false,
        }
    }

    /// Introspects a text that is no token, which the issuer must call inactive.
    pub(crate) async fn probe(&self, probe: BearerToken<'_>) -> Result<(), TokenEndpointError> {
        let endpoint = &self.0.endpoint;
        let response = endpoint.introspect(probe, None).await?;
        match endpoint.policy.confirm(response) {
            Err(TokenError::Inactive) => Ok(()),
            _ => Err(TokenEndpointError::unusable(
                "the issuer calls a text active that is no token, so it would accept any",
            )),
        }
    }

    /// Introspects a token, or joins the flight that does. A token that was `validated` here is
    /// only checked for revocation.
    pub(crate) fn introspect(
        &self,
        token: BearerToken<'_>,
        validated: Option<Verified>,
    ) -> Result<InFlight, Rejection> {
        let inner = &self.0;
        let digest = TokenDigest::of(token);
        if let Some(error) = inner.refused(&digest) {
            return Err(error.into());
        }
        let epoch = inner.shared.forgotten.epoch();
        // Tokens that no key vouches for are one owner together: forging many of them gains no more
        // flights.
        let owner = validated.as_ref().map_or(0, |verified| {
            inner.endpoint.hasher.hash_one(verified.caller.subject())
        });
        let landing = inner.flights.join((digest, epoch), owner, || {
            let (inner, token) = (Arc::clone(inner), Secret::new(token.expose()));
            let work = async move { inner.fly(digest, &token, validated).await };
            observe::Cause::here().within(work)
        });
        landing.map_err(|Overloaded| Rejection::IntrospectionOverloaded)
    }
}

impl Inner {
    fn refused(&self, digest: &TokenDigest) -> Option<TokenError> {
        let ((until, ends_at), error) = self.refused.get(digest)?;
        (Instant::now() < until && self.shared.clock.now() < ends_at).then_some(error)
    }

    /// Runs in a task of its own. The outcome is cached before the flight ends.
    async fn fly(
        &self,
        digest: TokenDigest,
        token: &Secret,
        validated: Option<Verified>,
    ) -> Outcome {
        let token = BearerToken::parse(token.expose())?;
        for _ in 0..ATTEMPTS {
            // A request that missed the cache just before another flight ended starts this flight
            // after it.
            if let Some(cached) = self.cached(&digest, token) {
                return cached;
            }
            let start = (Instant::now(), self.shared.clock.now());
            let attempt = self.shared.forgotten.attempt();
            let outcome = self.outcome(token, validated.clone(), start).await;
            let recorded = outcome.as_ref().map(|_| ());
            observe::introspected(self.endpoint.policy.issuer(), recorded, start.0.elapsed());
            match outcome {
                // The user was forgotten meanwhile, so the response is outdated.
                Ok(verified) if self.store(&verified, &attempt).is_err() => {}
                Ok(verified) => return Ok(verified.caller),
                Err(rejection) => {
                    if let Rejection::Token(error) = &rejection {
                        let ends_at = self.shared.clock.now().saturating_add(REFUSED_FOR);
                        let until = (Instant::now() + REFUSED_FOR, ends_at);
                        self.refused.insert(digest, (until, error.clone()));
                    }
                    return Err(rejection);
                }
            }
        }
        let problem = "the user was forgotten during each attempt to introspect the token";
        Err(unavailable(problem, RETRY_AFTER))
    }

    fn cached(&self, digest: &TokenDigest, token: BearerToken<'_>) -> Option<Outcome> {
        if let Some(error) = self.refused(digest) {
            return Some(Err(error.into()));
        }
        let verified = self.shared.verified.as_ref()?;
        let cached = verified.get(token.expose().as_bytes())?;
        cached
            .is_fresh(self.shared.clock.now())
            .then(|| Ok(cached.caller))
    }

    /// Requests the state of the token, from a replica or from the issuer, and computes for how
    /// long it is used.
    async fn outcome(
        &self,
        token: BearerToken<'_>,
        validated: Option<Verified>,
        start: (Instant, UnixTime),
    ) -> Result<Verified, Rejection> {
        let Endpoint {
            settings, policy, ..
        } = &self.endpoint;
        let shared = self.shared.fleet.as_ref().map(|fleet| {
            let names = IntrospectionNames {
                issuer: policy.issuer(),
                client_id: settings.client.id(),
                is_signed: settings.is_signed,
                token,
            };
            (fleet, names)
        });
        if let Some((fleet, names)) = shared
            && let Some(stored) = fleet.introspection(names, settings.max_age).await
            && let age = start.1.saturating_since(stored.requested_at)
            && let Some(asked) = start.0.checked_sub(age)
        {
            let requested_at = stored.requested_at;
            let response = stored.response.with_requested_at(requested_at);
            let asked = (asked, requested_at);
            // A logout may be newer than the response.
            if let Ok(verified) = self.verified(token, response, validated.clone(), asked)
                && fleet.standing(&verified.caller) != Standing::Revoked
            {
                return Ok(verified);
            }
        }
        let vouched = validated.as_ref().map(|verified| &verified.caller);
        let response = self.endpoint.introspect(token, vouched).await;
        let response = response.map_err(|error| no_outcome(&error))?;
        let written = shared.and_then(|(fleet, names)| fleet.to_share(names, &response, start.1));
        let verified = self.verified(token, response, validated, start)?;
        if let Some(written) = written {
            written.share(settings.max_age);
        }
        Ok(verified)
    }

    /// Validates the token by a response that was requested then.
    fn verified(
        &self,
        token: BearerToken<'_>,
        response: IntrospectionResponse,
        validated: Option<Verified>,
        (start, started_at): (Instant, UnixTime),
    ) -> Result<Verified, Rejection> {
        let Endpoint {
            settings, policy, ..
        } = &self.endpoint;
        let now = self.shared.clock.now();
        let verified = match validated {
            Some(verified) => {
                policy.confirm_caller(response, &verified.caller)?;
                // The token may have expired meanwhile.
                policy.check_expiry(&verified.caller, now)?;
                verified
            }
            None => Verified {
                size: u32::try_from(response.size()).unwrap_or(u32::MAX),
                caller: policy.validate(token, response, settings.thin, now)?,
                issuer: self.place,
                generation: None,
                until: None,
            },
        };
        let left = verified.caller.ends_at().saturating_since(now);
        let lifetime = settings.max_age.min(left);
        Ok(Verified {
            until: Some((start + lifetime, started_at.saturating_add(lifetime))),
            ..verified
        })
    }

    fn store(&self, verified: &Verified, attempt: &Attempt) -> Result<(), Outdated> {
        let evicted = attempt.unless_outdated(&verified.caller, || {
            let tokens = self.shared.verified.as_ref();
            let tokens = tokens.filter(|_| verified.is_fresh(self.shared.clock.now()))?;
            Some(tokens.insert(verified.clone()))
        });
        evicted.map(drop)
    }
}

fn no_outcome(error: &TokenEndpointError) -> Rejection {
    let is_permanent = matches!(
        error.class(),
        ErrorClass::ClientMisconfigured | ErrorClass::ResponseUnusable
    );
    // Only an operator can fix a permanent error, so the server's `Retry-After` does not matter.
    let retry_after = error.retry_after().filter(|_| !is_permanent);
    unavailable(error, retry_after.unwrap_or(RETRY_AFTER))
}

fn unavailable(problem: impl ToString, retry_after: Duration) -> Rejection {
    Rejection::IntrospectionUnavailable {
        problem: problem.to_string(),
        retry_after,
    }
}
