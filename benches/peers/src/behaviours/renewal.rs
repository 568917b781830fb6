//! Changes of the key set without a new `kid`. A peer sees them only if it fetches the set
//! periodically.

use std::time::Duration;

use futures_util::future::{join, join_all};
use obo_testkit::{TestAlg, TestKey};
use serde_json::json;

use super::measured::Row;
use super::world::{World, responds_within, seconds, user};

/// Longer than five minutes, a common lifetime of cached keys.
const PATIENCE: Duration = Duration::from_secs(330);

pub(super) async fn rows() -> Vec<Row> {
    let (withdrawn, replaced) = (World::each().await, World::each().await);
    let (withdrawn, replaced) = join(
        join_all(withdrawn.iter().map(withdraw)),
        join_all(replaced.iter().map(replace)),
    )
    .await;
    vec![
        Row::new("a key is withdrawn: its tokens are refused", withdrawn),
        Row::new(
            "a key is replaced under its `kid`: new tokens are accepted",
            replaced,
        ),
    ]
}

async fn withdraw(world: &World) -> String {
    let token = user(&world.idp).mint();
    let old = world.idp.kid();
    world.idp.rotate();
    world.idp.withdraw(&old);
    seconds(
        responds_within(&world.app, PATIENCE, &token, 401).await,
        PATIENCE,
    )
}

async fn replace(world: &World) -> String {
    let key = TestKey::generate(TestAlg::Es256);
    let keys = json!({ "keys": [key.public_jwk(&world.idp.kid())] });
    world.idp.replace_jwks(Some(keys.to_string()));
    let token = user(&world.idp).sign_with(&key).mint();
    seconds(world.accepts_within(PATIENCE, &token).await, PATIENCE)
}
