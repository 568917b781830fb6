//! A proxy in a process of its own, on a core of its own.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::load::{self, Load};
use crate::world::World;

const PROXY_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// The command of a proxy, and the port on which it will listen.
pub(crate) struct Start {
    pub(crate) command: Command,
    pub(crate) port: u16,
}

pub(crate) struct Candidate {
    work: &'static str,
    name: &'static str,
    process: Child,
    port: u16,
    rounds: Vec<Round>,
}

struct Round {
    load: Load,
    /// Processor time of the proxy.
    cpu: Duration,
}

impl Candidate {
    pub(crate) async fn start(work: &'static str, name: &'static str, start: Start) -> Self {
        let Start { mut command, port } = start;
        let process = command.kill_on_drop(true).spawn().unwrap();
        pin(process.id().unwrap(), PROXY_CORE);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            work,
            name,
            process,
            port,
            rounds: Vec::new(),
        }
    }

    /// Sends each token once, so that caches have them.
    pub(crate) async fn warm(&self, world: &World) {
        load::each_once(self.port, &world.lines).await;
    }

    pub(crate) async fn round(&mut self, world: &World) {
        let before = self.cpu();
        let load = load::run(self.port, &world.lines).await;
        let cpu = self.cpu() - before;
        self.rounds.push(Round { load, cpu });
    }

    /// The processor time that the process has used: fields 14 and 15 of `/proc/PID/stat`, in
    /// hundredths of a second.
    fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.id().unwrap());
        let stat = std::fs::read_to_string(path).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(|field| field.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    pub(crate) fn row(&self) -> String {
        let of = |figure: fn(&Round) -> f64| {
            let mut figures: Vec<_> = self.rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap()
        };
        format!(
            "| {} | {} | {:.0} | {:.1} | {:.2} | {:.2} |",
            self.work,
            self.name,
            of(|round| round.load.requests as f64 / round.load.took.as_secs_f64()),
            of(|round| round.cpu.as_secs_f64() * 1e6 / round.load.requests as f64),
            of(|round| round.load.percentile(50)),
            of(|round| round.load.percentile(99)),
        )
    }
}

/// Binds a process, with all its threads, to a core.
pub(crate) fn pin(process: u32, core: &str) {
    let mut command = std::process::Command::new("taskset");
    let command = command.args([
        "--all-tasks",
        "--pid",
        "--cpu-list",
        core,
        &process.to_string(),
    ]);
    let done = command.stdout(std::process::Stdio::null()).status();
    assert!(done.expect("taskset").success(), "taskset");
}
