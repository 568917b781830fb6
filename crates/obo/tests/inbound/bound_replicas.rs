//! Used proofs and nonces of several replicas.

use std::time::Duration;

use obo::fleet::{Fleet, InProcess, KeyRing, RingKey};
use obo::{BearerAuthLayer, ResourceServer, Secret};

use crate::bound_tokens::{Bound, assert_refused, dpop, good, request};
use crate::guarded::Guarded;

/// DP-12
#[tokio::test]
async fn replicas_share_used_proofs() {
    let bound = Bound::start().await;
    let store = std::sync::Arc::new(InProcess::new());
    let replica = || {
        let ring = RingKey::parse("k1", &Secret::new("A".repeat(43))).unwrap();
        let fleet = Fleet::builder().store(Shared(store.clone()), KeyRing::new([ring]).unwrap());
        let server = ResourceServer::builder("service-a").trust(bound.idp.issuer());
        let server = server.bound_tokens(dpop()).clock(bound.wall.clone());
        let server = server.fleet(fleet.build().unwrap()).build().unwrap();
        Guarded::new(BearerAuthLayer::new(server))
    };
    let (one, other, token) = (replica(), replica(), bound.bound());
    let sent = good(bound.proof(&token, "jti", |_| {}));
    assert_eq!(one.send(request(&token, &sent)).await.status(), 200);
    let replayed = other.send(request(&token, &sent)).await;
    assert_refused(
        &replayed,
        "invalid_dpop_proof",
        "a replay at another replica",
    );
}

/// The same store for several fleets.
#[derive(Debug)]
struct Shared(std::sync::Arc<InProcess>);

impl obo::fleet::Store for Shared {
    fn get<'s>(
        &'s self,
        names: &'s [obo::fleet::StoreKey],
    ) -> obo::fleet::StoreFuture<'s, Vec<Option<bytes::Bytes>>> {
        self.0.get(names)
    }

    fn put<'s>(
        &'s self,
        name: &'s obo::fleet::StoreKey,
        value: bytes::Bytes,
        lifetime: Duration,
    ) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.put(name, value, lifetime)
    }

    fn take<'s>(
        &'s self,
        names: &'s [obo::fleet::StoreKey],
        lifetime: Duration,
    ) -> obo::fleet::StoreFuture<'s, bool> {
        self.0.take(names, lifetime)
    }

    fn remove<'s>(&'s self, names: &'s [obo::fleet::StoreKey]) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.remove(names)
    }

    fn append<'s>(
        &'s self,
        record: bytes::Bytes,
        once: &'s [obo::fleet::StoreKey],
        retention: Duration,
    ) -> obo::fleet::StoreFuture<'s, bool> {
        self.0.append(record, once, retention)
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> obo::fleet::StoreFuture<'s, obo::fleet::Page> {
        self.0.read(after)
    }

    fn watch<'s>(&'s self, announce: obo::fleet::Announce<'s>) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.watch(announce)
    }
}
