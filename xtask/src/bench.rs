//! `cargo xtask bench`: what the product costs, as ratios to the work that cannot be avoided.

use crate::shell::{self, cargo, show};

pub(crate) fn run() -> shell::Result {
    show(&mut cargo("bench -p obo"))
}
