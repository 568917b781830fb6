//! A service that starts before its authorization server.

use std::time::Duration;

use futures_util::future::join_all;
use obo_testkit::TestAlg;

use super::measured::Row;
use super::world::{accepts_within, seconds, server, user};
use crate::peers::{self, Peer, Trust};

const DOWN: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn rows() -> Vec<Row> {
    let seen = join_all(peers::all().map(start)).await;
    let cells = |cell: fn(&[String; 3]) -> &String| seen.iter().map(cell).cloned().collect();
    vec![
        Row::new(
            "authorization server down at startup: the service",
            cells(|seen| &seen[0]),
        ),
        Row::new(
            "… status for a valid token meanwhile",
            cells(|seen| &seen[1]),
        ),
        Row::new(
            "… server back after 3 s of requests: valid tokens are accepted",
            cells(|seen| &seen[2]),
        )
        .short("started before its authorization server: recovers"),
    ]
}

async fn start(peer: Peer) -> [String; 3] {
    let idp = server().await;
    let token = user(&idp).mint();
    idp.stop();
    let app = match (peer.protect)(Trust::new(&idp, TestAlg::Es256)).await {
        Ok(app) => app,
        Err(error) => return [format!("fails: {error}"), "–".to_owned(), "–".to_owned()],
    };
    let meanwhile = app.status(&token).await;
    accepts_within(&app, DOWN, &token).await;
    idp.resume().await;
    let accepted = accepts_within(&app, PATIENCE, &token).await;
    [
        "starts".to_owned(),
        meanwhile.to_string(),
        seconds(accepted, PATIENCE),
    ]
}
