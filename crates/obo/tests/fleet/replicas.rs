//! An authorization server, and replicas of `service-a` that share a store.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::client::DpopKey;
use obo::exchange::TokenExchangeBuilder;
use obo::fleet::{Fleet, FleetBuilder, KeyRing, Revoked, RingKey};
use obo::time::{Clock, UnixTime};
use obo::{
    Caller, Client, ClientSecretBasic, ExchangeError, Issuer, Profile, Rejection, ResourceServer,
    Secret, TokenExchange, Trust,
};
use obo_testkit::{TestAlg, TestIdp};

use crate::watched_store::WatchedStore;

const SECRET: &str = "the-secret-of-service-a";

pub(crate) struct Replicas {
    pub(crate) idp: TestIdp,
    pub(crate) store: WatchedStore,
}

#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) fleet: Fleet,
    pub(crate) server: ResourceServer,
    pub(crate) exchange: TokenExchange,
}

/// A ring of keys whose secrets follow from their ids.
pub(crate) fn ring(ids: &[&str]) -> KeyRing {
    let keys = ids.iter().map(|id| {
        let mut secret = [7; 32];
        for (to, from) in secret.iter_mut().zip(id.bytes()) {
            *to = from;
        }
        let text = Secret::new(URL_SAFE_NO_PAD.encode(secret));
        RingKey::parse(id, &text).unwrap()
    });
    KeyRing::new(keys).unwrap()
}

/// Lets tasks in the background run until they wait.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

impl Replicas {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        idp.client("service-a")
            .secret(SECRET)
            .may_exchange_to("service-b");
        let store = WatchedStore::default();
        Self { idp, store }
    }

    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::new(self.idp.issuer()).unwrap()
    }

    pub(crate) fn one(&self) -> Replica {
        self.with(Fleet::builder().store(self.store.clone(), ring(&["k1"])))
    }

    pub(crate) fn with(&self, fleet: FleetBuilder) -> Replica {
        self.bound(fleet, None)
    }

    /// A replica that can bind tokens to this key.
    pub(crate) fn bound(&self, fleet: FleetBuilder, key: Option<DpopKey>) -> Replica {
        self.set(fleet, |it| key.into_iter().fold(it, |it, key| it.dpop(key)))
    }

    /// A replica whose tokens are bound to the certificate with this thumbprint.
    pub(crate) fn certified(&self, fleet: FleetBuilder, thumbprint: [u8; 32]) -> Replica {
        self.set(fleet, |it| {
            it.bound_to_certificate(move || thumbprint)
                .danger_unchecked_binding()
        })
    }

    fn set(
        &self,
        fleet: FleetBuilder,
        set: impl FnOnce(TokenExchangeBuilder) -> TokenExchangeBuilder,
    ) -> Replica {
        let fleet = fleet.build().unwrap();
        let trust = Trust::new(self.issuer()).profile(Profile::LENIENT);
        let server = ResourceServer::builder("service-a").trust(trust);
        let client = Client::new("service-a", ClientSecretBasic::new(SECRET));
        let exchange = set(TokenExchange::builder(self.issuer(), client));
        Replica {
            server: server.fleet(fleet.clone()).build().unwrap(),
            exchange: exchange.fleet(fleet.clone()).build().unwrap(),
            fleet,
        }
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.idp.user(user).audience("service-a").mint()
    }

    /// A token that was issued some seconds ago, in this session.
    pub(crate) fn older(&self, user: &str, seconds: u64, session: &str) -> String {
        let issued = now().as_secs() - seconds;
        let token = self.idp.user(user).audience("service-a");
        token.claim("iat", issued).claim("sid", session).mint()
    }
}

impl Replica {
    pub(crate) async fn caller(&self, token: &str) -> Caller {
        self.server.validate(token).await.unwrap()
    }

    pub(crate) async fn refused(&self, token: &str) -> Option<Rejection> {
        self.server.validate(token).await.err()
    }

    /// The token for ServiceB.
    pub(crate) async fn token(&self, caller: &Caller) -> Result<String, ExchangeError> {
        let exchanged = self.exchange.token(caller, "service-b").await?;
        // It is shared in the background.
        settle().await;
        Ok(exchanged.token().expose().to_owned())
    }

    pub(crate) async fn log_out(&self, issuer: &Issuer, user: &str) {
        let user = Revoked::Subject(user.to_owned());
        self.fleet.revoke(issuer, user, now()).await.unwrap();
        settle().await;
    }
}

pub(crate) fn now() -> UnixTime {
    Clock::system().now()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
