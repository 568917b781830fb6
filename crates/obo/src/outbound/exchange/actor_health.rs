use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use obo_core::{ActorToken, CacheKey};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::time::Instant;

/// How long no token is replaced after a replacement that did not help.
const REPLACED_EVERY: Duration = Duration::from_secs(30);
/// How many exchanges are remembered that failed over one of two tokens.
const DOUBTS: usize = 10_000;

/// How the acting service's own tokens fare at the server, so that its rejection of one is not blamed on users.
///
/// RFC 8693 section 2.2.2 has one error for both tokens of an exchange. Which one it is about shows where the same actor
/// token works for another user, or another actor token for the same user.
pub(super) struct ActorHealth {
    state: Mutex<State>,
    /// How many exchanges had succeeded when one of this key failed.
    doubts: Cache<CacheKey, u64>,
    hasher: RandomState,
}

/// Tokens by keyed hashes.
#[derive(Default)]
struct State {
    successes: u64,
    /// The last one that something was issued with.
    worked: Option<u64>,
    replaced: Option<Replaced>,
}

/// The last replacement.
struct Replaced {
    actor: u64,
    at: Instant,
    /// An exchange that was refused with the replaced token succeeded with the next one.
    helped: bool,
}

/// What follows where a token may have been rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Evict it, and take a new one.
    Replace,
    /// It was replaced already: take that one.
    TakeNext,
    /// Keep it: the last replacement was moments ago and did not help.
    Nothing,
}

impl ActorHealth {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            doubts: Cache::new(DOUBTS),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn worked(&self, actor: &ActorToken) {
        let actor = self.id(actor);
        let mut state = self.state.lock();
        state.worked = Some(actor);
        state.successes += 1;
    }

    pub(super) fn has_worked(&self, actor: &ActorToken) -> bool {
        self.state.lock().worked == Some(self.id(actor))
    }

    /// Notes that an exchange failed, and that it is not known over which token.
    pub(super) fn doubt(&self, exchange: CacheKey) {
        let successes = self.state.lock().successes;
        self.doubts.insert(exchange, successes);
    }

    /// Whether the exchange failed like this before, and others have succeeded since: it is not the actor's token.
    pub(super) fn is_of_subject(&self, exchange: &CacheKey) -> bool {
        let before = self.doubts.get(exchange);
        before.is_some_and(|before| before < self.state.lock().successes)
    }

    /// Notes that an exchange succeeded after this token was replaced, so that it was the token.
    pub(super) fn helped(&self, replaced: &ActorToken) {
        let actor = self.id(replaced);
        let mut state = self.state.lock();
        if let Some(last) = state.replaced.as_mut().filter(|last| last.actor == actor) {
            last.helped = true;
        }
    }

    /// What to do about a token that may have been rejected.
    ///
    /// One of many concurrent exchanges replaces it. A refusal that no new token changes, such as of a user whose session
    /// has ended, replaces a token once in [`REPLACED_EVERY`], also if the token works for others.
    pub(super) fn remedy(&self, actor: &ActorToken) -> Remedy {
        let (actor, now) = (self.id(actor), Instant::now());
        let mut state = self.state.lock();
        let last = state.replaced.as_ref();
        match last.filter(|last| now < last.at + REPLACED_EVERY) {
            Some(last) if last.actor == actor => Remedy::TakeNext,
            Some(last) if !last.helped => Remedy::Nothing,
            _ => {
                state.replaced = Some(Replaced {
                    actor,
                    at: now,
                    helped: false,
                });
                Remedy::Replace
            }
        }
    }

    fn id(&self, actor: &ActorToken) -> u64 {
        self.hasher.hash_one(actor.expose())
    }
}
