//! What a replica does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};
use obo::fleet::{Fleet, KeyRing, Revoked, RingKey};
use obo::time::{Clock, UnixTime};
use obo::{
    Caller, Client, ClientSecretBasic, Issuer, Profile, ResourceServer, Secret, TokenExchange,
    Trust,
};
use obo_redis::RedisStore;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::draws::Draws;
use crate::process::{Order, Outcome, Settings};
use crate::world::{SECRET, service};

/// The key of all replicas.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Service {
    issuer: Issuer,
    server: ResourceServer,
    exchange: TokenExchange,
    fleet: Option<Fleet>,
    tokens: Vec<String>,
    callers: tokio::sync::Mutex<HashMap<usize, Caller>>,
}

pub(crate) fn fleet(redis: &str, has_lease: bool) -> Fleet {
    let ring = KeyRing::new([RingKey::parse("k1", &Secret::new(KEY)).unwrap()]).unwrap();
    let builder = Fleet::builder().store(RedisStore::new(redis).unwrap(), ring);
    let builder = if has_lease {
        builder
    } else {
        builder.without_lease()
    };
    builder.build().unwrap()
}

pub(crate) async fn run(settings: &str) {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let issuer = Issuer::new(settings.issuer.as_str()).unwrap();
    let trust = Trust::new(issuer.clone()).profile(Profile::LENIENT);
    let mut server = ResourceServer::builder("service-a").trust(trust);
    let client = Client::new("service-a", ClientSecretBasic::new(SECRET));
    let mut exchange = TokenExchange::builder(issuer.clone(), client);
    let fleet = (settings.redis.as_deref()).map(|redis| fleet(redis, settings.has_lease));
    if let Some(fleet) = &fleet {
        fleet.start().await.unwrap();
        server = server.fleet(fleet.clone());
        exchange = exchange.fleet(fleet.clone());
    }
    let tokens = std::fs::read_to_string(&settings.tokens).unwrap();
    let service = Arc::new(Service {
        issuer,
        server: server.build().unwrap(),
        exchange: exchange.build().unwrap(),
        fleet,
        tokens: tokens.lines().map(str::to_owned).collect(),
        callers: tokio::sync::Mutex::default(),
    });
    println!("ready");
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await.unwrap() {
        let outcome = service.obey(serde_json::from_str(&order).unwrap()).await;
        println!("{}", serde_json::to_string(&outcome).unwrap());
    }
}

impl Service {
    async fn obey(self: &Arc<Self>, order: Order) -> Outcome {
        let mut outcome = match order {
            Order::Calls { seed, calls } => self.calls(seed, calls).await,
            Order::CallAt {
                micros,
                user,
                service,
            } => {
                self.caller(user).await;
                tokio::time::sleep(Duration::from_micros(micros.saturating_sub(wall()))).await;
                collect([self.call(user, service).await])
            }
            Order::LogOut { first, users } => self.log_out(first, users).await,
            Order::AwaitRefusal { user } => {
                let token = &self.tokens[user];
                while self.server.validate(token).await.is_ok() {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                Outcome::default()
            }
            Order::Rate {
                seed,
                seconds,
                per_second,
            } => self.rate(seed, seconds, per_second).await,
        };
        outcome.at = wall();
        outcome
    }

    async fn calls(self: &Arc<Self>, seed: u64, calls: usize) -> Outcome {
        let mut draws = Draws::new(seed);
        let draws: Vec<_> = (0..calls).map(|_| draws.next()).collect();
        let calls = stream::iter(draws).map(|(user, service)| {
            let own = Arc::clone(self);
            async move { own.call(user, service).await }
        });
        collect(calls.buffer_unordered(16).collect::<Vec<_>>().await)
    }

    async fn rate(self: &Arc<Self>, seed: u64, seconds: u64, per_second: u64) -> Outcome {
        let mut draws = Draws::new(seed);
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
        let mut calls = Vec::new();
        for _ in 0..seconds * per_second {
            ticks.tick().await;
            let (user, service) = draws.next();
            let own = Arc::clone(self);
            calls.push(tokio::spawn(async move { own.call(user, service).await }));
        }
        let mut ended = Vec::new();
        for call in calls {
            ended.push(call.await.unwrap());
        }
        collect(ended)
    }

    async fn log_out(&self, first: usize, users: usize) -> Outcome {
        let (fleet, mut ended) = (self.fleet.as_ref().unwrap(), Vec::new());
        for user in first..first + users {
            let start = Instant::now();
            let user = Revoked::Subject(format!("user-{user}"));
            let revoked = fleet.revoke(&self.issuer, user, now()).await;
            ended.push((start.elapsed(), revoked.is_ok()));
        }
        collect(ended)
    }

    async fn caller(&self, user: usize) -> Caller {
        if let Some(caller) = self.callers.lock().await.get(&user) {
            return caller.clone();
        }
        let caller = self.server.validate(&self.tokens[user]).await.unwrap();
        self.callers.lock().await.insert(user, caller.clone());
        caller
    }

    /// One call: how long it took to get its token, and whether there is one.
    async fn call(&self, user: usize, number: usize) -> (Duration, bool) {
        let caller = self.caller(user).await;
        let target = service(number);
        let start = Instant::now();
        let exchanged = self.exchange.token(&caller, &*target).await;
        (start.elapsed(), exchanged.is_ok())
    }
}

fn collect(calls: impl IntoIterator<Item = (Duration, bool)>) -> Outcome {
    let mut outcome = Outcome::default();
    for (took, is_ok) in calls {
        outcome.failed += usize::from(!is_ok);
        outcome.latencies.push(took.as_micros() as u64);
    }
    outcome
}

fn now() -> UnixTime {
    Clock::system().now()
}

/// The wall clock in microseconds.
pub(crate) fn wall() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64
}
