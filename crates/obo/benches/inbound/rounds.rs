//! Measures in rounds, and prints figures.

use std::time::Instant;

const ROUNDS: usize = 41;
const CALLS: u32 = 400;

/// How often `measure` calls each function.
#[allow(dead_code, reason = "the bench of the outbound side makes no proofs")]
pub(crate) const TURNS: usize = (ROUNDS + 1) * CALLS as usize;

/// The median time of one call of each function, in nanoseconds. They take turns in each round.
pub(crate) fn measure<const N: usize>(mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut times = [(); N].map(|()| Vec::with_capacity(ROUNDS));
    for round in 0..=ROUNDS {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let started = Instant::now();
            for _ in 0..CALLS {
                work();
            }
            // The first round warms up.
            if round > 0 {
                times.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
            }
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 2).copied().unwrap_or_default()
    })
}

/// One line of the report.
pub(crate) struct Figure {
    name: String,
    nanoseconds: f64,
    ratio: Option<(f64, &'static str, f64)>,
}

impl Figure {
    pub(crate) fn new(name: String, nanoseconds: f64) -> Self {
        Self {
            name,
            nanoseconds,
            ratio: None,
        }
    }

    pub(crate) fn ratio(mut self, floor: f64, unit: &'static str, target: f64) -> Self {
        self.ratio = Some((self.nanoseconds / floor, unit, target));
        self
    }

    pub(crate) fn print(&self) {
        let (ratio, target) = match self.ratio {
            Some((ratio, unit, target)) => {
                (format!("{ratio:.2} {unit}"), format!("<= {target:.2}"))
            }
            None => Default::default(),
        };
        println!(
            "{:<50}{:>8.0}{ratio:>9}{target:>10}",
            self.name, self.nanoseconds
        );
    }
}
