//! A key endpoint that takes two seconds, and a token with an unknown `kid` that causes a fetch.

use std::time::{Duration, Instant};

use futures_util::future::join;
use obo_testkit::{Endpoint, Fault};

use super::measured::Row;
use super::world::{World, user};

const DELAY: Duration = Duration::from_secs(2);
/// How long valid tokens are sent meanwhile.
const WATCHED: Duration = Duration::from_secs(1);

pub(super) async fn rows(worlds: &[World]) -> Vec<Row> {
    let mut seen = Vec::new();
    for world in worlds {
        seen.push(hang(world).await);
    }
    let cells = |cell: fn(&Seen) -> String| seen.iter().map(cell).collect();
    vec![
        Row::new(
            "key endpoint takes 2 s and an unknown `kid` waits for it: slowest valid request meanwhile",
            cells(|seen| milliseconds(seen.slowest)),
        )
        .short("slowest valid request while a key fetch hangs for 2 s"),
        Row::new(
            "… valid requests refused",
            cells(|seen| seen.refused.to_string()),
        ),
        Row::new(
            "… the unknown `kid` itself",
            cells(|seen| {
                let fetch = if seen.has_fetched { "" } else { ", no fetch" };
                format!("{} after {}{fetch}", seen.status, milliseconds(seen.waited))
            }),
        ),
    ]
}

struct Seen {
    slowest: Duration,
    refused: usize,
    status: u16,
    waited: Duration,
    has_fetched: bool,
}

async fn hang(world: &World) -> Seen {
    let known = user(&world.idp).mint();
    let unknown = user(&world.idp).kid(Some("unknown")).mint();
    world.idp.fault(Endpoint::Jwks, Fault::Delay(DELAY));
    let before = world.idp.jwks_requests();
    let unknown = async {
        let started = Instant::now();
        (world.app.status(&unknown).await, started.elapsed())
    };
    let valid = async {
        let fetch = world.idp.wait_for_requests(Endpoint::Jwks, before + 1);
        let fetch = tokio::time::timeout(Duration::from_millis(500), fetch).await;
        let (mut slowest, mut refused) = (Duration::ZERO, 0);
        let started = Instant::now();
        while started.elapsed() < WATCHED {
            let sent = Instant::now();
            refused += usize::from(world.app.status(&known).await != 200);
            slowest = slowest.max(sent.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (slowest, refused, fetch.is_ok())
    };
    let ((status, waited), (slowest, refused, has_fetched)) = join(unknown, valid).await;
    world.idp.heal();
    Seen {
        slowest,
        refused,
        status,
        waited,
        has_fetched,
    }
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    match milliseconds {
        0.0..10.0 => format!("{milliseconds:.1} ms"),
        _ => format!("{milliseconds:.0} ms"),
    }
}
