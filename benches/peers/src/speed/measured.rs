use std::fmt;

use obo_testkit::Alg;

/// What was measured.
pub(crate) struct Speed {
    pub(crate) algorithms: Vec<OfAlgorithm>,
}

pub(crate) struct OfAlgorithm {
    pub(crate) alg: Alg,
    /// Nanoseconds of F.
    pub(crate) verify: f64,
    /// Nanoseconds of H.
    pub(crate) hash: f64,
    /// For each peer: a cold request in F, and a warm one in H.
    pub(crate) costs: Vec<[Cost; 2]>,
}

/// What a request costs over the bare service.
pub(crate) struct Cost {
    pub(crate) median: f64,
    /// Of every ten rounds, one was below and one above.
    low: f64,
    high: f64,
    pub(crate) allocations: i64,
}

impl Cost {
    pub(super) fn new(mut ratios: Vec<f64>, allocations: i64) -> Self {
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[(ratios.len() - 1) * part / 10];
        Self {
            median: at(5),
            low: at(1),
            high: at(9),
            allocations,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median, low, high, ..
        } = self;
        write!(f, "{median:.2} ({low:.2}–{high:.2})")
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
