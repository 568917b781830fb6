//! What a refusal means where the acting service's own token was sent along.

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

/// The acting service's own token, which an exchange was asked for with.
pub(super) struct SentActor {
    pub(super) token: ActorToken,
    /// Where it can be had anew.
    pub(super) source: Renewal,
}

pub(super) enum Renewal {
    /// Nowhere.
    None,
    /// From the application.
    Fetched,
    /// From the server; until then it is cached.
    Own(Box<Exchanged>),
}

/// What an exchange is tried once more with.
enum Next {
    Actor(Box<(Wanted, SentActor)>),
    /// Nothing: the token is one that cannot be replaced, or the source gave the same one.
    Same,
    /// Nothing: a token was replaced moments ago.
    TooSoon,
}

impl Engine {
    /// The outcome, or that of one more attempt with another actor token, where the server may have rejected that one.
    ///
    /// What is still unclear after that is not blamed on the user, who would be sent to sign in for nothing, unless
    /// something speaks for the actor's token.
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
                let (asked, next) = *next;
                let asker = self.asker(wanted, place);
                let outcome = self.endpoint.ask(&asked, &self.settings, asker, deadline);
                match self.unclear(&next, outcome.await) {
                    Ok(clear) => {
                        return clear.inspect(|_| self.actors.helped(&sent.token));
                    }
                    Err(error) => (error, self.actors.has_worked(&next.token)),
                }
            }
        };
        self.actors.doubt(place.key);
        // The server issued an own token moments ago: it has no reason to call that one invalid.
        let is_new = matches!(sent.source, Renewal::Own(_));
        let is_grant = error.oauth_code() == Some("invalid_grant");
        match !error.is_of_actor() && (works || is_new && is_grant) {
            true => Err(error),
            false => Err(error.of_actor()),
        }
    }

    /// An outcome that says nothing against the actor's token, or the error that may do so.
    fn unclear(&self, sent: &SentActor, outcome: Outcome) -> Result<Outcome, ExchangeError> {
        match outcome.inspect(|_| self.actors.worked(&sent.token)) {
            Err(error) if error.may_be_of_actor() => Err(error),
            clear => Ok(clear),
        }
    }

    /// The same with another actor token, if one can be had.
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
        let (asked, next) = self.with_actor(wanted.clone(), deadline).await?;
        let next = next.filter(|next| next.token.expose() != sent.token.expose());
        Ok(next.map_or(Next::Same, |next| Next::Actor(Box::new((asked, next)))))
    }
}
