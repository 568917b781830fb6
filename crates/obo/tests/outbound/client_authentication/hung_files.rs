//! Files whose read hangs, as on a volume of the network that does not respond: here, pipes.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use obo::client::{ClientAuth, ClientSecretPost, DpopKey};
use obo::exchange::ActorSource;
use obo::policy::Algorithm;
use obo::token::TokenType;
use obo::{Client, PrivateKeyJwt};
use obo_test_support::Log;
use obo_testkit::{TestAlg, TestKey};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{exchange, file, fresh};
use crate::dpop_tokens::call;
use crate::setup::{Setup, part};

/// Has no thread left for blocking work once two reads block one each.
fn block_on(test: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(2).build();
    runtime.unwrap().block_on(test);
}

async fn assert_thread_is_left() {
    let left = timeout(Duration::from_secs(5), spawn_blocking(|| ())).await;
    left.expect("a thread is left").unwrap();
}

/// A pipe without a writer in the place of a file, until it is dropped.
struct Hung {
    path: PathBuf,
    pipe: PathBuf,
}

impl Hung {
    fn instead_of(path: &Path) -> Self {
        let pipe = path.with_extension("pipe");
        let _ = fs::remove_file(&pipe);
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        fs::remove_file(path).unwrap();
        fs::hard_link(&pipe, path).unwrap();
        let path = path.to_owned();
        Self { path, pipe }
    }

    /// Puts a file in the place of the pipe, and ends the reads of the pipe.
    fn replace(self, content: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, &self.path).unwrap();
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        // A failed test leaves no pipe to the next run.
        if fs::metadata(&self.path).is_ok_and(|it| it.file_type().is_fifo()) {
            fs::remove_file(&self.path).unwrap();
        }
        // Opened for both, it does not wait for a reader.
        let end = OpenOptions::new().read(true).write(true).open(&self.pipe);
        drop(end.unwrap());
        fs::remove_file(&self.pipe).unwrap();
    }
}

/// Exchanges while the file hangs, and after it has its next content.
async fn check(path: &Path, auth: impl ClientAuth, setup: &Setup, renew: impl FnOnce() -> String) {
    let exchange = exchange(setup, &Client::new("service-a", auth));
    let hung = Hung::instead_of(path);
    for _ in 0..2 {
        let concurrent = [(); 4].map(|()| fresh(setup, &exchange));
        for exchanged in join_all(concurrent).await {
            exchanged.unwrap();
        }
    }
    assert_thread_is_left().await;
    hung.replace(&renew());
    fresh(setup, &exchange).await.unwrap();
}

#[test]
fn hung_secret_file_keeps_last_secret() {
    block_on(async {
        let (log, _guard) = Log::capture();
        let setup = Setup::start().await;
        setup.idp.client("service-a").secret("first");
        let path = file("hung-secret", b"first");
        let auth = ClientSecretPost::from_file(&path);
        let renew = || {
            setup.idp.client("service-a").secret("second");
            "second".to_owned()
        };
        check(&path, auth, &setup, renew).await;
        assert_eq!(setup.asked().param("client_secret"), Some("second"));
        assert_eq!(log.lines("credential not read in time").len(), 1);
    });
}

#[test]
fn hung_key_file_keeps_last_key() {
    block_on(async {
        let (log, _guard) = Log::capture();
        let setup = Setup::start().await;
        let keys = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
        let client = setup.idp.client("service-a");
        client.jwk(keys[0].public_jwk("k1"));
        let path = file("hung.pem", keys[0].private_pem().as_bytes());
        let auth = PrivateKeyJwt::from_pem_file(Algorithm::Es256, &path, Some("k1"));
        let renew = || {
            let client = setup.idp.client("service-a").without_keys();
            client.jwk(keys[1].public_jwk("k1"));
            keys[1].private_pem()
        };
        check(&path, auth, &setup, renew).await;
        let late = log.lines("client key not renewed");
        assert_eq!(
            late.iter()
                .filter(|it| it.contains("not read within"))
                .count(),
            1
        );
    });
}

#[test]
fn hung_actor_file_keeps_last_token() {
    block_on(async {
        let setup = Setup::start().await;
        let mint = || setup.idp.service("service-a").audience("service-a").mint();
        let [first, second] = [(); 2].map(|()| mint());
        let path = file("hung-actor", first.as_bytes());
        let actor = ActorSource::from_file(TokenType::ACCESS_TOKEN, &path).unwrap();
        let exchange = setup.builder().actor(actor).build().unwrap();
        let hung = Hung::instead_of(&path);
        for exchanged in join_all([(); 4].map(|()| fresh(&setup, &exchange))).await {
            exchanged.unwrap();
            assert_eq!(setup.asked().param("actor_token"), Some(&*first));
        }
        assert_thread_is_left().await;
        hung.replace(&second);
        fresh(&setup, &exchange).await.unwrap();
        assert_eq!(setup.asked().param("actor_token"), Some(&*second));
        fs::write(&path, "").unwrap();
        let error = ActorSource::from_file(TokenType::ACCESS_TOKEN, &path).unwrap_err();
        assert_eq!(error.field(), "actor");
    });
}

/// DP-23
#[test]
fn hung_dpop_file_delays_no_call() {
    block_on(async {
        let setup = Setup::start().await;
        let keys = [(); 2].map(|()| TestKey::generate(TestAlg::Es256));
        let path = file("hung-dpop.pem", keys[0].private_pem().as_bytes());
        let key = DpopKey::from_file(Algorithm::Es256, &path);
        let exchange = setup.builder().dpop(key.clone()).build().unwrap();
        let jkt = async |user: &str| {
            let token = call(&exchange, &setup.caller(user).await).await.unwrap();
            let token = token.to_str().unwrap().strip_prefix("DPoP ").unwrap();
            part(token, 1)["cnf"]["jkt"].as_str().unwrap().to_owned()
        };
        let hung = Hung::instead_of(&path);
        for user in ["alice", "bob", "carol", "dave"] {
            assert_eq!(jkt(user).await, keys[0].thumbprint());
        }
        assert_thread_is_left().await;
        hung.replace(&keys[1].private_pem());
        exchange.renew_dpop_key().await;
        assert_eq!(key.thumbprint().unwrap().to_string(), keys[1].thumbprint());
        assert_eq!(jkt("erin").await, keys[1].thumbprint());
    });
}
