//! A sequence of requests, states of the authorization server and steps of both clocks, against a
//! model: which tokens may pass, which must pass, and how many fetches the server may get.

mod idp;
mod token;

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, header};
use obo::time::{TestClock, UnixTime};
use obo::{AuthorizationServer, BearerAuthLayer, ResourceServer};
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::world;
use idp::{Idp, Mood};
use token::{Minted, Order};

/// One step of a run.
#[derive(Debug)]
enum Step {
    /// Present a new token in this many concurrent requests.
    Present(Order, u8),
    /// Present an earlier token again.
    Again(u8),
    /// Publish the keys of these bits.
    Publish(u8),
    /// Change the responses of the key endpoint.
    Keys(Mood),
    /// Change the responses of the discovery endpoint.
    Discovery(Mood),
    /// Advance both clocks by this many seconds.
    Wait(u64),
    /// Set only the wall clock, forward or back by this many seconds.
    Jump(i16),
}

impl Step {
    /// A step has eight bytes: its kind and its parameters.
    fn of([step, rest @ ..]: [u8; 8]) -> Self {
        let number = u16::from_le_bytes([rest[0], rest[1]]);
        match step % 8 {
            0 | 1 => Self::Present(Order::of(rest), step / 8),
            2 => Self::Again(rest[0]),
            3 => Self::Publish(rest[0]),
            4 => Self::Keys(Mood::of(rest)),
            5 => Self::Discovery(Mood::of(rest)),
            6 if step & 8 == 0 => Self::Wait(u64::from(number)),
            6 => Self::Wait(u64::from(number % 256) * 3600),
            _ => Self::Jump(number.cast_signed()),
        }
    }
}

/// Bounds the duration of a run.
const MAX_STEPS: usize = 64;

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let runtime = world::paused();
    runtime.block_on(async {
        let mut run = Run::new();
        let steps = bytes.chunks_exact(8).take(MAX_STEPS);
        for step in steps.filter_map(|step| step.try_into().ok().map(Step::of)) {
            run.take(step).await;
        }
    });
}

struct Run {
    idp: Idp,
    clock: TestClock,
    layer: BearerAuthLayer,
    presented: Vec<Minted>,
}

impl Run {
    fn new() -> Self {
        let clock = TestClock::new(world::now());
        let idp = Idp::new(clock.clone());
        let server = AuthorizationServer::builder(world::issuer())
            .with_http(idp.http())
            .build()
            .unwrap();
        let server = ResourceServer::builder(world::audience(world::AUDIENCE))
            .trust(server)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            idp,
            layer: BearerAuthLayer::new(server),
            clock,
            presented: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Present(order, many) => {
                let minted = Minted::new(&order, self.clock.now().as_secs());
                self.presented.push(minted);
                let last = self.presented.len() - 1;
                self.present(last, 1 + usize::from(many % 8)).await;
            }
            Step::Again(which) => {
                if let Some(known) = usize::from(which).checked_rem(self.presented.len()) {
                    self.present(known, 1).await;
                }
            }
            Step::Publish(bits) => self.idp.publish(bits),
            Step::Keys(mood) => self.idp.set_keys_mood(mood),
            Step::Discovery(mood) => self.idp.set_discovery_mood(mood),
            Step::Wait(seconds) => self.wait(seconds).await,
            Step::Jump(seconds) => {
                let now = self.clock.now().as_secs();
                let then = now.saturating_add_signed(i64::from(seconds));
                self.clock.set(UnixTime::from_secs(then));
                self.idp.jumped();
            }
        }
    }

    async fn wait(&mut self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        tokio::time::advance(by).await;
        self.clock.advance(by);
    }

    async fn present(&mut self, which: usize, many: usize) {
        let minted = &mut self.presented[which];
        let request = minted.authorization();
        let before = self.idp.seen();
        let started = Instant::now();
        let requests = (0..many).map(|_| tokio::spawn(status(&self.layer, &request)));
        let requests: Vec<_> = requests.collect();
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(request.await.unwrap());
        }
        // A fetch with its discovery takes at most five seconds.
        assert!(
            started.elapsed() <= Duration::from_secs(6),
            "{:?}",
            started.elapsed()
        );
        let after = self.idp.seen();
        let wall = self.clock.now().as_secs();
        let may_pass = minted
            .may_pass_with(wall)
            .is_some_and(|key| before.may_know(key) || after.may_know(key));
        let must_pass = minted
            .must_pass_with(wall)
            .is_some_and(|key| before.must_know(key, wall) && after.must_know(key, wall));
        for status in statuses {
            match status {
                200 => {
                    assert!(may_pass, "{minted:?} {before:?} {after:?}");
                    minted.has_passed = true;
                }
                401 | 503 => assert!(!must_pass, "{status} {minted:?} {before:?} {after:?}"),
                other => panic!("status {other}"),
            }
            if status == 503 {
                assert!(
                    after.has_failed,
                    "503 requires a failure of the authorization server"
                );
            }
        }
        self.idp.assert_not_flooded();
    }
}

fn status(
    layer: &BearerAuthLayer,
    authorization: &str,
) -> impl Future<Output = u16> + Send + 'static {
    let request = Request::get("/").header(header::AUTHORIZATION, authorization);
    let request = request.body(()).unwrap();
    let inner = service_fn(|request: Request<()>| {
        assert!(request.extensions().get::<obo::Caller>().is_some());
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    });
    let service = layer.layer(inner);
    async move {
        let response: Response<()> = service.oneshot(request).await.unwrap();
        response.status().as_u16()
    }
}
