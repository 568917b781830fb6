//! A thousand tokens with forged `kid`s, 32 at a time; then a new key.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use super::measured::Row;
use super::world::{World, seconds, user};

const REQUESTS: usize = 1_000;
const CONCURRENCY: usize = 32;
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) async fn rows(worlds: &[World]) -> Vec<Row> {
    let mut fetches = Vec::new();
    for world in worlds {
        fetches.push(storm(world).await.to_string());
    }
    let after = join_all(worlds.iter().map(rotated)).await;
    vec![
        Row::new(
            "1,000 forged `kid`s, 32 at a time: fetches of the key set",
            fetches,
        )
        .short("key set fetches for 1,000 forged `kid`s"),
        Row::new("… a rotation right after that is seen", after),
    ]
}

async fn storm(world: &World) -> usize {
    let forged = |i: usize| user(&world.idp).kid(Some(&format!("forged-{i:04}"))).mint();
    let tokens: Vec<_> = (0..REQUESTS).map(forged).collect();
    let before = world.idp.jwks_requests();
    let statuses = stream::iter(&tokens)
        .map(|token| world.app.status(token))
        .buffer_unordered(CONCURRENCY);
    let passed = statuses
        .filter(|status| std::future::ready(*status == 200))
        .count()
        .await;
    assert_eq!(passed, 0, "{} accepts unknown keys", world.peer.name);
    world.idp.jwks_requests() - before
}

async fn rotated(world: &World) -> String {
    world.idp.rotate();
    let token = user(&world.idp).mint();
    seconds(world.accepts_within(PATIENCE, &token).await, PATIENCE)
}
