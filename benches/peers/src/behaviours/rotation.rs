//! An authorization server that signs with a new key and still publishes the old one.

use std::time::Duration;

use futures_util::future::join_all;

use super::measured::Row;
use super::world::{World, seconds, user};

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn rows(worlds: &[World]) -> Vec<Row> {
    let seen = join_all(worlds.iter().map(rotate)).await;
    let cells = |cell: fn(&Seen) -> String| seen.iter().map(cell).collect();
    vec![
        Row::new(
            "rotation: the first token of the new key",
            cells(|seen| seen.first.to_owned()),
        ),
        Row::new(
            "… tokens of the new key are accepted",
            cells(|seen| seconds(seen.accepted, PATIENCE)),
        )
        .short("a rotation is seen"),
        Row::new(
            "… fetches of the key set until then",
            cells(|seen| seen.fetches.to_string()),
        ),
        Row::new(
            "… a token of the old key, still published",
            cells(|seen| seen.old.to_owned()),
        ),
    ]
}

struct Seen {
    first: &'static str,
    accepted: Option<Duration>,
    fetches: usize,
    old: &'static str,
}

async fn rotate(world: &World) -> Seen {
    let old = user(&world.idp).mint();
    let before = world.idp.jwks_requests();
    world.idp.rotate();
    let new = user(&world.idp).mint();
    let accepted = world.accepts_within(PATIENCE, &new).await;
    let passes = |passes| if passes { "passes" } else { "refused" };
    Seen {
        // `accepts_within` sends the second request after 250 ms.
        first: passes(accepted.is_some_and(|after| after < Duration::from_millis(250))),
        accepted,
        fetches: world.idp.jwks_requests() - before,
        old: passes(world.app.status(&old).await == 200),
    }
}
