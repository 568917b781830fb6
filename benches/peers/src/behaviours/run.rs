use std::time::Duration;

use futures_util::future::join;

use super::measured::Behaviours;
use super::world::World;
use super::{hang, odd_keys, refusals, renewal, rotation, start, storm};
use crate::peers;

/// The age of the key sets when a row begins. It is longer than any peer's pause after a fetch.
const AGE: Duration = Duration::from_secs(65);

/// Takes about six minutes, most of it waiting.
pub(crate) async fn run() -> Behaviours {
    let (mut behaviours, renewal) = join(sudden(), renewal::rows()).await;
    behaviours.rows.extend(renewal);
    behaviours
}

/// All rows except `renewal`, which waits for minutes.
async fn sudden() -> Behaviours {
    let mut deviations = vec![Vec::new(); peers::all().len()];
    let stormed = World::each().await;
    let hanging = World::each().await;
    let rotated = World::each().await;
    let (_, started) = join(tokio::time::sleep(AGE), start::rows()).await;
    let mut rows = storm::rows(&stormed).await;
    rows.extend(hang::rows(&hanging).await);
    rows.extend(rotation::rows(&rotated).await);
    rows.extend(started);
    rows.extend(odd_keys::rows(&mut deviations).await);
    rows.extend(refusals::rows(&mut deviations).await);
    Behaviours { rows, deviations }
}
