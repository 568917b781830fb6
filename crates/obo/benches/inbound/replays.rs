//! The record of used proofs, in the process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use obo::fleet::Fleet;
use tokio::runtime::Builder;

use crate::rounds::{Figure, TURNS, measure};

pub(crate) const MILLION: usize = 1_000_000;
const WINDOW: Duration = Duration::from_secs(60);
/// A, the aim for one insertion.
const NANOSECONDS: f64 = 200.0;

pub(crate) struct Replays(Fleet);

impl Replays {
    pub(crate) fn new() -> Self {
        Self(Fleet::builder().build().unwrap())
    }

    /// Takes an identifier, which must be new.
    pub(crate) fn take(&self, id: &str) {
        let taken = self.0.take_once("dpop", black_box(id), WINDOW);
        assert!(taken.now_or_never().unwrap().unwrap());
    }
}

/// Identifiers as proofs have them: the thumbprint of the key, and 128 random bits.
pub(crate) fn ids(from: usize, count: usize) -> Vec<String> {
    let id = |n: usize| {
        let random = (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        format!("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I.{random:032x}")
    };
    (from..from + count).map(id).collect()
}

/// Fills the record, inserts into a full one, and inserts while others expire.
pub(crate) fn replays() {
    let replays = Replays::new();
    let first = ids(0, MILLION);
    let started = Instant::now();
    for id in &first {
        replays.take(id);
    }
    row("the first million", started.elapsed() / MILLION as u32);
    let more = ids(MILLION, TURNS);
    let mut more = more.iter();
    let [time] = measure([&mut || replays.take(more.next().unwrap())]);
    row("beyond a million", Duration::from_nanos(time as u64));
    row("a million at any time", in_steady_state());
}

/// The mean time of an insertion, with so many in each second that a million are in force.
fn in_steady_state() -> Duration {
    let per_second = MILLION / WINDOW.as_secs() as usize;
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let replays = Replays::new();
        let mut time = Duration::ZERO;
        for second in 0..4 * WINDOW.as_secs() as usize {
            let new = ids(second * per_second, per_second);
            let started = Instant::now();
            for id in &new {
                replays.take(id);
            }
            // The first two windows fill it.
            if second >= 2 * WINDOW.as_secs() as usize {
                time += started.elapsed();
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        time / (2 * per_second as u32 * WINDOW.as_secs() as u32)
    })
}

fn row(name: &str, time: Duration) {
    let time = time.as_nanos() as f64;
    Figure::new(format!("used proofs, {name}"), time)
        .ratio(NANOSECONDS, "A", 1.0)
        .print();
}
