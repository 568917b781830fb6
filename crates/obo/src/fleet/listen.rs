//! Listens for logouts of other replicas: announcements, and the log that is read every 2 s.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use futures_util::future::select;
use obo_core::UnixTime;
use obo_core::fleet::RevocationMark;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, sleep, timeout};

use super::handle::Inner;
use super::store::StoreError;
use crate::observe;

/// How often the log is read. A lost announcement costs as much.
const EVERY: Duration = Duration::from_secs(2);
/// How long one page may take. No request waits so long for it.
const PAGE: Duration = Duration::from_secs(2);
/// How long marks that the store lacks may be written between two readings.
const APPENDING: Duration = Duration::from_secs(1);
/// How long to wait before the announcements are subscribed to again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long a task that starts again waits, so that one that panics at once does not spin.
const RESTART: Duration = Duration::from_secs(1);

/// The state of the task that listens.
#[derive(Default)]
pub(super) struct Listener {
    is_running: AtomicBool,
    /// Why it ended while the fleet is in use.
    ended: Mutex<Option<&'static str>>,
}

/// Held by the task. When it is dropped, [`start`] starts another task, unless the fleet has ended
/// too.
struct Running(Weak<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        let Some(fleet) = self.0.upgrade() else {
            return;
        };
        // The next task logs it: the end of a runtime may be that of the process, and the layer of
        // a log may be what panics.
        *fleet.listener.ended.lock() = Some(match thread::panicking() {
            true => "it panicked",
            false => "its runtime ended",
        });
        fleet.listener.is_running.store(false, Ordering::Release);
    }
}

/// Starts the task that listens, unless it runs. It ends soon after the fleet. Without a tokio
/// runtime, a later call starts it.
pub(super) fn start(fleet: &Arc<Inner>) {
    let listener = &fleet.listener;
    if listener.is_running.load(Ordering::Relaxed) {
        return;
    }
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    if listener.is_running.swap(true, Ordering::AcqRel) {
        return;
    }
    let running = Running(Arc::downgrade(fleet));
    let ended = listener.ended.lock().take();
    if ended.is_none() {
        // So that an alert about silence has a value before anything was heard.
        observe::fleet_heard(UnixTime::from_secs(0));
    }
    runtime.spawn(listen(running, ended));
}

/// All parts are one task: if one panics, all start again.
async fn listen(running: Running, ended: Option<&'static str>) {
    if let Some(reason) = ended {
        observe::listener_ended(reason);
        sleep(RESTART).await;
    }
    let Running(fleet) = &running;
    let has_other_keys = AtomicBool::new(false);
    let renewed = pin!(renew(fleet, &has_other_keys));
    let followed = pin!(follow(fleet, &has_other_keys));
    let read = select(followed, renewed);
    select(read, pin!(watch(fleet))).await;
}

async fn follow(fleet: &Weak<Inner>, has_other_keys: &AtomicBool) {
    let (mut position, mut ticks) = (None, interval(EVERY));
    loop {
        ticks.tick().await;
        let Some(fleet) = fleet.upgrade() else {
            return;
        };
        if has_other_keys.swap(false, Ordering::AcqRel) {
            // They may open what did not open before.
            position = None;
        }
        match read_log(&fleet, position.as_deref()).await {
            Ok(read) => {
                position = read;
                // The rest is written after the next reading, which must not wait for it.
                let _ = timeout(APPENDING, fleet.append_owed()).await;
            }
            Err(_) => fleet.heard.tried(),
        }
        fleet.marks.sweep(fleet.clock.now());
    }
}

/// Reads the files of the key ring. The log does not wait for it, because a file system may hang.
async fn renew(fleet: &Weak<Inner>, has_other_keys: &AtomicBool) {
    loop {
        let Some(ring) = fleet.upgrade().map(|fleet| Arc::clone(&fleet.ring)) else {
            return;
        };
        if !ring.is_of_files() {
            return pending().await;
        }
        let mut read = spawn_blocking(move || ring.read_again());
        let in_time = timeout(EVERY, &mut read).await;
        let read = match in_time {
            Ok(read) => read,
            Err(_) => {
                let problem = format!("its files were not read within {EVERY:?}");
                observe::ring_not_renewed(&problem);
                read.await
            }
        };
        // It fails if the runtime ends, or by a panic, which is tried again.
        if let Ok(true) = read {
            has_other_keys.store(true, Ordering::Release);
        }
        sleep(EVERY).await;
    }
}

/// Reads the log to its end. Returns the position there.
///
/// A log that is read from its start should have all marks that this process knows. If it does not,
/// the store has lost them, and they are owed.
pub(super) async fn read_log(
    fleet: &Inner,
    from: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let start = Instant::now();
    let mut position = from.map(str::to_owned);
    let known = || fleet.marks.whole(fleet.clock.now());
    let mut missing = position.is_none().then(known);
    let mut newest = None;
    loop {
        let read = || fleet.store.read(position.as_deref());
        let page = fleet.link.call_within(PAGE, "read", read).await?;
        for record in &page.records {
            let heard = fleet.hear(record, "log");
            if let Ok(mark) = &heard
                && let Some(key) = fleet.marks.key_of(mark)
            {
                fleet.owed.written(key, mark);
                let lacks = |it: &RevocationMark| it.until.as_secs() > mark.until.as_secs();
                if let Some(missing) = &mut missing
                    && !missing.get(&key).is_some_and(lacks)
                {
                    missing.remove(&key);
                }
            }
            newest = Some(heard.map(drop));
        }
        let is_lost = position.is_some() && page.position.is_none();
        let is_last = page.is_last || page.position == position;
        position = page.position;
        if is_lost {
            missing = Some(known());
        } else if is_last {
            fleet.owed.add(missing.unwrap_or_default());
            if let Some(newest) = newest {
                fleet.heard.newest(newest);
            }
            match fleet.heard.is_readable() {
                true => fleet.heard.at(start, &fleet.clock),
                false => fleet.heard.tried(),
            }
            return Ok(position);
        }
    }
}

async fn watch(fleet: &Weak<Inner>) {
    loop {
        let Some(strong) = fleet.upgrade() else {
            return;
        };
        let store = Arc::clone(&strong.store);
        drop(strong);
        let announced = |record: bytes::Bytes| {
            if let Some(fleet) = fleet.upgrade() {
                // The log has it too, and says whether it can be opened.
                let _ = fleet.hear(&record, "announced");
            }
        };
        // The log is read anyway, so a failure needs no report of its own.
        let _ = store.watch(&announced).await;
        sleep(AGAIN).await;
    }
}
