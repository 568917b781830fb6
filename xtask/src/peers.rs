//! `cargo xtask peers`: other libraries beside this one, measured anew into `docs/peers.md` and the README.

use crate::shell::{self, cargo, show};

pub(crate) fn run() -> shell::Result {
    show(&mut cargo(
        "run --release --manifest-path benches/peers/Cargo.toml",
    ))
}
