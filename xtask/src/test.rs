//! `cargo xtask test`: unit and integration tests, then doctests, which nextest does not run.

use crate::shell::{self, cargo, show, works};

pub(crate) fn run() -> shell::Result {
    if works(&mut cargo("nextest --version")) {
        show(&mut cargo("nextest run --workspace --all-features"))?;
    } else {
        show(&mut cargo("test --workspace --all-features --all-targets"))?;
    }
    show(&mut cargo("test --workspace --all-features --doc"))
}
