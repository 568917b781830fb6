use std::time::{Duration, Instant};

use futures_util::future::join_all;
use obo_testkit::{TestAlg, TestIdp, TokenBuilder};

use crate::app::App;
use crate::peers::{self, AUDIENCE, Peer, SCOPE, Trust};

/// A peer with its own authorization server.
pub(super) struct World {
    pub(super) peer: Peer,
    pub(super) idp: TestIdp,
    pub(super) app: App,
}

impl World {
    /// Returns one for each peer when all of them accept tokens.
    pub(super) async fn each() -> Vec<Self> {
        join_all(peers::all().map(Self::new)).await
    }

    async fn new(peer: Peer) -> Self {
        let idp = server().await;
        let app = (peer.protect)(Trust::new(&idp, TestAlg::Es256))
            .await
            .unwrap();
        let world = Self { peer, idp, app };
        let token = user(&world.idp).mint();
        let accepted = world.accepts_within(Duration::from_secs(20), &token).await;
        accepted.unwrap_or_else(|| panic!("{} rejects a valid token", peer.name));
        world
    }

    /// The time until the token is accepted. A request is sent four times a second.
    pub(super) async fn accepts_within(&self, most: Duration, token: &str) -> Option<Duration> {
        accepts_within(&self.app, most, token).await
    }
}

pub(super) async fn accepts_within(app: &App, most: Duration, token: &str) -> Option<Duration> {
    responds_within(app, most, token, 200).await
}

pub(super) async fn responds_within(
    app: &App,
    most: Duration,
    token: &str,
    status: u16,
) -> Option<Duration> {
    let started = Instant::now();
    while app.status(token).await != status {
        if started.elapsed() > most {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Some(started.elapsed())
}

pub(super) async fn server() -> TestIdp {
    TestIdp::builder().signing(TestAlg::Es256).start().await
}

/// A valid token that does not expire before the program ends.
pub(super) fn user(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice")
        .audience(AUDIENCE)
        .scope(SCOPE)
        .expires_in(3600)
}

/// Such as `0.25 s`.
pub(super) fn seconds(time: Option<Duration>, most: Duration) -> String {
    match time {
        Some(time) if time < Duration::from_millis(100) => "at once".to_owned(),
        Some(time) => format!("after {:.1} s", time.as_secs_f64()),
        None => format!("not within {} s", most.as_secs()),
    }
}
