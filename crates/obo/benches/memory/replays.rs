//! The memory of the record of used proofs.

use std::time::Duration;

use futures_util::FutureExt as _;
use obo::fleet::Fleet;

const MILLION: u32 = 1_000_000;
const WINDOW: Duration = Duration::from_secs(60);

pub(crate) fn print() {
    let fleet = Fleet::builder().build().unwrap();
    let fill = || {
        for id in 0..MILLION {
            let id = id.to_string();
            let taken = fleet.take_once("dpop", &id, WINDOW);
            assert!(taken.now_or_never().unwrap().unwrap());
        }
    };
    let taken = allocation_counter::measure(fill);
    let mebibytes = |bytes: i64| bytes as f64 / f64::from(1 << 20);
    println!(
        "used proofs, a million: {:.1} MiB, {:.1} MiB at most while it grew (<= 64)",
        mebibytes(taken.bytes_current),
        mebibytes(taken.bytes_max as i64),
    );
}
