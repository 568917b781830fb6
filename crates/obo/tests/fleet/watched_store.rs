//! A store in the process that is watched, fails on purpose, and whose content can be changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use obo::fleet::{Announce, InProcess, Page, Store, StoreError, StoreFuture, StoreKey};
use parking_lot::Mutex;

/// Clones are the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchedStore(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// An `Arc`, because a call keeps the store that it started with.
    store: Mutex<Arc<InProcess>>,
    calls: AtomicUsize,
    fails: AtomicBool,
    hangs: AtomicBool,
    announces_nothing: AtomicBool,
    has_no_last_page: AtomicBool,
    /// How long each call takes.
    takes: Mutex<Duration>,
    /// How often reading the log still panics.
    panics: AtomicUsize,
    /// Everything that was written: names and values.
    written: Mutex<Vec<(String, Bytes)>>,
}

impl WatchedStore {
    /// The calls up to now, without those that read the log.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn hang(&self, hangs: bool) {
        self.0.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Lets each call take so long.
    pub(crate) fn slow(&self, takes: Duration) {
        *self.0.takes.lock() = takes;
    }

    /// Lets the log have a next page after each page.
    pub(crate) fn never_end(&self) {
        self.0.has_no_last_page.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lose_announcements(&self) {
        self.0.announces_nothing.store(true, Ordering::SeqCst);
    }

    /// Lets the log panic when it is read, so many times.
    pub(crate) fn panic(&self, times: usize) {
        self.0.panics.store(times, Ordering::SeqCst);
    }

    /// How often reading the log still panics.
    pub(crate) fn panics_left(&self) -> usize {
        self.0.panics.load(Ordering::SeqCst)
    }

    /// Loses everything, as a store does that is flushed.
    pub(crate) fn flush(&self) {
        *self.0.store.lock() = Arc::default();
    }

    fn store(&self) -> Arc<InProcess> {
        Arc::clone(&self.0.store.lock())
    }

    /// The names and values that were written.
    pub(crate) fn written(&self) -> Vec<(String, Bytes)> {
        self.0.written.lock().clone()
    }

    /// The values of exchanged tokens that were written.
    pub(crate) fn tokens(&self) -> Vec<(String, Bytes)> {
        let written = self.written().into_iter();
        written.filter(|(name, _)| name.contains(":t:")).collect()
    }

    fn ask<'s, T: Send + 's>(
        &'s self,
        is_counted: bool,
        call: StoreFuture<'s, T>,
    ) -> StoreFuture<'s, T> {
        if is_counted {
            self.0.calls.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async move {
            if self.0.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let takes = *self.0.takes.lock();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(StoreError::new("is not there"));
            }
            call.await
        })
    }

    fn wrote(&self, name: &StoreKey, value: Bytes) {
        self.0
            .written
            .lock()
            .push((name.as_str().to_owned(), value));
    }
}

impl Store for WatchedStore {
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>> {
        // Within the future, so that a failed call reads nothing.
        self.ask(true, Box::pin(async move { self.store().get(names).await }))
    }

    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()> {
        self.ask(
            true,
            Box::pin(async move {
                self.wrote(name, value.clone());
                self.store().put(name, value, lifetime).await
            }),
        )
    }

    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool> {
        self.ask(
            true,
            Box::pin(async move {
                names.iter().for_each(|name| self.wrote(name, Bytes::new()));
                self.store().take(names, lifetime).await
            }),
        )
    }

    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()> {
        self.ask(
            true,
            Box::pin(async move { self.store().remove(names).await }),
        )
    }

    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool> {
        self.ask(
            true,
            Box::pin(async move {
                self.wrote(&StoreKey::log(), record.clone());
                self.store().append(record, once, retention).await
            }),
        )
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page> {
        self.ask(
            false,
            Box::pin(async move {
                let left = self.panics_left().checked_sub(1);
                if let Some(left) = left {
                    self.panic(left);
                    panic!("the store panics on purpose");
                }
                if self.0.has_no_last_page.load(Ordering::SeqCst) {
                    let page: u64 = after.map_or(0, |after| after.parse().unwrap());
                    return Ok(Page {
                        position: Some((page + 1).to_string()),
                        ..Page::default()
                    });
                }
                self.store().read(after).await
            }),
        )
    }

    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()> {
        Box::pin(async move {
            if self.0.announces_nothing.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            self.store().watch(announce).await
        })
    }
}
