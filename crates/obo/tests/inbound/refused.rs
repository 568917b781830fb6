//! Until when a caller is accepted, for work that outlives its response.

use std::time::Duration;

use futures_util::FutureExt as _;
use obo::error::TokenError;
use obo::time::{Clock, TestClock};
use obo::{Caller, Rejection, ResourceServer, Trust};
use tokio::time::{Instant, advance, timeout};

use crate::guarded::{builder_a, service_a};
use crate::issuer::FakeIssuer;

const LIFE: u64 = 300;
const LEEWAY: u64 = 60;
const AGE: u64 = 120;

struct Setup {
    server: ResourceServer,
    caller: Caller,
    wall: TestClock,
}

impl Setup {
    /// A caller whose token has the lifetime [`LIFE`], at a server with this maximum age.
    async fn new(max_age: Option<u64>) -> Self {
        let idp = FakeIssuer::new().await;
        let wall = TestClock::new(Clock::system().now());
        let trust = Trust::new(idp.known()).leeway(Duration::from_secs(LEEWAY));
        let trust = match max_age {
            Some(age) => trust.max_token_age(Duration::from_secs(age)),
            None => trust,
        };
        let server = builder_a(trust).clock(wall.clone()).build().unwrap();
        let now = wall.now().as_secs();
        let token = idp.token().claim("exp", now + LIFE).claim("iat", now);
        let caller = server.validate(&token.mint()).await.unwrap();
        Self {
            server,
            caller,
            wall,
        }
    }

    fn left(&self) -> u64 {
        let until = self.server.accepts_until(&self.caller);
        until.as_secs() - self.wall.now().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn caller_expires_at_exp_or_age() {
    for (max_age, expected) in [
        (None, LIFE + LEEWAY),
        (Some(AGE), AGE + LEEWAY),
        (Some(10 * LIFE), LIFE + LEEWAY),
    ] {
        let setup = Setup::new(max_age).await;
        assert_eq!(setup.left(), expected);
        let start = Instant::now();
        let rejection = setup.server.refused(&setup.caller).await;
        assert!(matches!(
            rejection,
            Rejection::Token(TokenError::Expired { .. })
        ));
        assert_eq!(start.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_comes_after_suspend_too() {
    let setup = Setup::new(None).await;
    let refused = setup.server.refused(&setup.caller);
    let refused = tokio::spawn(refused);
    advance(Duration::from_secs(1)).await;
    setup.wall.advance(Duration::from_secs(LIFE + LEEWAY));
    // The wall clock is read every 5 s.
    let looked = timeout(Duration::from_secs(6), refused).await;
    assert_eq!(looked.unwrap().unwrap().code(), "expired");
    let late = setup.server.refused(&setup.caller).now_or_never();
    assert!(late.is_some(), "it is refused already");
}

#[tokio::test(start_paused = true)]
async fn unknown_issuer_has_no_leeway() {
    let setup = Setup::new(None).await;
    let other = FakeIssuer::named("https://other.example").await;
    let server = service_a(other.known());
    let until = server.accepts_until(&setup.caller);
    assert_eq!(until, setup.caller.expires_at());
}
