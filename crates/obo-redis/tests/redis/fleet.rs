//! Replicas of a service that share a real store.

use std::fs;
use std::sync::Arc;

use obo::error::TokenError;
use obo::fleet::{Fleet, Revoked, StoreKey};
use obo::time::Clock;
use obo::{
    Client, ClientSecretBasic, Issuer, Profile, Rejection, ResourceServer, TokenExchange, Trust,
};
use obo_redis::RedisStore;
use obo_test_support::{RedisCluster, RedisServer, eventually};
use obo_testkit::{TestAlg, TestIdp};

use crate::contract::MINUTE;
use crate::names::ring;

const SECRET: &str = "the-secret-of-service-a";

struct World {
    idp: TestIdp,
    store: Arc<dyn Fn() -> RedisStore>,
}

struct Replica {
    fleet: Fleet,
    server: ResourceServer,
    exchange: TokenExchange,
}

impl World {
    async fn of(store: impl Fn() -> RedisStore + 'static) -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        let client = idp.client("service-a");
        client.secret(SECRET).may_exchange_to("service-b");
        let store = Arc::new(store);
        Self { idp, store }
    }

    async fn server(server: &RedisServer) -> Self {
        let url = server.url();
        Self::of(move || RedisStore::new(&url).unwrap()).await
    }

    fn issuer(&self) -> Issuer {
        Issuer::new(self.idp.issuer()).unwrap()
    }

    async fn replica(&self) -> Replica {
        let fleet = Fleet::builder().store((self.store)(), ring());
        let fleet = fleet.build().unwrap();
        fleet.start().await.unwrap();
        let trust = Trust::new(self.issuer()).profile(Profile::LENIENT);
        let server = ResourceServer::builder("service-a").trust(trust);
        let client = Client::new("service-a", ClientSecretBasic::new(SECRET));
        let exchange = TokenExchange::builder(self.issuer(), client);
        Replica {
            server: server.fleet(fleet.clone()).build().unwrap(),
            exchange: exchange.fleet(fleet.clone()).build().unwrap(),
            fleet,
        }
    }

    fn token(&self, user: &str) -> String {
        let issued = Clock::system().now().as_secs() - 5;
        let token = self.idp.user(user).audience("service-a");
        token.claim("iat", issued).mint()
    }

    async fn log_out(&self, replica: &Replica, user: &str) {
        let user = Revoked::Subject(user.to_owned());
        let (issuer, until) = (self.issuer(), Clock::system().now());
        let revoke = replica.fleet.revoke(&issuer, user, until);
        revoke.await.unwrap();
    }
}

impl Replica {
    /// The token for ServiceB.
    async fn exchanged(&self, token: &str) -> String {
        let caller = self.server.validate(token).await.unwrap();
        let exchanged = self.exchange.token(&caller, "service-b").await.unwrap();
        exchanged.token().expose().to_owned()
    }

    /// Waits until the token is refused as revoked.
    async fn refuses(&self, token: &str) {
        let is_refused = async || match self.server.validate(token).await.map(drop) {
            Err(Rejection::Token(TokenError::Revoked)) => true,
            other => {
                other.unwrap();
                false
            }
        };
        eventually("a refusal of a revoked token", is_refused).await;
    }
}

/// Waits until another replica uses the token that this one has exchanged.
async fn shares(world: &World, one: &Replica, other: &Replica) {
    let mut number = 0;
    eventually("a shared token", async || {
        number += 1;
        let token = world.token(&format!("user-{number}"));
        let first = one.exchanged(&token).await;
        // It is written in the background.
        tokio::task::yield_now().await;
        first == other.exchanged(&token).await
    })
    .await;
}

async fn tokens_and_logouts_are_shared(world: World) {
    let (one, other) = (world.replica().await, world.replica().await);
    shares(&world, &one, &other).await;
    let (alice, bob) = (world.token("alice"), world.token("bob"));
    one.exchanged(&alice).await;
    world.log_out(&one, "alice").await;
    one.refuses(&alice).await;
    other.refuses(&alice).await;
    other.exchanged(&bob).await;
    let later = world.replica().await;
    assert!(later.server.validate(&alice).await.is_err());
}

#[tokio::test]
async fn replicas_share_through_a_server() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    tokens_and_logouts_are_shared(World::server(&server).await).await;
}

#[tokio::test]
async fn replicas_share_through_a_cluster() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let urls = cluster.urls();
    let store = move || RedisStore::cluster(&urls).unwrap();
    tokens_and_logouts_are_shared(World::of(store).await).await;
}

#[tokio::test]
async fn lost_announcement_costs_seconds() {
    // It cannot announce.
    let Some(server) = RedisServer::start_with(&["--rename-command", "PUBLISH", ""]) else {
        return;
    };
    let world = World::server(&server).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let alice = world.token("alice");
    other.exchanged(&alice).await;
    world.log_out(&one, "alice").await;
    other.refuses(&alice).await;
}

#[tokio::test]
async fn lost_server_fails_no_call() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let world = World::server(&server).await;
    let (one, other) = (world.replica().await, world.replica().await);
    shares(&world, &one, &other).await;
    for pause in [true, false] {
        match pause {
            true => server.pause(),
            false => server.stop(),
        }
        for user in 0..20 {
            one.exchanged(&world.token(&format!("{pause}-{user}")))
                .await;
        }
        match pause {
            true => server.resume(),
            false => server.restart(),
        }
        shares(&world, &one, &other).await;
    }
}

#[tokio::test]
async fn dump_shows_neither_subject_nor_token() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let world = World::server(&server).await;
    let (one, other) = (world.replica().await, world.replica().await);
    shares(&world, &one, &other).await;
    let alice = world.token("alice");
    let exchanged = one.exchanged(&alice).await;
    world.log_out(&one, "alice").await;
    let jti = "an-identifier-used-once";
    assert!(
        one.fleet
            .take_once("scope-of-it", jti, MINUTE)
            .await
            .unwrap()
    );
    assert!(
        !other
            .fleet
            .take_once("scope-of-it", jti, MINUTE)
            .await
            .unwrap()
    );

    assert_eq!(server.command(&["SAVE"]), "OK");
    let dump = fs::read(server.folder().join("dump.rdb")).unwrap();
    let has = |text: &str| dump.windows(text.len()).any(|part| part == text.as_bytes());
    for kind in [":marks", ":t:", ":r:"] {
        assert!(has(kind), "it has values of all kinds");
    }
    let parts = [&alice, &exchanged]
        .into_iter()
        .flat_map(|token| token.split('.'));
    for part in parts {
        assert!(!has(&part[..20]), "{part}");
    }
    let issuer = world.idp.issuer();
    for text in [
        issuer,
        "127.0.0.1",
        "alice",
        "user-",
        "service-",
        jti,
        "scope-of",
        SECRET,
        "eyJ",
    ] {
        assert!(!has(text), "{text}");
    }
    crate::contract::assert_all_expire(&server);
}

#[tokio::test]
async fn flushed_logout_is_written_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let world = World::server(&server).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let token = world.token("alice");
    world.log_out(&one, "alice").await;
    other.refuses(&token).await;
    server.command(&["FLUSHALL"]);
    let is_written = async || server.command(&["XLEN", StoreKey::log().as_str()]) != "0";
    eventually("the logout in the log", is_written).await;
    drop((one, other));
    let later = world.replica().await;
    later.refuses(&token).await;
}
