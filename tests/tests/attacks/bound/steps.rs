//! Requests one after another, where the order decides.

use futures_util::future::join_all;
use obo_tests::expected::{NO_NONCE, PROOF, Refusal};

use super::world::BoundWorld;
use crate::case::{Case, Sent};
use crate::places::Way;
use crate::score::Score;

pub(super) struct Steps<'w> {
    world: &'w BoundWorld,
    score: Score,
    /// How many were admitted: at layers, and at the gateway.
    admitted: [usize; 2],
}

impl<'w> Steps<'w> {
    pub(super) fn new(world: &'w BoundWorld, name: &'static str, family: &'static str) -> Self {
        let mut score = Score::of(name);
        score.family(family);
        Self {
            world,
            score,
            admitted: [0; 2],
        }
    }

    /// Sends a request that is refused for this reason, or admitted. Returns the next nonce.
    pub(super) async fn send(
        &mut self,
        name: &str,
        sent: &Sent,
        way: Way,
        code: Option<&'static str>,
    ) -> Option<String> {
        let refusal = match code {
            Some("proof_missing_nonce" | "proof_stale_nonce") => Some(NO_NONCE),
            Some("another_key" | "another_certificate" | "not_bound_to_key") => {
                let holder = self.world.holder(way);
                Some(holder.under(obo_tests::expected::INVALID, "DPoP"))
            }
            Some(_) => Some(PROOF),
            None => None,
        };
        self.expect(name, sent, way, refusal, code).await
    }

    async fn expect(
        &mut self,
        name: &str,
        sent: &Sent,
        way: Way,
        refusal: Option<Refusal>,
        code: Option<&'static str>,
    ) -> Option<String> {
        let case = Case::request(format!("{name}, {way}"), sent.clone(), refusal);
        let case = match code {
            Some(code) => case.because(code),
            None => case,
        };
        self.score.cases(std::iter::once(&case));
        self.admitted[usize::from(way.is_gateway())] += usize::from(refusal.is_none());
        let (got, code) = self.world.places.send(sent, way).await;
        let nonce = got.nonce().map(str::to_owned);
        let grpc = way.grpc.filter(|_| sent.may_be_grpc());
        self.score
            .response(&case, &way.to_string(), grpc, (got, code));
        nonce
    }

    /// Sends the same request many times at once. Exactly one is admitted.
    pub(super) async fn race(&mut self, times: usize, sent: &Sent, way: Way) {
        let replay = Case::request(format!("a race, {way}"), sent.clone(), Some(PROOF));
        let replay = replay.because("proof_replayed");
        let first = Case::request(format!("first of a race, {way}"), sent.clone(), None);
        self.score.cases([&replay, &first].into_iter());
        let all = join_all((0..times).map(|_| self.world.places.send(sent, way))).await;
        let is_replay = |got: &obo_tests::expected::Got| *got == PROOF.response(way.grpc);
        let (refused, admitted): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(got, _)| is_replay(got));
        self.score.expect("admitted in a race", 1, admitted.len());
        self.admitted[usize::from(way.is_gateway())] += 1;
        for got in refused {
            self.score
                .response(&replay, &way.to_string(), way.grpc, got);
        }
        for got in admitted {
            self.score.response(&first, &way.to_string(), way.grpc, got);
        }
    }

    /// Fails if anything was unexpected.
    pub(super) fn settle(mut self) {
        let [layers, gateway] = self.admitted;
        self.world
            .places
            .check_reached(layers, gateway, &mut self.score);
        self.score.settle();
    }
}
