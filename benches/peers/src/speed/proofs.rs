//! Requests with a proof (DPoP): one token that was seen before, and a new proof for each request.

use std::hint::black_box;

use cpu_time::ThreadTime;
use http::Request;
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};
use tokio::runtime::Runtime;

use super::measured::{Pairs, Proofs, median};
use super::rounds::{CALLS, COUNTS, ROUNDS, allocations, time};
use super::tokens;
use crate::app::{App, proven};
use crate::floor::Floor;
use crate::peers::{self, BASE, Trust};

const ALG: TestAlg = TestAlg::Es256;

/// A protected service, and what it was measured to cost.
struct Measured {
    app: App,
    times: Pairs,
}

pub(crate) fn proofs(runtime: &Runtime) -> Proofs {
    let idp = runtime.block_on(TestIdp::start());
    let (key, own) = (TestKey::generate(ALG), TestKey::generate(ALG));
    idp.publish_extra_jwk(key.public_jwk(tokens::KID));
    let token = tokens::bound(&idp, &key, &own);
    let line = format!("DPoP {token}");
    let proof = TestProof::new(&own, "GET", &format!("{BASE}/orders")).token(&token);
    let proof = || proof.make();
    let bare = App::bare_08();
    let mut measured = peers::all().map(|peer| {
        let app = runtime.block_on((peer.protect_bound?)(Trust::new(&idp, ALG)));
        let (app, times) = (app.unwrap(), Pairs::default());
        let first = || app.call(proven(&line, &proof()));
        // The first request may start the fetch of the keys.
        let statuses = [(); 2].map(|()| runtime.block_on(first()).status());
        assert_eq!(statuses[1], 200, "{}", peer.name);
        let used = proof();
        let statuses = [(); 2].map(|()| {
            let request = app.call(proven(&line, &used));
            runtime.block_on(request).status()
        });
        assert_eq!(
            statuses.map(|status| status.as_u16()),
            [200, 401],
            "{}",
            peer.name
        );
        Some(Measured { app, times })
    });
    let floor = Floor::new(&own, &proof());
    let mut verify = Vec::new();
    for round in 0..=ROUNDS {
        let floor = time(|| floor.verify());
        let proofs: Vec<_> = (0..CALLS).map(|_| proof()).collect();
        let of = |app: &App| {
            let requests = proofs.iter().map(|proof| proven(&line, proof));
            runtime.block_on(passed(app, requests))
        };
        for Measured { app, times } in measured.iter_mut().flatten() {
            let pair = (of(app), of(&bare));
            // The first round warms up.
            if round > 0 {
                times.push(pair);
            }
        }
        if round > 0 {
            verify.push(floor);
        }
    }
    let costs = measured.map(|measured| {
        let Measured { app, times } = measured?;
        let requests = (0..COUNTS).map(|_| proof());
        let count = allocations(
            runtime,
            &app,
            &bare,
            requests.map(|proof| {
                let line = line.clone();
                move || proven(&line, &proof)
            }),
        );
        Some(times.cost(&verify, count))
    });
    Proofs {
        verify: median(&verify),
        costs: costs.into_iter().collect(),
    }
}

/// The mean time of one of these requests, in nanoseconds. They are made as they are sent.
async fn passed(app: &App, requests: impl ExactSizeIterator<Item = Request<()>>) -> f64 {
    let count = requests.len();
    let started = ThreadTime::now();
    for request in requests {
        assert_eq!(black_box(app.call(request).await).status(), 200);
    }
    started.elapsed().as_secs_f64() * 1e9 / count as f64
}
