use std::time::Duration;

use obo::fleet::Fleet;
use obo::time::TestClock;
use obo::{Client, ClientSecretBasic, Introspection, ResourceServer, Trust};
use obo_testkit::Endpoint;

use crate::replicas::{Replicas, now, ring, settle};

struct Introspecting {
    replicas: Replicas,
    wall: TestClock,
}

impl Introspecting {
    async fn start() -> Self {
        Self {
            replicas: Replicas::start().await,
            wall: TestClock::new(now()),
        }
    }

    fn server(&self, max_age: u64) -> (ResourceServer, Fleet) {
        let client = Client::new(
            "service-a",
            ClientSecretBasic::new("the-secret-of-service-a"),
        );
        let introspection = Introspection::new(client).max_age(Duration::from_secs(max_age));
        let trust = Trust::new(self.replicas.issuer())
            .profile(obo::Profile::LENIENT)
            .introspect(introspection);
        let fleet = Fleet::builder()
            .store(self.replicas.store.clone(), ring(&["k1"]))
            .clock(self.wall.clone())
            .build()
            .unwrap();
        let server = ResourceServer::builder("service-a")
            .trust(trust)
            .clock(self.wall.clone())
            .fleet(fleet.clone());
        (server.build().unwrap(), fleet)
    }

    fn requests(&self) -> usize {
        let requests = self.replicas.idp.requests();
        let of = |endpoint| move |it: &&obo_testkit::Recorded| it.endpoint == Some(endpoint);
        requests.iter().filter(of(Endpoint::Introspection)).count()
    }
}

#[tokio::test]
async fn age_counts_from_first_response() {
    let setup = Introspecting::start().await;
    let token = setup
        .replicas
        .idp
        .user("alice")
        .audience("service-a")
        .mint_opaque();
    let (one, _) = setup.server(60);
    assert_eq!(one.validate(&token).await.unwrap().subject(), "alice");
    settle().await;
    setup.wall.advance(Duration::from_secs(40));
    let (other, _) = setup.server(60);
    assert_eq!(other.validate(&token).await.unwrap().subject(), "alice");
    assert_eq!(setup.requests(), 1);
    setup.wall.advance(Duration::from_secs(20));
    other.validate(&token).await.unwrap();
    assert_eq!(setup.requests(), 2);
}

#[tokio::test]
async fn shorter_age_and_zero_are_kept() {
    let setup = Introspecting::start().await;
    let token = setup
        .replicas
        .idp
        .user("alice")
        .audience("service-a")
        .mint_opaque();
    let (one, _) = setup.server(60);
    one.validate(&token).await.unwrap();
    settle().await;
    setup.wall.advance(Duration::from_secs(10));
    let (short, _) = setup.server(10);
    short.validate(&token).await.unwrap();
    let (never, _) = setup.server(0);
    never.validate(&token).await.unwrap();
    assert_eq!(setup.requests(), 3);
}

#[tokio::test]
async fn inactive_tokens_are_not_shared() {
    let setup = Introspecting::start().await;
    let (one, _) = setup.server(60);
    let (other, _) = setup.server(60);
    one.validate("no-token-of-this-server").await.unwrap_err();
    settle().await;
    other.validate("no-token-of-this-server").await.unwrap_err();
    assert_eq!(setup.requests(), 2);
}

#[tokio::test]
async fn logout_is_newer_than_a_response() {
    let setup = Introspecting::start().await;
    let token = setup
        .replicas
        .idp
        .user("alice")
        .audience("service-a")
        .without("iat")
        .mint_opaque();
    let (one, fleet) = setup.server(60);
    let (other, _) = setup.server(60);
    one.validate(&token).await.unwrap();
    settle().await;
    other.validate(&token).await.unwrap();
    assert_eq!(setup.requests(), 1);
    let alice = obo::fleet::Revoked::Subject("alice".to_owned());
    fleet
        .revoke(&setup.replicas.issuer(), alice, setup.wall.now())
        .await
        .unwrap();
    settle().await;
    // The issuer still says that the token is active, and it does not say since when.
    setup.wall.advance(Duration::from_secs(2));
    other.validate(&token).await.unwrap();
    assert_eq!(setup.requests(), 2);
}
