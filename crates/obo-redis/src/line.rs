//! The connection that all commands share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use obo::fleet::{StoreError, StoreKey};
use parking_lot::Mutex;
use redis::cluster_routing::Slot;
use redis::{PushKind, RedisResult};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::problem;
use crate::source::Source;

/// The connection of the moment.
///
/// The first command makes it, and so does a command after its loss. It is made in a task of its
/// own, so that a caller that stops waiting does not stop it. The task ends within seconds.
pub(crate) struct Line {
    source: Arc<Source>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Numbers the connections.
    made: u64,
    current: Option<Current>,
    /// Replaces the connection to a cluster when it is there, because that one may still serve
    /// other nodes.
    next: Option<Current>,
}

/// The connection, once it is made or has failed.
type Connecting = watch::Receiver<Option<Result<Connection, StoreError>>>;

struct Current {
    number: u64,
    connecting: Connecting,
    is_closed: Arc<AtomicBool>,
    /// For each slot, when the first of the commands started that got no response, if none got one
    /// since. A server has one slot.
    waits_since: HashMap<Slot, Instant>,
}

impl Line {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            state: Mutex::default(),
        }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Runs commands about a name on the connection. A future that is dropped leaves the connection
    /// usable: a late response is read and discarded.
    pub(crate) async fn run<T, F>(
        &self,
        name: &StoreKey,
        commands: impl FnOnce(Connection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let slot = Slot::for_key(match self.source.is_cluster() {
            true => name.as_str(),
            false => "",
        });
        let (number, connection) = self.connected(slot).await?;
        let waiting = Waiting {
            line: self,
            number,
            slot,
            since: Instant::now(),
        };
        let result = commands(connection).await;
        waiting.over();
        result.map_err(|error| {
            let is_cluster = self.source.is_cluster();
            if problem::ends_connection(&error, is_cluster) {
                self.leave(number);
            }
            self.source.named(problem::of(&error, is_cluster))
        })
    }

    async fn connected(&self, slot: Slot) -> Result<(u64, Connection), StoreError> {
        let (number, connecting) = self.current(slot);
        match known(&connecting) {
            Some(Ok(connection)) => return Ok((number, connection)),
            // It failed before this command, so the store may be back.
            Some(Err(_)) => self.leave(number),
            None => {}
        }
        let (number, mut connecting) = self.current(slot);
        // An error is a task that was stopped, which `known` tells.
        let _ = connecting.wait_for(Option::is_some).await;
        let connected = known(&connecting).unwrap_or_else(|| Err(problem::silent()));
        let connection = connected.inspect_err(|_| self.leave(number))?;
        Ok((number, connection))
    }

    fn current(&self, slot: Slot) -> (u64, Connecting) {
        let mut state = self.state.lock();
        state.take_over();
        if let Some(current) = &state.current
            && !current.is_closed.load(Ordering::Acquire)
        {
            let since = current.waits_since.get(&slot);
            let limit = self.source.responds_within();
            let is_silent = since.is_some_and(|since| since.elapsed() > limit);
            let used = (current.number, current.connecting.clone());
            if !is_silent {
                return used;
            }
            if self.source.is_cluster() {
                if state.next.is_none() {
                    state.next = Some(state.connect(&self.source));
                }
                return used;
            }
        }
        let current = state.connect(&self.source);
        let made = (current.number, current.connecting.clone());
        state.current = Some(current);
        made
    }

    /// Makes the next command connect again, unless that has happened already.
    fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        let left = state.current.take_if(|it| it.number == number);
        drop(state);
        drop(left);
    }

    fn waits_since(&self, number: u64, slot: Slot, since: Option<Instant>) {
        let mut state = self.state.lock();
        if let Some(current) = state.current.as_mut().filter(|it| it.number == number) {
            match since {
                Some(since) => drop(current.waits_since.entry(slot).or_insert(since)),
                None => drop(current.waits_since.remove(&slot)),
            }
        }
    }
}

impl State {
    fn connect(&mut self, source: &Arc<Source>) -> Current {
        let is_closed = Arc::<AtomicBool>::default();
        self.made += 1;
        Current {
            number: self.made,
            connecting: connect(Arc::clone(source), Arc::clone(&is_closed)),
            is_closed,
            waits_since: HashMap::new(),
        }
    }

    /// Uses the next connection if it is there.
    fn take_over(&mut self) {
        let next = self.next.as_ref();
        let Some(connected) = next.and_then(|next| known(&next.connecting)) else {
            return;
        };
        let next = self.next.take();
        match (connected, &mut self.current) {
            (Err(_), Some(current)) => current.waits_since.clear(),
            (Err(_), None) => {}
            (Ok(_), current) => *current = next,
        }
    }
}

fn connect(source: Arc<Source>, is_closed: Arc<AtomicBool>) -> Connecting {
    let is_cluster = source.is_cluster();
    let (connected, connecting) = watch::channel(None);
    tokio::spawn(async move {
        let pushed = move |push: redis::PushInfo| {
            // A cluster replaces the connections of its nodes itself.
            if push.kind == PushKind::Disconnection && !is_cluster {
                is_closed.store(true, Ordering::Release);
            }
        };
        let connection = source.connect(pushed).await;
        // All commands that wait may be gone.
        let _ = connected.send(Some(connection));
    });
    connecting
}

/// The connection, or why there is none; `None` while it is being made.
fn known(connecting: &Connecting) -> Option<Result<Connection, StoreError>> {
    let is_stopped = connecting.has_changed().is_err();
    let connected = connecting.borrow().clone();
    // Only a panic, or a runtime that ends, stops the task without a result.
    connected.or_else(|| is_stopped.then(|| Err(problem::silent())))
}

/// A command without a response.
struct Waiting<'l> {
    line: &'l Line,
    number: u64,
    slot: Slot,
    since: Instant,
}

impl Waiting<'_> {
    fn over(self) {
        self.line.waits_since(self.number, self.slot, None);
        std::mem::forget(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line
            .waits_since(self.number, self.slot, Some(self.since));
    }
}
