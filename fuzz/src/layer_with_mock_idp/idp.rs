//! The authorization server, in the process, with a model of what a client has seen of it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use obo::authorization_server::HttpService;
use obo::time::TestClock;
use serde_json::json;
use tokio::time::Instant;
use tower::service_fn;

use super::token::{self, KEYS, Key};
use crate::world;

/// The defaults of [`obo::authorization_server::KeyRefresh`], from its documentation.
const COOLDOWN: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_secs(300);
const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);
/// Longer than any fetch, so that the model can ignore when in a step a response came.
const SLACK: Duration = Duration::from_secs(6);
/// The longest delay with which discovery and fetch together meet their deadline.
const MAX_TENTHS: u8 = 20;

/// How an endpoint responds.
#[derive(Clone, Debug)]
pub(super) enum Mood {
    Well,
    /// With this `max-age` in `Cache-Control`, in seconds.
    Fresh(u16),
    Status(u16),
    /// 429 with this `Retry-After`, in seconds.
    Throttled(u16),
    Reset,
    Hang,
    /// A body that is not JSON.
    Garbage(Vec<u8>),
    /// After this many tenths of a second; never if that is more than two seconds.
    Slow(u8),
}

impl Mood {
    pub(super) fn of([mood, rest @ ..]: [u8; 7]) -> Self {
        let number = u16::from_le_bytes([rest[0], rest[1]]);
        match mood % 8 {
            0 => Self::Well,
            1 => Self::Fresh(number),
            2 => Self::Status(number),
            3 => Self::Throttled(number),
            4 => Self::Reset,
            5 => Self::Hang,
            6 => Self::Garbage(rest.into()),
            _ => Self::Slow(rest[0]),
        }
    }
}

#[derive(Clone)]
pub(super) struct Idp(Arc<Mutex<State>>);

struct State {
    clock: TestClock,
    published: u8,
    keys: Mood,
    discovery: Mood,
    seen: Seen,
    fetches: Vec<(Instant, bool)>,
    /// When the wall clock was set, by tokio's clock.
    jumps: Vec<Instant>,
}

/// The responses that the client has seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The keys of the last set that was not empty, and when it was last delivered, by both clocks.
    set: Option<(u8, Instant, u64)>,
    /// When the first and the last of the empty sets since were delivered.
    empty: Option<(Instant, Instant)>,
    /// When the last attempt failed, if it came after the last set.
    failed_at: Option<Instant>,
    /// Whether any attempt ever failed.
    pub(super) has_failed: bool,
}

impl Seen {
    /// Whether a client that has seen this may accept a token of this key now.
    pub(super) fn may_know(&self, key: Key) -> bool {
        let Some((set, at, _)) = self.set else {
            return false;
        };
        // An old set is renewed before use, unless the fetch fails. An empty set takes effect only
        // when a second fetch confirms it.
        let is_bridged = self.failed_at.is_some() || self.empty.is_some();
        let longest = if is_bridged { STALE_IF_ERROR } else { MAX_AGE };
        let is_withdrawn = self
            .empty
            .is_some_and(|(first, last)| last - first >= COOLDOWN);
        key.is_in(set) && at.elapsed() <= longest + SLACK && !is_withdrawn
    }

    /// Whether a client that has seen this must accept a token of this key now. `wall` is the time
    /// of the wall clock: a set expires on the clock that is ahead.
    pub(super) fn must_know(&self, key: Key, wall: u64) -> bool {
        let Some((set, at, at_wall)) = self.set else {
            return false;
        };
        let by_wall = Duration::from_secs(wall.saturating_sub(at_wall));
        let age = at.elapsed().max(by_wall);
        key.is_in(set) && age + SLACK < STALE_IF_ERROR && self.empty.is_none()
    }
}

impl Idp {
    pub(super) fn new(clock: TestClock) -> Self {
        Self(Arc::new(Mutex::new(State {
            clock,
            published: 1,
            keys: Mood::Well,
            discovery: Mood::Well,
            seen: Seen {
                set: None,
                empty: None,
                failed_at: None,
                has_failed: false,
            },
            fetches: Vec::new(),
            jumps: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn publish(&self, bits: u8) {
        self.state().published = bits & ((1 << KEYS) - 1);
    }

    pub(super) fn set_keys_mood(&self, mood: Mood) {
        self.state().keys = mood;
    }

    pub(super) fn set_discovery_mood(&self, mood: Mood) {
        self.state().discovery = mood;
    }

    pub(super) fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    pub(super) fn jumped(&self) {
        self.state().jumps.push(Instant::now());
    }

    /// Asserts the bound on fetches in one cooldown.
    ///
    /// Forged `kid`s and signatures have a budget of three fetches and one more per third of the
    /// cooldown. In addition there are the first fetch, one renewal, and one fetch per jump of the
    /// wall clock. Fetches after failures are at least 0.375 s apart.
    pub(super) fn assert_not_flooded(&self) {
        let state = self.state();
        let recent = state.fetches.iter().rev();
        let recent = recent.take_while(|(at, _)| at.elapsed() < COOLDOWN);
        let (well, failed): (Vec<&_>, Vec<&_>) = recent.partition(|(_, well)| *well);
        let is_recent = |at: &&Instant| at.elapsed() < COOLDOWN;
        let jumps = state.jumps.iter().filter(is_recent).count();
        assert!(well.len() <= 7 + jumps, "{} fetches", well.len());
        assert!(failed.len() <= 80, "{} failed fetches", failed.len());
    }

    pub(super) fn http(&self) -> HttpService {
        let idp = self.clone();
        HttpService::new(service_fn(move |request: Request<Bytes>| {
            let idp = idp.clone();
            async move { idp.respond(request.uri().path() == "/jwks").await }
        }))
    }

    async fn respond(&self, is_keys: bool) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (mood, document, keys) = self.state().response(is_keys);
        let mut response = Response::builder();
        match mood {
            Mood::Well => {}
            Mood::Fresh(seconds) => {
                response = response.header("cache-control", format!("max-age={seconds}"));
            }
            Mood::Slow(tenths) if tenths <= MAX_TENTHS => {
                tokio::time::sleep(Duration::from_millis(u64::from(tenths) * 100)).await;
            }
            other => {
                self.state().failed(is_keys);
                let mut body = Bytes::new();
                match other {
                    Mood::Status(status) => response = response.status(status_of(status)),
                    Mood::Throttled(pause) => {
                        response = response.status(429).header("retry-after", pause);
                    }
                    Mood::Reset => return Err(std::io::ErrorKind::ConnectionReset.into()),
                    // No JSON starts with this character.
                    Mood::Garbage(garbage) => body = [b"!", &garbage[..]].concat().into(),
                    Mood::Hang | Mood::Slow(_) | Mood::Well | Mood::Fresh(_) => {
                        std::future::pending::<()>().await;
                    }
                }
                return Ok(response.body(body.into()).unwrap());
            }
        }
        if is_keys {
            self.state().delivered(keys);
        }
        Ok(response.body(document.into()).unwrap())
    }
}

impl State {
    /// The mood, the document, and the keys in it.
    fn response(&self, is_keys: bool) -> (Mood, String, u8) {
        if !is_keys {
            let document =
                json!({ "issuer": world::ISSUER, "jwks_uri": "https://idp.example/jwks" });
            return (self.discovery.clone(), document.to_string(), 0);
        }
        let published = (0..KEYS).filter(|key| self.published & 1 << key != 0);
        let document = json!({ "keys": published.map(token::jwk).collect::<Vec<_>>() });
        (self.keys.clone(), document.to_string(), self.published)
    }

    fn failed(&mut self, is_keys: bool) {
        let now = Instant::now();
        self.seen.failed_at = Some(now);
        self.seen.has_failed = true;
        if is_keys {
            self.fetches.push((now, false));
        }
    }

    fn delivered(&mut self, keys: u8) {
        let now = Instant::now();
        self.fetches.push((now, true));
        let seen = &mut self.seen;
        seen.failed_at = None;
        if keys == 0 {
            let first = seen.empty.map_or(now, |(first, _)| first);
            seen.empty = Some((first, now));
        } else {
            seen.set = Some((keys, now, self.clock.now().as_secs()));
            seen.empty = None;
        }
    }
}

/// Any status except 200.
fn status_of(number: u16) -> u16 {
    match 100 + number % 900 {
        200 => 500,
        status => status,
    }
}
