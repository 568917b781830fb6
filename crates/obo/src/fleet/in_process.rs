use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use obo_core::fleet::StoreKey;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::store::{Announce, Page, Store, StoreError, StoreFuture};

/// The most values, and the most records of the log.
const MOST: usize = 100_000;
/// The announcements that a slow listener may lag behind; it reads the log afterwards.
const BACKLOG: usize = 1024;
/// Stands for an end that no clock reaches.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When something ends that lasts this long from now on.
fn end_of(lifetime: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(lifetime).unwrap_or_else(|| now + FAR)
}

/// A store within the process: for one replica, and for tests with several.
pub struct InProcess {
    state: Mutex<State>,
    news: broadcast::Sender<Bytes>,
}

#[derive(Default)]
struct State {
    values: HashMap<StoreKey, (Bytes, Instant)>,
    log: VecDeque<(u64, Bytes, Instant)>,
    next: u64,
}

impl State {
    fn is_there(&self, name: &StoreKey) -> bool {
        let value = self.values.get(name);
        value.is_some_and(|(_, until)| Instant::now() < *until)
    }

    /// Makes room for one more value, or fails.
    fn make_room(&mut self) -> Result<(), StoreError> {
        if self.values.len() >= MOST {
            let now = Instant::now();
            self.values.retain(|_, (_, until)| now < *until);
        }
        match self.values.len() < MOST {
            true => Ok(()),
            false => Err(StoreError::new("is full")),
        }
    }

    fn take(&mut self, name: &StoreKey, lifetime: Duration) -> Result<bool, StoreError> {
        if self.is_there(name) {
            return Ok(false);
        }
        self.make_room()?;
        let value = (Bytes::new(), end_of(lifetime));
        self.values.insert(name.clone(), value);
        Ok(true)
    }
}

impl InProcess {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            news: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for InProcess {
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>> {
        let (state, now) = (self.state.lock(), Instant::now());
        let value = |name| {
            let (value, until) = state.values.get(name)?;
            (now < *until).then(|| value.clone())
        };
        let values = names.iter().map(value).collect();
        Box::pin(ready(Ok(values)))
    }

    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()> {
        let mut state = self.state.lock();
        let room = state.make_room().map(|()| {
            let value = (value, end_of(lifetime));
            state.values.insert(name.clone(), value);
        });
        Box::pin(ready(room))
    }

    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool> {
        let mut state = self.state.lock();
        let mut taken = Ok(true);
        for name in names {
            taken = state.take(name, lifetime);
            if !matches!(taken, Ok(true)) {
                break;
            }
        }
        Box::pin(ready(taken))
    }

    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()> {
        let mut state = self.state.lock();
        for name in names {
            state.values.remove(name);
        }
        Box::pin(ready(Ok(())))
    }

    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool> {
        let mut state = self.state.lock();
        if once.iter().any(|name| state.is_there(name)) {
            return Box::pin(ready(Ok(false)));
        }
        for name in once {
            if let Err(error) = state.take(name, retention) {
                return Box::pin(ready(Err(error)));
            }
        }
        let (number, now) = (state.next, Instant::now());
        state.next += 1;
        while state.log.len() >= MOST || state.log.front().is_some_and(|it| it.2 <= now) {
            state.log.pop_front();
        }
        let end = end_of(retention);
        state.log.push_back((number, record.clone(), end));
        // There may be no listener yet.
        let _ = self.news.send(record);
        Box::pin(ready(Ok(true)))
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page> {
        let state = self.state.lock();
        let after: Option<u64> = after.and_then(|after| after.parse().ok());
        let records = state.log.iter();
        let records = records.filter(|(number, ..)| after.is_none_or(|after| after < *number));
        let page = Page {
            records: records.map(|(_, record, _)| record.clone()).collect(),
            position: state.next.checked_sub(1).map(|last| last.to_string()),
            is_last: true,
        };
        Box::pin(ready(Ok(page)))
    }

    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()> {
        let mut news = self.news.subscribe();
        Box::pin(async move {
            while let Ok(record) = news.recv().await {
                announce(record);
            }
            Ok(())
        })
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn longest_lifetime_never_ends() {
        let store = InProcess::new();
        let names = [StoreKey::log()];
        let put = store.put(&names[0], Bytes::new(), Duration::MAX);
        put.await.unwrap();
        assert_eq!(store.get(&names).await.unwrap(), [Some(Bytes::new())]);
        store.remove(&names).await.unwrap();
        for is_first in [true, false] {
            let taken = store.take(&names, Duration::MAX).await;
            assert_eq!(taken.unwrap(), is_first);
        }
        store.remove(&names).await.unwrap();
        for is_first in [true, false] {
            let appended = store.append(Bytes::new(), &names, Duration::MAX).await;
            assert_eq!(appended.unwrap(), is_first);
        }
        assert_eq!(store.read(None).await.unwrap().records.len(), 1);
    }
}
