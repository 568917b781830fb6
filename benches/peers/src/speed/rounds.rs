//! Rounds in which all peers take turns, so that a slow phase of the machine affects all of them.
//!
//! All work is on one thread. Its processor time is measured, so other programs do not count.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use http::Request;
use obo_testkit::{TestAlg, TestIdp, TestKey};
use tokio::runtime::Runtime;

use super::measured::{OfAlgorithm, Speed, Times, median};
use super::proofs::proofs;
use super::tokens;
use crate::app::{App, bearer};
use crate::floor::Floor;
use crate::peers::{self, Peer, Trust};

pub(super) const ROUNDS: usize = 250;
/// Requests to each peer in a round.
pub(super) const CALLS: usize = 16;
/// Allocations are counted this many times, and the median counts: a cache grows now and then.
pub(super) const COUNTS: usize = 9;

pub(crate) fn run(runtime: &Runtime) -> Speed {
    Speed {
        algorithms: [TestAlg::Rs256, TestAlg::Es256]
            .into_iter()
            .map(|alg| of_algorithm(runtime, alg))
            .collect(),
        proofs: proofs(runtime),
    }
}

/// A peer's service and the bare service.
struct Pair {
    layered: App,
    bare: App,
}

fn of_algorithm(runtime: &Runtime, alg: TestAlg) -> OfAlgorithm {
    let idp = runtime.block_on(TestIdp::start());
    let key = TestKey::generate(alg);
    idp.publish_extra_jwk(key.public_jwk(tokens::KID));
    // The rounds with one to warm up, then tokens to count allocations, then the warm token.
    let lines = tokens::lines(&idp, &key, (ROUNDS + 1) * CALLS + COUNTS + 1);
    let warm = lines.last().unwrap();
    let peers = peers::all();
    let pairs = peers.map(|peer| runtime.block_on(ready(peer, &idp, alg, warm)));
    let floor = Floor::new(&key, warm.trim_start_matches("Bearer "));

    let mut times = peers.map(|_| Times::default());
    let (mut verify, mut hash) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let floors = (time(|| floor.verify()), time(|| floor.hash()));
        let cold: Vec<_> = lines[round * CALLS..][..CALLS].iter().collect();
        let warm = vec![warm; CALLS];
        // In each round, another peer is first.
        for peer in (0..peers.len()).map(|at| (at + round) % peers.len()) {
            let of = |app, lines| runtime.block_on(requests(app, lines));
            let Pair { layered, bare } = &pairs[peer];
            let cold = (of(layered, &cold), of(bare, &cold));
            let warm = (of(layered, &warm), of(bare, &warm));
            // The first round warms up.
            if round > 0 {
                times[peer].push(cold, warm);
            }
        }
        if round > 0 {
            verify.push(floors.0);
            hash.push(floors.1);
        }
    }
    let counted = &lines[(ROUNDS + 1) * CALLS..][..COUNTS];
    let count = |pair: &Pair, lines: &mut dyn Iterator<Item = &String>| {
        let requests = lines.map(|line| || bearer(line));
        allocations(runtime, &pair.layered, &pair.bare, requests)
    };
    let cold_counts = pairs.iter().map(|pair| count(pair, &mut counted.iter()));
    let warm_counts = pairs
        .iter()
        .map(|pair| count(pair, &mut [warm; COUNTS].into_iter()));
    let counts = cold_counts.zip(warm_counts);
    OfAlgorithm {
        alg,
        verify: median(&verify),
        hash: median(&hash),
        costs: times
            .iter()
            .zip(counts)
            .map(|(times, (cold, warm))| {
                [times.cold.cost(&verify, cold), times.warm.cost(&hash, warm)]
            })
            .collect(),
    }
}

/// A service that has its keys and has accepted the warm token.
async fn ready(peer: Peer, idp: &TestIdp, alg: TestAlg, warm: &str) -> Pair {
    let layered = (peer.protect)(Trust::new(idp, alg)).await.unwrap();
    let started = Instant::now();
    while layered.call(bearer(warm)).await.status() != 200 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{} does not accept a valid token",
            peer.name
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Pair {
        layered,
        bare: (peer.bare)(),
    }
}

/// The mean time of one of these requests, in nanoseconds.
async fn requests(app: &App, lines: &[&String]) -> f64 {
    let started = ThreadTime::now();
    for line in lines {
        let response = app.call(bearer(line)).await;
        assert_eq!(black_box(response).status(), 200);
    }
    started.elapsed().as_secs_f64() * 1e9 / lines.len() as f64
}

/// The mean time of one call, in nanoseconds.
pub(super) fn time(work: impl Fn()) -> f64 {
    let calls = 4 * CALLS;
    let started = ThreadTime::now();
    for _ in 0..calls {
        work();
    }
    started.elapsed().as_secs_f64() * 1e9 / calls as f64
}

/// The median of what these requests allocate, minus what they allocate in the bare service.
pub(super) fn allocations<R: Fn() -> Request<()>>(
    runtime: &Runtime,
    layered: &App,
    bare: &App,
    requests: impl Iterator<Item = R>,
) -> i64 {
    let count = |app: &App, request: Request<()>| {
        let counted = allocation_counter::measure(|| {
            runtime.block_on(async { black_box(app.call(request).await) });
        });
        counted.count_total as i64
    };
    let mut counts: Vec<_> = requests
        .map(|request| count(layered, request()) - count(bare, request()))
        .collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}
