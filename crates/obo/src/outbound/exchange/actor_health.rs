use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use obo_core::{ActorToken, CacheKey};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use tokio::time::Instant;

/// For how long no token is replaced after a replacement that did not help.
const REPLACED_EVERY: Duration = Duration::from_secs(30);
/// How many exchanges with an unclear refusal are recorded.
const DOUBTS: usize = 10_000;

/// Records how the acting service's own tokens fare at the server, so that its refusal of one is
/// not blamed on users.
///
/// RFC 8693 section 2.2.2 has one error for both tokens of an exchange. It is about the user's
/// token if the same actor token works for another user, and about the actor's if another actor
/// token works for the same user.
pub(super) struct ActorHealth {
    state: Mutex<State>,
    /// How many exchanges had succeeded when the one of this key failed.
    doubts: Cache<CacheKey, u64>,
    hasher: RandomState,
}

/// Tokens, by keyed hashes.
#[derive(Default)]
struct State {
    successes: u64,
    /// The last actor token that an exchange succeeded with.
    worked: Option<u64>,
    replaced: Option<Replaced>,
}

/// The last replacement.
struct Replaced {
    actor: u64,
    at: Instant,
    /// Whether an exchange that was refused with the replaced token succeeded with the next one.
    helped: bool,
}

/// What to do about a token that may have been refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Evict it and take a new one.
    Replace,
    /// It was replaced already: take the new one.
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

    /// Records that an exchange failed and that it is unclear over which token.
    pub(super) fn doubt(&self, exchange: CacheKey) {
        let successes = self.state.lock().successes;
        self.doubts.insert(exchange, successes);
    }

    /// Whether the exchange failed like this before, and others have succeeded since: then the
    /// actor's token is not the reason.
    pub(super) fn is_of_subject(&self, exchange: &CacheKey) -> bool {
        let before = self.doubts.get(exchange);
        before.is_some_and(|before| before < self.state.lock().successes)
    }

    /// Records that an exchange succeeded after this token was replaced: the token was the reason.
    pub(super) fn helped(&self, replaced: &ActorToken) {
        let actor = self.id(replaced);
        let mut state = self.state.lock();
        if let Some(last) = state.replaced.as_mut().filter(|last| last.actor == actor) {
            last.helped = true;
        }
    }

    /// Decides what to do about a token that may have been refused.
    ///
    /// One of many concurrent exchanges replaces it. A refusal that no new token changes, such as
    /// of a user whose session has ended, causes one replacement in [`REPLACED_EVERY`], even if the
    /// token works for others.
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
