//! The scenarios, and the tables of their results.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use obo::{Client, ClientSecretBasic, Issuer, Profile, ResourceServer, TokenExchange, Trust};
use redis::AsyncCommands as _;

use crate::draws::Draws;
use crate::plot::{bars, timeline};
use crate::process::{Order, Outcome, Replica};
use crate::replica::{self, wall};
use crate::world::{SECRET, World, service};

#[derive(Default)]
pub(crate) struct Report {
    steady: String,
    exchanges: Vec<(String, f64, bool)>,
    events: String,
    outage: Vec<(f64, f64)>,
    seed: u64,
}

/// What a row of exchanges says.
struct Row {
    name: String,
    calls: usize,
    pairs: usize,
    exchanges: usize,
    latencies: Vec<u64>,
    failed: usize,
}

impl Report {
    fn seeds(&mut self, count: usize) -> Vec<u64> {
        self.seed += 1000;
        (0..count as u64).map(|number| self.seed + number).collect()
    }

    /// Calls that are spread over the replicas.
    pub(crate) async fn steady(
        &mut self,
        world: &World,
        replicas: usize,
        is_shared: bool,
        has_lease: bool,
        calls: usize,
    ) {
        let plural = if replicas == 1 { "" } else { "s" };
        let name = format!(
            "{replicas} replica{plural}, {}",
            store(is_shared, has_lease)
        );
        eprintln!("{name}");
        world.empty_store();
        let seeds = self.seeds(replicas);
        let start = (world.idp.token_requests(), network(world));
        let mut all = start_all(world, replicas, is_shared, has_lease).await;
        let outcomes = run_all(&mut all, &seeds, calls / replicas).await;
        let bytes = (network(world) - start.1) as f64 / calls as f64;
        let row = row(
            name,
            &seeds,
            calls / replicas,
            outcomes,
            world.idp.token_requests() - start.0,
        );
        let ratio = row.exchanges as f64 / row.pairs as f64;
        self.exchanges.push((row.name.clone(), ratio, is_shared));
        let keys = world.redis.command(&["DBSIZE"]);
        let (memory, keys) = match is_shared {
            true => (
                world.info("used_memory") as f64 / 1e6,
                keys.trim().to_owned(),
            ),
            false => (0.0, "0".to_owned()),
        };
        let _ = writeln!(
            self.steady,
            "| {} | {} | {} | {} | {ratio:.3} | {:.2} | {:.2} | {keys} | {memory:.0} | {bytes:.0} |",
            row.name,
            row.calls,
            row.pairs,
            row.exchanges,
            percentile(&row.latencies, 50),
            percentile(&row.latencies, 99),
        );
        assert_eq!(row.failed, 0);
    }

    /// Ten replicas that need the same token at the same moment.
    pub(crate) async fn simultaneous(&mut self, world: &World, has_lease: bool) {
        let name = format!(
            "the same token, 10 replicas at once, {}",
            store(true, has_lease)
        );
        eprintln!("{name}");
        world.empty_store();
        let before = world.idp.token_requests();
        let mut all = start_all(world, 10, true, has_lease).await;
        let mut latencies = Vec::new();
        for user in 0..50 {
            let micros = wall() + 30_000;
            let calls = all.iter_mut().map(|replica| {
                replica.run(Order::CallAt {
                    micros,
                    user: 50_000 + user,
                    service: 0,
                })
            });
            latencies.extend(
                join_all(calls)
                    .await
                    .into_iter()
                    .flat_map(|it| it.latencies),
            );
        }
        latencies.sort_unstable();
        let exchanges = (world.idp.token_requests() - before) as f64 / 50.0;
        let _ = writeln!(
            self.events,
            "| {name} | {exchanges:.2} exchanges per token; p50 {:.1} ms, p99 {:.1} ms |",
            percentile(&latencies, 50),
            percentile(&latencies, 99),
        );
    }

    /// Ten replicas, each of which is replaced while calls go on.
    pub(crate) async fn restart(&mut self, world: &World, is_shared: bool, calls: usize) {
        let name = format!("rolling restart of 10 replicas, {}", store(is_shared, true));
        eprintln!("{name}");
        world.empty_store();
        let before = world.idp.token_requests();
        let mut all = start_all(world, 10, is_shared, true).await;
        // Every replica makes the same calls, so without a store each exchanges for itself.
        let seeds = vec![self.seeds(1)[0]; 10];
        let calls = calls / 40;
        let mut outcomes = run_all(&mut all, &seeds, calls).await;
        for replica in &mut all {
            *replica = Replica::start(world, is_shared, true).await;
            outcomes.push(
                replica
                    .run(Order::Calls {
                        seed: seeds[0],
                        calls,
                    })
                    .await,
            );
        }
        let exchanges = world.idp.token_requests() - before;
        let row = row(name, &seeds[..1], calls, outcomes, exchanges);
        let ratio = exchanges as f64 / row.pairs as f64;
        let _ = writeln!(
            self.events,
            "| {} | {exchanges} exchanges for {} pairs of user and service: {ratio:.3} per pair; {} failed |",
            row.name, row.pairs, row.failed
        );
        self.exchanges.push((row.name, ratio, is_shared));
    }

    /// Many users log out at one replica.
    pub(crate) async fn logouts(&mut self, world: &World) {
        const USERS: usize = 2000;
        eprintln!("a storm of {USERS} logouts");
        world.empty_store();
        let mut all = start_all(world, 10, true, true).await;
        let (one, others) = all.split_first_mut().unwrap();
        let last = 60_000 + USERS - 1;
        for other in others.iter_mut() {
            other.send(Order::AwaitRefusal { user: last }).await;
        }
        let start = wall();
        let mut own = one
            .run(Order::LogOut {
                first: 60_000,
                users: USERS,
            })
            .await;
        let mut delays = Vec::new();
        for other in others.iter_mut() {
            delays.push(other.outcome().await.at.saturating_sub(own.at));
        }
        delays.sort_unstable();
        own.latencies.sort_unstable();
        let _ = writeln!(
            self.events,
            "| {USERS} logouts at one of 10 replicas | {:.2} s in all, p99 {:.2} ms each, {} failed; the last one was \
             refused at all others after {:.1} ms |",
            (own.at - start) as f64 / 1e6,
            percentile(&own.latencies, 99),
            own.failed,
            delays.last().copied().unwrap_or_default() as f64 / 1e3,
        );
    }

    /// The store stops under load and starts again.
    pub(crate) async fn outage(&mut self, world: &World) {
        eprintln!("an outage of the store");
        world.empty_store();
        let mut all = start_all(world, 3, true, true).await;
        let seeds = self.seeds(3);
        let (seconds, per_second) = (12, 150);
        for (replica, seed) in all.iter_mut().zip(&seeds) {
            replica
                .send(Order::Rate {
                    seed: *seed,
                    seconds,
                    per_second,
                })
                .await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.redis.pause();
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.redis.resume();
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.redis.stop();
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.redis.restart();
        let mut failed = 0;
        let mut slots = vec![Vec::new(); (seconds * 5) as usize];
        for replica in &mut all {
            let outcome = replica.outcome().await;
            failed += outcome.failed;
            for (number, latency) in outcome.latencies.into_iter().enumerate() {
                let slot = number * 5 / per_second as usize;
                slots[slot].push(latency);
            }
        }
        let of = |from: usize, to: usize| {
            let mut all: Vec<u64> = slots[from * 5..to * 5].concat();
            all.sort_unstable();
            percentile(&all, 99)
        };
        let _ = writeln!(
            self.events,
            "| the store hangs for 2 s, then is stopped for 2 s, under load | {failed} failed calls; p99 {:.1} ms before, {:.1} ms \
             while it hangs, {:.1} ms while it is stopped, {:.1} ms afterwards |",
            of(1, 3),
            of(3, 5),
            of(6, 8),
            of(9, 12),
        );
        for (number, slot) in slots.iter_mut().enumerate() {
            slot.sort_unstable();
            self.outage
                .push((number as f64 / 5.0, percentile(slot, 99)));
        }
    }

    /// A call whose token is in the store, beside a bare `GET` of as many bytes.
    pub(crate) async fn round_trip(&mut self, world: &World) {
        const CALLS: usize = 4000;
        eprintln!("the round trip of a shared token");
        world.empty_store();
        let issuer = Issuer::new(world.idp.issuer()).unwrap();
        let fleet = replica::fleet(&world.redis.url(), true);
        fleet.start().await.unwrap();
        let exchange = || {
            let client = Client::new("service-a", ClientSecretBasic::new(SECRET));
            TokenExchange::builder(issuer.clone(), client)
                .fleet(fleet.clone())
                .build()
                .unwrap()
        };
        let trust = Trust::new(issuer.clone()).profile(Profile::LENIENT);
        let server = ResourceServer::builder("service-a")
            .trust(trust)
            .build()
            .unwrap();
        let tokens = std::fs::read_to_string(&world.tokens).unwrap();
        let mut callers = Vec::new();
        for token in tokens.lines().take(CALLS) {
            callers.push(server.validate(token).await.unwrap());
        }
        let first = exchange();
        for caller in &callers {
            first.token(caller, &*service(1)).await.unwrap();
        }
        let client = redis::Client::open(world.redis.url()).unwrap();
        let mut bare = client.get_connection_manager().await.unwrap();
        let length: usize = 1024;
        let _: () = bare.set("bare", vec![0_u8; length]).await.unwrap();
        let second = exchange();
        let before = world.idp.token_requests();
        let (mut shared, mut gets) = (Vec::new(), Vec::new());
        for caller in &callers {
            let start = Instant::now();
            second.token(caller, &*service(1)).await.unwrap();
            shared.push(start.elapsed().as_nanos() as u64 / 10);
            let start = Instant::now();
            let _: Vec<u8> = bare.get("bare").await.unwrap();
            gets.push(start.elapsed().as_nanos() as u64 / 10);
        }
        shared.sort_unstable();
        gets.sort_unstable();
        let (shared, gets) = (percentile(&shared, 50) * 10.0, percentile(&gets, 50) * 10.0);
        let _ = writeln!(
            self.events,
            "| a call whose token is in the store, one after the other | {shared:.0} µs; a bare `GET` of {length} bytes {gets:.0} \
             µs: {:.2} × ({} exchanges) |",
            shared / gets,
            world.idp.token_requests() - before,
        );
    }

    pub(crate) fn write(&self) {
        let steady = format!(
            "| replicas | calls | pairs | exchanges | per pair | p50 ms | p99 ms | names in the store | MB in the \
             store | network bytes per call |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n{}",
            self.steady
        );
        let events = format!("| event | measured |\n| --- | --- |\n{}", self.events);
        println!("{steady}\n{events}");
        replace("steady", &steady);
        replace("events", &events);
        std::fs::write("docs/fleet-exchanges.svg", bars(&self.exchanges)).unwrap();
        std::fs::write("docs/fleet-outage.svg", timeline(&self.outage)).unwrap();
    }
}

/// Replaces a table of the page, between two comments.
fn replace(name: &str, table: &str) {
    let page = std::fs::read_to_string("docs/fleet.md").unwrap();
    let (start, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = page.split_once(&start).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let page = format!("{before}{start}\n{}\n\n{end}{after}", table.trim_end());
    std::fs::write("docs/fleet.md", page).unwrap();
}

fn store(is_shared: bool, has_lease: bool) -> &'static str {
    match (is_shared, has_lease) {
        (false, _) => "no store",
        (true, false) => "shared, no lease",
        (true, true) => "shared",
    }
}

fn network(world: &World) -> u64 {
    world.info("total_net_input_bytes") + world.info("total_net_output_bytes")
}

async fn start_all(world: &World, count: usize, is_shared: bool, has_lease: bool) -> Vec<Replica> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Replica::start(world, is_shared, has_lease).await);
    }
    all
}

async fn run_all(all: &mut [Replica], seeds: &[u64], calls: usize) -> Vec<Outcome> {
    let running = all.iter_mut().zip(seeds);
    let running = running.map(|(replica, seed)| replica.run(Order::Calls { seed: *seed, calls }));
    join_all(running).await
}

fn row(name: String, seeds: &[u64], calls: usize, outcomes: Vec<Outcome>, exchanges: usize) -> Row {
    let mut pairs = HashSet::new();
    for seed in seeds {
        let mut draws = Draws::new(*seed);
        pairs.extend((0..calls).map(|_| draws.next()));
    }
    let failed = outcomes.iter().map(|it| it.failed).sum();
    let mut latencies: Vec<u64> = outcomes.into_iter().flat_map(|it| it.latencies).collect();
    latencies.sort_unstable();
    Row {
        name,
        calls: latencies.len(),
        pairs: pairs.len(),
        exchanges,
        latencies,
        failed,
    }
}

/// In milliseconds, of sorted microseconds.
fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |micros| *micros as f64 / 1e3)
}
