//! A sequence of requests, moods of the authorization server and steps of both clocks, against a model of which tokens
//! may pass, which must, and how often the server may be asked.

mod idp;
mod token;

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response, header};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use obo::{AuthorizationServer, BearerAuthLayer, ResourceServer, TestClock, UnixTime};
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::world;
use idp::{Idp, Mood};
use token::{Minted, Order};

/// What happens, in order.
#[derive(Arbitrary, Debug)]
pub struct Input(Vec<Step>);

#[derive(Arbitrary, Debug)]
enum Step {
    /// A new token is presented, by so many at once.
    Present(Order, u8),
    /// One that was presented before.
    Again(u8),
    /// The issuer publishes the keys of these bits.
    Publish(u8),
    /// How it answers from now on.
    Keys(Mood),
    Discovery(Mood),
    /// Both clocks go on by so many seconds.
    Wait(u16),
    /// So many hours pass.
    WaitHours(u8),
    /// The wall clock alone is set, forward or back.
    Jump(i16),
}

/// The most steps of one run, so that no run takes long.
const MOST: usize = 64;

/// # Panics
///
/// When it has found something.
pub fn run(input: Input) {
    let runtime = world::paused();
    runtime.block_on(async {
        let mut run = Run::new();
        for step in input.0.into_iter().take(MOST) {
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
        let idp = Idp::new();
        let clock = TestClock::new(world::now());
        let server = AuthorizationServer::discover(world::issuer(), idp.http());
        let server = ResourceServer::new(world::audience(world::AUDIENCE), server);
        Self {
            idp,
            layer: BearerAuthLayer::new(server.clock(clock.clone())),
            clock,
            presented: Vec::new(),
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Present(order, many) => {
                let minted = Minted::new(&order, self.clock.now().as_secs());
                self.present(&minted, 1 + usize::from(many % 8)).await;
                self.presented.push(minted);
            }
            Step::Again(which) => {
                let count = self.presented.len().max(1);
                let known = self.presented.get(usize::from(which) % count).cloned();
                if let Some(minted) = known {
                    self.present(&minted, 1).await;
                }
            }
            Step::Publish(bits) => self.idp.publish(bits),
            Step::Keys(mood) => self.idp.set_keys_mood(mood),
            Step::Discovery(mood) => self.idp.set_discovery_mood(mood),
            Step::Wait(seconds) => self.wait(u64::from(seconds)).await,
            Step::WaitHours(hours) => self.wait(u64::from(hours) * 3600).await,
            Step::Jump(seconds) => {
                let now = self.clock.now().as_secs();
                let then = now.saturating_add_signed(i64::from(seconds));
                self.clock.set(UnixTime::from_secs(then));
            }
        }
    }

    async fn wait(&mut self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        tokio::time::advance(by).await;
        self.clock.advance(by);
    }

    async fn present(&mut self, minted: &Minted, many: usize) {
        let before = self.idp.seen();
        let started = Instant::now();
        let requests = (0..many).map(|_| tokio::spawn(self.status(minted)));
        let requests: Vec<_> = requests.collect();
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(request.await.unwrap());
        }
        // A fetch with its discovery has five seconds.
        assert!(
            started.elapsed() <= Duration::from_secs(6),
            "{:?}",
            started.elapsed()
        );
        let after = self.idp.seen();
        let wall = self.clock.now().as_secs();
        let key = minted.needs(wall);
        let may_pass = key.is_some_and(|key| before.may_know(key) || after.may_know(key));
        let must_pass = key.is_some_and(|key| before.must_know(key) && after.must_know(key));
        for status in statuses {
            match status {
                200 => assert!(may_pass, "{minted:?} {before:?} {after:?}"),
                401 | 503 => assert!(!must_pass, "{status} {minted:?} {before:?} {after:?}"),
                other => panic!("status {other}"),
            }
            if status == 503 {
                assert!(
                    after.has_failed,
                    "an authorization server that always answers"
                );
            }
        }
        self.idp.assert_not_flooded();
    }

    fn status(&self, minted: &Minted) -> impl Future<Output = u16> + Send + 'static {
        let request = Request::get("/").header(header::AUTHORIZATION, minted.authorization());
        let request = request.body(()).unwrap();
        let inner = service_fn(|request: Request<()>| {
            assert!(request.extensions().get::<obo::Validated>().is_some());
            std::future::ready(Ok::<_, Infallible>(Response::new(())))
        });
        let service = self.layer.layer(inner);
        async move {
            let response: Response<()> = service.oneshot(request).await.unwrap();
            response.status().as_u16()
        }
    }
}
