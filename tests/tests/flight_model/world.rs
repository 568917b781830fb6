//! An exchange as the engine makes it: the cache, then a flight that checks the cache again and
//! stores its token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use shuttle::future::{self, JoinHandle};
use shuttle::sync::Mutex;

use crate::flight::{Flights, Overloaded};

/// A token: its key, and its number for that key.
pub(crate) type Token = (u8, usize);

#[derive(Clone)]
pub(crate) struct World {
    flights: Arc<Flights<u8, Result<Token, ()>>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cache: HashMap<u8, Token>,
    /// Requests to the authorization server, by key.
    requests: HashMap<u8, usize>,
    /// Requests that are running, by key.
    under_way: HashMap<u8, usize>,
    fails: bool,
}

impl World {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            flights: Flights::new(most, Some(Duration::ZERO)),
            state: Arc::default(),
        }
    }

    pub(crate) fn failing(self) -> Self {
        self.state.lock().unwrap().fails = true;
        self
    }

    /// Runs one call.
    pub(crate) async fn token(&self, key: u8) -> Result<Token, ()> {
        match self.landing(key) {
            Err(token) => Ok(token),
            Ok(landing) => landing.await.expect("the flight still exists"),
        }
    }

    /// Runs a call that is cancelled after it was polled some times.
    pub(crate) async fn give_up(&self, key: u8, polls: usize) {
        let mut call = Box::pin(self.token(key));
        for _ in 0..polls {
            if (&mut call).now_or_never().is_some() {
                return;
            }
            future::yield_now().await;
        }
    }

    fn landing(&self, key: u8) -> Result<crate::flight::Flight<Result<Token, ()>>, Token> {
        if let Some(token) = self.cached(key) {
            return Err(token);
        }
        let world = self.clone();
        let joined =
            self.flights
                .join(key, key.into(), move || async move { world.fly(key).await });
        Ok(joined.unwrap_or_else(|Overloaded| panic!("the flight map is full")))
    }

    fn cached(&self, key: u8) -> Option<Token> {
        self.state.lock().unwrap().cache.get(&key).copied()
    }

    async fn fly(&self, key: u8) -> Result<Token, ()> {
        if let Some(token) = self.cached(key) {
            return Ok(token);
        }
        let number = {
            let mut state = self.state.lock().unwrap();
            let under_way = state.under_way.entry(key).or_default();
            *under_way += 1;
            assert_eq!(*under_way, 1, "two requests for one key at the same time");
            let number = state.requests.entry(key).or_default();
            *number += 1;
            *number
        };
        future::yield_now().await;
        let mut state = self.state.lock().unwrap();
        *state.under_way.get_mut(&key).unwrap() -= 1;
        if state.fails {
            return Err(());
        }
        state.cache.insert(key, (key, number));
        Ok((key, number))
    }

    pub(crate) fn forget(&self, key: u8) {
        self.state.lock().unwrap().cache.remove(&key);
    }

    pub(crate) fn requests(&self, key: u8) -> usize {
        let state = self.state.lock().unwrap();
        state.requests.get(&key).copied().unwrap_or_default()
    }

    /// Whether all flights have been removed.
    pub(crate) fn is_quiet(&self, key: u8) -> bool {
        self.flights.under_way(&key).is_none()
    }

    pub(crate) fn spawn_token(&self, key: u8) -> JoinHandle<Result<Token, ()>> {
        let world = self.clone();
        future::spawn(async move { world.token(key).await })
    }
}
