use std::fmt;
use std::ops::Range;

use obo_testkit::TestAlg;

/// The number of parts of a run. Their lowest and highest figures show the spread.
const PARTS: usize = 5;

/// The result for each algorithm.
pub(crate) struct Speed {
    pub(crate) algorithms: Vec<OfAlgorithm>,
    pub(crate) proofs: Proofs,
}

/// The result for requests with a proof.
pub(crate) struct Proofs {
    /// F in nanoseconds.
    pub(crate) verify: f64,
    /// For each peer, the cost of a request in F; `None` if it has no DPoP.
    pub(crate) costs: Vec<Option<Cost>>,
}

pub(crate) struct OfAlgorithm {
    pub(crate) alg: TestAlg,
    /// F in nanoseconds.
    pub(crate) verify: f64,
    /// H in nanoseconds.
    pub(crate) hash: f64,
    /// For each peer, the cost of a cold request in F and of a warm one in H.
    pub(crate) costs: Vec<[Cost; 2]>,
}

/// The cost of a request, minus that of a request to the bare service.
pub(crate) struct Cost {
    pub(crate) ratio: f64,
    /// The lowest and highest ratio of the parts of the run.
    low: f64,
    high: f64,
    pub(crate) allocations: i64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ratio, low, high, ..
        } = self;
        write!(f, "{ratio:.2} ({low:.2}–{high:.2})")
    }
}

/// For each round, the nanoseconds of a request to a peer's service and to the bare service.
#[derive(Default)]
pub(super) struct Times {
    pub(super) cold: Pairs,
    pub(super) warm: Pairs,
}

impl Times {
    pub(super) fn push(&mut self, cold: (f64, f64), warm: (f64, f64)) {
        self.cold.push(cold);
        self.warm.push(warm);
    }
}

#[derive(Default)]
pub(super) struct Pairs {
    layered: Vec<f64>,
    bare: Vec<f64>,
}

impl Pairs {
    pub(super) fn push(&mut self, (layered, bare): (f64, f64)) {
        self.layered.push(layered);
        self.bare.push(bare);
    }

    /// The cost in units of `floor`, which was measured in the same rounds.
    pub(super) fn cost(&self, floor: &[f64], allocations: i64) -> Cost {
        let ratio = |part: Range<usize>| {
            let of = |times: &[f64]| median(&times[part.clone()]);
            (of(&self.layered) - of(&self.bare)) / of(floor)
        };
        let length = floor.len() / PARTS;
        let parts = || (0..PARTS).map(|part| ratio(part * length..(part + 1) * length));
        Cost {
            ratio: ratio(0..floor.len()),
            low: parts().fold(f64::INFINITY, f64::min),
            high: parts().fold(f64::NEG_INFINITY, f64::max),
            allocations,
        }
    }
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
