//! A replica as a process: commands go to its standard input, results come from its standard
//! output.

use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::world::World;

#[derive(Deserialize, Serialize)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) redis: Option<String>,
    pub(crate) has_lease: bool,
    pub(crate) tokens: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) enum Order {
    /// Makes calls, 16 at the same time.
    Calls { seed: u64, calls: usize },
    /// Makes one call, at this time (microseconds of the wall clock).
    CallAt {
        micros: u64,
        user: usize,
        service: usize,
    },
    /// Logs users out, one after the other.
    LogOut { first: usize, users: usize },
    /// Waits until the token of a user is refused.
    AwaitRefusal { user: usize },
    /// Makes calls with this many per second, for some seconds. Half of them are of new pairs.
    Rate {
        seed: u64,
        seconds: u64,
        per_second: u64,
    },
}

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    pub(crate) failed: usize,
    /// In microseconds, in the order of the calls.
    pub(crate) latencies: Vec<u64>,
    /// When it ended, in microseconds of the wall clock.
    pub(crate) at: u64,
}

pub(crate) struct Replica {
    _child: Child,
    orders: ChildStdin,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Replica {
    pub(crate) async fn start(world: &World, is_shared: bool, has_lease: bool) -> Self {
        let settings = Settings {
            issuer: world.idp.issuer().to_owned(),
            redis: is_shared.then(|| world.redis.url()),
            has_lease,
            tokens: world.tokens.display().to_string(),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["replica", &serde_json::to_string(&settings).unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let mut outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(outcomes.next_line().await.unwrap().unwrap(), "ready");
        Self {
            _child: child,
            orders,
            outcomes,
        }
    }

    pub(crate) async fn run(&mut self, order: Order) -> Outcome {
        self.send(order).await;
        self.outcome().await
    }

    pub(crate) async fn send(&mut self, order: Order) {
        let order = serde_json::to_string(&order).unwrap() + "\n";
        self.orders.write_all(order.as_bytes()).await.unwrap();
    }

    pub(crate) async fn outcome(&mut self) -> Outcome {
        let line = self
            .outcomes
            .next_line()
            .await
            .unwrap()
            .expect("an outcome");
        serde_json::from_str(&line).unwrap()
    }
}
