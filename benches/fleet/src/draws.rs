//! Which user calls which service: by a Zipf law over users, evenly over services.

use crate::{SERVICES, USERS};

/// Draws of a seed are always the same, so the parent knows what its replicas drew.
pub(crate) struct Draws {
    state: u64,
    /// The share of the first users.
    shares: Vec<f64>,
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=USERS).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        let mut shares: Vec<f64> = weights.collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        // Mixed, so that seeds in a row have sequences of their own.
        let state = (seed ^ 0x5851_f42d_4c95_7f2d).wrapping_mul(0xd134_2543_de82_ef95);
        Self { state, shares }
    }

    /// A user and a service.
    pub(crate) fn next(&mut self) -> (usize, usize) {
        let at = self.fraction();
        let user = self.shares.partition_point(|share| *share < at);
        let service = (self.fraction() * SERVICES as f64) as usize;
        (user.min(USERS - 1), service.min(SERVICES - 1))
    }

    /// SplitMix64.
    fn fraction(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
