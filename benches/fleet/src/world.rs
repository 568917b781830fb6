//! The authorization server, the store, and the tokens of the users.

use std::path::PathBuf;

use obo_test_support::RedisServer;
use obo_testkit::{TestAlg, TestIdp};

use crate::{SERVICES, USERS};

pub(crate) const SECRET: &str = "the-secret-of-service-a";

pub(crate) struct World {
    pub(crate) idp: TestIdp,
    pub(crate) redis: RedisServer,
    /// One token per line.
    pub(crate) tokens: PathBuf,
}

pub(crate) fn service(number: usize) -> String {
    format!("service-{number}")
}

impl World {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        idp.set_token_lifetime(3600);
        let client = idp.client("service-a").secret(SECRET);
        (0..SERVICES).fold(client, |client, number| {
            client.may_exchange_to(&service(number))
        });
        let redis = RedisServer::start().expect("redis-server");
        let tokens = redis.folder().join("tokens");
        let lines = (0..USERS).map(|user| {
            let token = idp.user(&format!("user-{user}")).audience("service-a");
            let token = token.claim("exp", now() + 7200).claim("iat", now() - 5);
            token.mint()
        });
        std::fs::write(&tokens, lines.collect::<Vec<_>>().join("\n")).unwrap();
        Self { idp, redis, tokens }
    }

    /// A value of `INFO`.
    pub(crate) fn info(&self, name: &str) -> u64 {
        let info = self.redis.command(&["INFO"]);
        let line = info
            .lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.parse().ok())
            .unwrap_or_default()
    }

    pub(crate) fn empty_store(&self) {
        self.redis.command(&["FLUSHALL"]);
    }
}

fn now() -> u64 {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    time.unwrap().as_secs()
}
