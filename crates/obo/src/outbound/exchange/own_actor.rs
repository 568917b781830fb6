//! Refusals of exchanges that carry the acting service's own token.

use std::sync::Arc;

use obo_core::ActorToken;
use tokio::time::Instant;

use super::Exchanged;
use super::actor_health::Remedy;
use super::cache::Place;
use super::engine::Engine;
use super::entries::Outcome;
use super::wanted::Wanted;
use crate::outbound::error::ExchangeError;

/// The acting service's own token that an exchange was sent with.
pub(super) struct SentActor {
    pub(super) token: ActorToken,
    /// Where a new one comes from.
    pub(super) source: Renewal,
}

pub(super) enum Renewal {
    /// Nowhere: the token is fixed.
    None,
    /// From the application.
    Fetched,
    /// From the server; cached.
    Own(Box<Exchanged>),
}

/// How an exchange is tried once more.
enum Next {
    Actor(Box<(Wanted, SentActor)>),
    /// Not at all: the token cannot be replaced, or the source returned the same one.
    Same,
    /// Not at all: a token was replaced moments ago.
    TooSoon,
}

impl Engine {
    /// Returns the outcome, or that of one more attempt with another actor token if the server may
    /// have refused this one.
    ///
    /// A refusal that is still unclear is blamed on this service, not on the user, who would have
    /// to sign in for nothing. It is blamed on the user if the actor token is known to work.
    pub(super) async fn over_actor(
        self: &Arc<Self>,
        wanted: &Wanted,
        place: &Place,
        sent: SentActor,
        outcome: Outcome,
        deadline: Instant,
    ) -> Outcome {
        let error = match self.unclear(&sent, outcome) {
            Ok(clear) => return clear,
            Err(error) => error,
        };
        if !error.is_of_actor() && self.actors.is_of_subject(&place.key) {
            return Err(error);
        }
        let (error, works) = match self.next_actor(wanted, &sent, deadline).await? {
            Next::Same => (error, false),
            Next::TooSoon => (error, self.actors.has_worked(&sent.token)),
            Next::Actor(next) => {
                let (request, next) = *next;
                let asker = self.asker(wanted, place);
                let outcome = self
                    .endpoint
                    .fetch(&request, &self.settings, asker, deadline);
                match self.unclear(&next, outcome.await) {
                    Ok(clear) => {
                        return clear.inspect(|_| self.actors.helped(&sent.token));
                    }
                    Err(error) => (error, self.actors.has_worked(&next.token)),
                }
            }
        };
        self.actors.doubt(place.key);
        // The server issued this token moments ago, so it has no reason to call it invalid.
        let is_new = matches!(sent.source, Renewal::Own(_));
        let is_grant = error.oauth_code() == Some("invalid_grant");
        match !error.is_of_actor() && (works || is_new && is_grant) {
            true => Err(error),
            false => Err(error.of_actor()),
        }
    }

    /// Returns a clear outcome, or as an error the one that may be about the actor's token.
    fn unclear(&self, sent: &SentActor, outcome: Outcome) -> Result<Outcome, ExchangeError> {
        match outcome.inspect(|_| self.actors.worked(&sent.token)) {
            Err(error) if error.may_be_of_actor() => Err(error),
            clear => Ok(clear),
        }
    }

    /// Fetches another actor token for the exchange, if there is one.
    async fn next_actor(
        self: &Arc<Self>,
        wanted: &Wanted,
        sent: &SentActor,
        deadline: Instant,
    ) -> Result<Next, ExchangeError> {
        if let Renewal::None = sent.source {
            return Ok(Next::Same);
        }
        match (self.actors.remedy(&sent.token), &sent.source) {
            (Remedy::Nothing, _) => return Ok(Next::TooSoon),
            (Remedy::Replace, Renewal::Own(own)) => {
                self.tokens.evict(&own.place, &own.token);
            }
            (Remedy::Replace | Remedy::TakeNext, _) => {}
        }
        let (request, next) = self.with_actor(wanted.clone(), deadline).await?;
        let next = next.filter(|next| next.token.expose() != sent.token.expose());
        Ok(next.map_or(Next::Same, |next| Next::Actor(Box::new((request, next)))))
    }
}
