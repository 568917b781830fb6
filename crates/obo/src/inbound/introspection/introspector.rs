use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use obo_core::{
    BearerToken, Caller, ErrorClass, Policy, Secret, TokenDigest, TokenEndpointError, TokenError,
    UnixTime,
};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::forgotten::{Forgotten, Overtaken, Question};
use super::{Introspection, Jwts};
use crate::clock::Clock;
use crate::idp::flight::{Flight, Flights, Interrupted, Overloaded};
use crate::idp::jwks::Jwks;
use crate::idp::server::AuthorizationServer;
use crate::inbound::verified_tokens::{Verified, VerifiedTokens};
use crate::observe;
use crate::refusal::rejection::Rejection;

/// How long a token that was refused is refused again without a call.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How many of them are remembered, by digest.
const REFUSED: usize = 10_000;
/// How often it is asked about a token whose user is forgotten each time.
const QUESTIONS: usize = 3;
/// When to try again, where the server does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Asks one issuer about tokens, for one resource server.
#[derive(Clone)]
pub(crate) struct Introspector(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    shared: Shared,
    /// Which of the resource server's issuers it is.
    place: u32,
    /// Until when on each clock.
    refused: Cache<TokenDigest, ((Instant, UnixTime), TokenError)>,
    /// By epoch too: whoever comes after a user was forgotten joins no flight from before.
    flights: Arc<Flights<(TokenDigest, u64), Outcome>>,
}

/// What the issuers of a resource server share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// Where tokens that were found valid are cached, if they are.
    pub(crate) verified: Option<Arc<VerifiedTokens>>,
    pub(crate) forgotten: Arc<Forgotten>,
}

pub(crate) type Outcome = Result<Caller, Rejection>;

/// A response that is under way, shared by all who wait for it.
pub(crate) type Asked = Flight<Outcome>;

impl From<Interrupted> for Rejection {
    fn from(_: Interrupted) -> Self {
        unavailable("the introspection was interrupted", RETRY_AFTER)
    }
}

impl Introspector {
    /// Asks `server` about tokens of the issuer at this place among those of the resource server.
    pub(crate) fn new(
        settings: Introspection,
        policy: Policy,
        server: AuthorizationServer,
        jwks: Jwks,
        shared: Shared,
        place: u32,
    ) -> Self {
        Self(Arc::new(Inner {
            flights: Flights::new(settings.concurrency),
            endpoint: Endpoint::new(settings, policy, server, jwks, shared.clock.clone()),
            shared,
            place,
            refused: Cache::new(REFUSED),
        }))
    }

    pub(crate) fn settings(&self) -> &Introspection {
        &self.0.endpoint.settings
    }

    /// Whether a token that does not tell its issuer is asked about, by why it does not.
    pub(crate) fn takes(&self, error: &TokenError) -> bool {
        match self.settings().jwts {
            Jwts::Introspected => true,
            // A JWT that cannot be read is refused, as all of its kind that cannot be validated.
            Jwts::Validated => matches!(error, TokenError::Malformed(_)),
            Jwts::Confirmed => false,
        }
    }

    /// Asks about a token, or joins who does; of one that was `validated` here already, whether it was revoked.
    pub(crate) fn ask(
        &self,
        token: BearerToken<'_>,
        validated: Option<Verified>,
    ) -> Result<Asked, Rejection> {
        let inner = &self.0;
        let digest = TokenDigest::of(token);
        if let Some(error) = inner.refused(&digest) {
            return Err(error.into());
        }
        let epoch = inner.shared.forgotten.epoch();
        // All tokens that no key vouches for share one share of the flights: they are forged for nothing.
        let owner = validated.as_ref().map_or(0, |verified| {
            inner.endpoint.hasher.hash_one(verified.caller.subject())
        });
        let landing = inner.flights.join((digest, epoch), owner, || {
            let (inner, token) = (Arc::clone(inner), Secret::new(token.expose()));
            async move { inner.fly(digest, &token, validated).await }
        });
        landing.map_err(|Overloaded| Rejection::IntrospectionOverloaded)
    }
}

impl Inner {
    fn refused(&self, digest: &TokenDigest) -> Option<TokenError> {
        let ((until, ends_at), error) = self.refused.get(digest)?;
        (Instant::now() < until && self.shared.clock.now() < ends_at).then_some(error)
    }

    /// In a task of its own; what was said is stored before the flight ends.
    async fn fly(
        &self,
        digest: TokenDigest,
        token: &Secret,
        validated: Option<Verified>,
    ) -> Outcome {
        let token = BearerToken::parse(token.expose())?;
        for _ in 0..QUESTIONS {
            // Whoever found nothing just before another flight ended comes here after it.
            if let Some(known) = self.known(&digest, token) {
                return known;
            }
            let start = (Instant::now(), self.shared.clock.now());
            let question = self.shared.forgotten.question();
            let outcome = self.outcome(token, validated.clone(), start).await;
            let told = outcome.as_ref().map(|_| ());
            observe::introspected(self.endpoint.policy.issuer(), told, start.0.elapsed());
            match outcome {
                // Whoever waits for it would be let in by what was said before.
                Ok(verified) if self.keep(&verified, &question).is_err() => {}
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
        let problem = "the user was forgotten each time that the issuer was asked";
        Err(unavailable(problem, RETRY_AFTER))
    }

    fn known(&self, digest: &TokenDigest, token: BearerToken<'_>) -> Option<Outcome> {
        if let Some(error) = self.refused(digest) {
            return Some(Err(error.into()));
        }
        let verified = self.shared.verified.as_ref()?;
        let known = verified.get(token.expose().as_bytes())?;
        known
            .holds(self.shared.clock.now())
            .then(|| Ok(known.caller))
    }

    /// What the issuer says, and until when that holds.
    async fn outcome(
        &self,
        token: BearerToken<'_>,
        validated: Option<Verified>,
        (start, started_at): (Instant, UnixTime),
    ) -> Result<Verified, Rejection> {
        let vouched = validated.as_ref().map(|verified| &verified.caller);
        let answer = self.endpoint.ask(token, vouched).await;
        let answer = answer.map_err(|error| no_outcome(&error))?;
        let Endpoint {
            settings, policy, ..
        } = &self.endpoint;
        let now = self.shared.clock.now();
        let verified = match validated {
            Some(verified) => {
                policy.confirm(answer)?;
                // It may have expired meanwhile.
                policy.check_expiry(&verified.caller, now)?;
                verified
            }
            None => Verified {
                size: u32::try_from(answer.size()).unwrap_or(u32::MAX),
                caller: policy.validate(token, answer, settings.thin, now)?,
                issuer: self.place,
                generation: None,
                until: None,
            },
        };
        let left = verified.caller.ends_at().saturating_since(now);
        let holds_for = settings.max_age.min(left);
        Ok(Verified {
            until: Some((start + holds_for, started_at.saturating_add(holds_for))),
            ..verified
        })
    }

    fn keep(&self, verified: &Verified, question: &Question) -> Result<(), Overtaken> {
        let let_go = question.unless_overtaken(&verified.caller, || {
            let tokens = self.shared.verified.as_ref();
            let tokens = tokens.filter(|_| verified.holds(self.shared.clock.now()))?;
            Some(tokens.insert(verified.clone()))
        });
        let_go.map(drop)
    }
}

fn no_outcome(error: &TokenEndpointError) -> Rejection {
    let retry_after = match error.class() {
        // Nobody but an operator mends it.
        ErrorClass::ClientMisconfigured | ErrorClass::ResponseUnusable => None,
        _ => error.retry_after(),
    };
    unavailable(error, retry_after.unwrap_or(RETRY_AFTER))
}

fn unavailable(problem: impl ToString, retry_after: Duration) -> Rejection {
    Rejection::IntrospectionUnavailable {
        problem: problem.to_string(),
        retry_after,
    }
}
