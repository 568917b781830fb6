//! Two gateways with one store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use obo::Secret;
use obo::fleet::{
    Announce, Fleet, InProcess, KeyRing, Page, RingKey, Store, StoreFuture, StoreKey,
};
use obo_config::Setup;
use obo_gateway::{Config, Gateway};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};

use crate::bound::{ACCEPT, BASE, assert_refused, get, serve};
use crate::world::Got;

/// The store of several fleets.
#[derive(Clone, Debug)]
struct Shared(Arc<InProcess>);

impl Store for Shared {
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>> {
        self.0.get(names)
    }

    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()> {
        self.0.put(name, value, lifetime)
    }

    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool> {
        self.0.take(names, lifetime)
    }

    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()> {
        self.0.remove(names)
    }

    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool> {
        self.0.append(record, once, retention)
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page> {
        self.0.read(after)
    }

    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()> {
        self.0.watch(announce)
    }
}

/// Gateways with one store, and a caller of both.
struct Replicas {
    idp: TestIdp,
    store: Shared,
    key: TestKey,
    token: String,
}

impl Replicas {
    async fn start() -> Self {
        let (idp, key) = (TestIdp::start().await, TestKey::generate(TestAlg::Es256));
        let token = idp.user("alice").audience("service-a").bound_to(&key);
        Self {
            store: Shared(Arc::new(InProcess::new())),
            token: token.mint(),
            idp,
            key,
        }
    }

    /// A gateway with the key ring of this letter.
    async fn gateway(&self, binding: &str, letter: &str) -> SocketAddr {
        let file = format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
             issuers = [{{ issuer = \"{}\" }}]\n[[routes]]\npath = \"/a\"\n\
             [binding]\n{ACCEPT}\n{binding}",
            self.idp.issuer()
        );
        let ring = RingKey::parse("k1", &Secret::new(letter.repeat(43))).unwrap();
        let fleet = Fleet::builder().store(self.store.clone(), KeyRing::new([ring]).unwrap());
        let setup = Setup::new().fleet(fleet.build().unwrap());
        let gateway = Gateway::start_with(Config::parse(&file).unwrap(), setup);
        serve(gateway.await.unwrap()).await
    }

    fn proof(&self) -> TestProof {
        TestProof::new(&self.key, "GET", &format!("{BASE}/a")).token(&self.token)
    }

    async fn send(&self, at: SocketAddr, proof: &str) -> Got {
        get(at, "/a", ("DPoP", &self.token), Some(proof)).await
    }
}

/// DP-12
#[tokio::test]
async fn used_proof_is_refused_elsewhere() {
    let replicas = Replicas::start().await;
    let one = replicas.gateway("", "A").await;
    let other = replicas.gateway("", "A").await;
    for (first, second) in [(one, other), (other, one)] {
        let proof = replicas.proof().make();
        assert_eq!(replicas.send(first, &proof).await.status, 200);
        for at in [second, first] {
            let got = replicas.send(at, &proof).await;
            assert_refused(&got, "invalid_dpop_proof", "used");
        }
    }
    // What is refused is not used.
    let proof = replicas.proof();
    let stranger = TestKey::generate(TestAlg::Es256);
    let forged = proof.clone().sign_with(&stranger).make();
    assert_eq!(replicas.send(one, &forged).await.status, 401);
    assert_eq!(replicas.send(other, &proof.make()).await.status, 200);
}

/// DP-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_uses_pass_once() {
    let replicas = Replicas::start().await;
    let both = [
        replicas.gateway("", "A").await,
        replicas.gateway("", "A").await,
    ];
    for _ in 0..5 {
        let proof = replicas.proof().make();
        let sent = (0..12).map(|i| replicas.send(both[i % 2], &proof));
        let got = join_all(sent).await;
        let passed = got.iter().filter(|got| got.status == 200).count();
        assert_eq!(passed, 1);
        for got in got.iter().filter(|got| got.status != 200) {
            assert_refused(got, "invalid_dpop_proof", "used");
        }
    }
}

/// DP-16
#[tokio::test]
async fn nonce_is_good_at_every_replica() {
    let replicas = Replicas::start().await;
    let nonces = "nonce = true";
    let one = replicas.gateway(nonces, "A").await;
    let other = replicas.gateway(nonces, "A").await;
    let foreign = replicas.gateway(nonces, "E").await;
    for (from, to) in [(one, other), (other, one)] {
        let demanded = replicas.send(from, &replicas.proof().make()).await;
        assert_refused(&demanded, "use_dpop_nonce", "no nonce");
        let proof = replicas.proof().nonce(demanded.field("dpop-nonce"));
        let refused = replicas.send(foreign, &proof.make()).await;
        assert_refused(&refused, "use_dpop_nonce", "a nonce of another key ring");
        let proof = proof.make();
        assert_eq!(replicas.send(to, &proof).await.status, 200);
        let got = replicas.send(from, &proof).await;
        assert_refused(&got, "invalid_dpop_proof", "used");
    }
}
