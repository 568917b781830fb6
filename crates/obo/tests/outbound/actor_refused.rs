//! The authorization server refuses the acting service's own token, which a user cannot fix.

use std::collections::HashSet;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::{ActorSource, TokenExchangeBuilder};
use obo::token::{ActorToken, TokenType};
use obo::{Caller, Secret, TokenExchange};
use serde_json::{Value, json};

use crate::setup::{Setup, assert_answer, audience};
use crate::stub::{Reply, Stub, issued, json};

/// A server that numbers its client's own tokens `own-1`, `own-2`, … and accepts some of them and
/// some users.
#[derive(Clone)]
struct Server(Arc<Mutex<State>>);

struct State {
    own: usize,
    exchanges: usize,
    accepts: fn(&str) -> bool,
    /// Subject tokens that are not accepted.
    ended: HashSet<String>,
    error: Value,
}

impl Server {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            own: 0,
            exchanges: 0,
            accepts: |_| true,
            ended: HashSet::new(),
            error: json!({ "error": "invalid_request" }),
        })))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn accepts(&self, accepts: fn(&str) -> bool) {
        self.change(|state| state.accepts = accepts);
    }

    fn end(&self, user: &Caller) {
        let token = user.subject_token().expose().to_owned();
        self.change(|state| state.ended.extend([token]));
    }

    /// How many own tokens and how many exchanges were requested.
    fn counts(&self) -> (usize, usize) {
        let state = self.0.lock().unwrap();
        (state.own, state.exchanges)
    }

    fn reply(&self, form: &[(String, String)]) -> Reply {
        let param = |name: &str| {
            let pair = form.iter().find(|(known, _)| known == name);
            pair.map(|(_, value)| value.as_str())
        };
        let mut state = self.0.lock().unwrap();
        let Some(subject) = param("subject_token") else {
            state.own += 1;
            return issued(&format!("own-{}", state.own), json!({ "expires_in": 3600 }));
        };
        state.exchanges += 1;
        let actor = param("actor_token").unwrap();
        match (state.accepts)(actor) && !state.ended.contains(subject) {
            true => issued("for-b", json!({})),
            false => json(400, &state.error),
        }
    }

    fn builder(&self, setup: &Setup) -> TokenExchangeBuilder {
        let server = self.clone();
        let stub = Stub::by_request(setup, move |form, _| ready(server.reply(form)));
        stub.builder()
    }
}

async fn kind(exchange: &TokenExchange, user: &Caller) -> Result<(), Kind> {
    let exchanged = exchange.token(user, audience("service-b")).await;
    exchanged.map(|_| ()).map_err(|error| {
        assert_answer(&error);
        error.kind()
    })
}

/// A server, and an exchange that sends its own tokens and has succeeded for alice.
async fn running(setup: &Setup) -> (Server, TokenExchange) {
    let server = Server::new();
    let exchange = server
        .builder(setup)
        .actor(ActorSource::client_credentials())
        .build()
        .unwrap();
    kind(&exchange, &setup.caller("alice").await).await.unwrap();
    assert_eq!(server.counts(), (1, 1));
    (server, exchange)
}

/// OT-02
#[tokio::test]
async fn rejected_own_token_is_replaced() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    server.accepts(|actor| actor == "own-2");
    assert_eq!(kind(&exchange, &setup.caller("bob").await).await, Ok(()));
    assert_eq!(server.counts(), (2, 3));
    // At once again, since the new token worked.
    server.accepts(|actor| actor == "own-3");
    assert_eq!(kind(&exchange, &setup.caller("carol").await).await, Ok(()));
    assert_eq!(server.counts(), (3, 5));
    assert_eq!(kind(&exchange, &setup.caller("dave").await).await, Ok(()));
    assert_eq!(server.counts(), (3, 6));
}

#[tokio::test]
async fn callers_share_the_new_own_token() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    server.accepts(|actor| actor == "own-2");
    let mut users = Vec::new();
    for number in 0..20 {
        users.push(setup.caller(&format!("user-{number}")).await);
    }
    let asked = users.iter().map(|user| kind(&exchange, user));
    let outcomes = futures_util::future::join_all(asked).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(server.counts().0, 2);
}

#[tokio::test]
async fn rejected_actor_blames_no_user() {
    for error in [
        json!({ "error": "invalid_request" }),
        json!({ "error": "invalid_token" }),
        json!({ "error": "invalid_request", "error_description": "The actor_token is invalid" }),
        json!({ "error": "invalid_grant", "error_description": "The actor_token is invalid" }),
        json!({ "error": "invalid_actor_token" }),
    ] {
        let setup = Setup::start().await;
        let (server, exchange) = running(&setup).await;
        server.accepts(|_| false);
        server.change(|state| state.error = error);
        for number in 0..20 {
            let user = setup.caller(&format!("user-{number}")).await;
            assert_eq!(kind(&exchange, &user).await, Err(Kind::ClientMisconfigured));
        }
        // One new token, and one more attempt with it.
        assert_eq!(server.counts(), (2, 22));
    }
}

#[tokio::test]
async fn rejected_actor_is_replaced_later() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    let bob = setup.caller("bob").await;
    tokio::time::pause();
    server.accepts(|_| false);
    assert_eq!(kind(&exchange, &bob).await, Err(Kind::ClientMisconfigured));
    tokio::time::advance(Duration::from_secs(30)).await;
    server.accepts(|actor| actor == "own-3");
    assert_eq!(kind(&exchange, &bob).await, Ok(()));
    assert_eq!(server.counts(), (3, 5));
}

#[tokio::test]
async fn rejected_subject_is_users_fault() {
    for description in ["Invalid subject_token", "The subject token has expired"] {
        let setup = Setup::start().await;
        let (server, exchange) = running(&setup).await;
        let error = json!({ "error": "invalid_request", "error_description": description });
        server.change(|state| state.error = error);
        let bob = setup.caller("bob").await;
        server.end(&bob);
        assert_eq!(kind(&exchange, &bob).await, Err(Kind::SubjectInvalid));
        assert_eq!(server.counts(), (1, 2));
    }
}

#[tokio::test]
async fn working_actor_is_not_blamed() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    let bob = setup.caller("bob").await;
    server.end(&bob);
    // It could be either token, and a new actor token changes nothing.
    assert_eq!(kind(&exchange, &bob).await, Err(Kind::ClientMisconfigured));
    assert_eq!(server.counts(), (2, 3));
    assert_eq!(kind(&exchange, &setup.caller("carol").await).await, Ok(()));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(kind(&exchange, &bob).await, Err(Kind::SubjectInvalid));
    assert_eq!(server.counts(), (2, 5));
}

#[tokio::test]
async fn ended_session_blames_the_user() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    let error = json!({ "error": "invalid_grant", "error_description": "Token is not active" });
    server.change(|state| state.error = error);
    let [bob, carol] = [setup.caller("bob").await, setup.caller("carol").await];
    server.end(&bob);
    tokio::time::pause();
    // Also if the new token has not worked yet and is not replaced again so soon.
    for (own, exchanges) in [(2, 3), (2, 4), (3, 6)] {
        let target = audience(&format!("service-{exchanges}"));
        let refused = exchange.token(&bob, target).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::SubjectInvalid);
        assert_eq!(server.counts(), (own, exchanges));
        tokio::time::advance(Duration::from_secs(16)).await;
    }
    assert_eq!(kind(&exchange, &carol).await, Ok(()));
    assert_eq!(server.counts().0, 3);
}

#[tokio::test]
async fn ended_session_replaces_one_actor() {
    for (error, unclear) in [
        ("invalid_request", Kind::ClientMisconfigured),
        ("invalid_grant", Kind::SubjectInvalid),
    ] {
        let setup = Setup::start().await;
        let (server, exchange) = running(&setup).await;
        server.change(|state| state.error = json!({ "error": error }));
        let bob = setup.caller("bob").await;
        server.end(&bob);
        let mut others = Vec::new();
        for number in 0..50 {
            others.push(setup.caller(&format!("user-{number}")).await);
        }
        tokio::time::pause();
        for (number, other) in others.iter().enumerate() {
            let target = audience(&format!("service-{number}"));
            let refused = exchange.token(&bob, target).await.unwrap_err();
            let expected = match number {
                0 => unclear,
                // The new actor token works for others.
                _ => Kind::SubjectInvalid,
            };
            assert_eq!(refused.kind(), expected, "{error} {number}");
            assert_eq!(kind(&exchange, other).await, Ok(()), "{error} {number}");
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        // 50 requests of bob, 50 of others, one of alice, and one more attempt.
        assert_eq!(server.counts(), (2, 102), "{error}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn parallel_calls_replace_one_actor() {
    let setup = Setup::start().await;
    let (server, exchange) = running(&setup).await;
    let bob = setup.caller("bob").await;
    server.end(&bob);
    let targets = Vec::from_iter((0..50).map(|number| audience(&format!("service-{number}"))));
    let asked = targets.iter().map(|it| exchange.token(&bob, it.clone()));
    let outcomes = futures_util::future::join_all(asked).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(server.counts().0, 2);
}

#[tokio::test]
async fn reissued_actor_hides_no_session_end() {
    let setup = Setup::start().await;
    let bob = setup.caller("bob").await;
    for (error, expected) in [
        ("invalid_request", Kind::ClientMisconfigured),
        ("invalid_grant", Kind::SubjectInvalid),
    ] {
        // A server that issues the same own token until it expires.
        let stub = Stub::by_request(&setup, move |form, _| {
            let is_exchange = form.iter().any(|(name, _)| name == "subject_token");
            ready(match is_exchange {
                true => json(400, &json!({ "error": error })),
                false => issued("own", json!({ "expires_in": 3600 })),
            })
        });
        let exchange = stub
            .builder()
            .actor(ActorSource::client_credentials())
            .build()
            .unwrap();
        assert_eq!(kind(&exchange, &bob).await, Err(expected), "{error}");
        assert_eq!(stub.requests(), 3);
    }
}

/// OT-02
#[tokio::test]
async fn fetched_actor_is_fetched_once_more() {
    let setup = Setup::start().await;
    let bob = setup.caller("bob").await;
    for (names, expected, exchanges) in [
        (["good", "good"], Ok(()), 1),
        (["bad", "good"], Ok(()), 2),
        (["bad", "worse"], Err(Kind::ClientMisconfigured), 2),
        // The same token would be refused again.
        (["bad", "bad"], Err(Kind::ClientMisconfigured), 1),
    ] {
        let names = Arc::new(Mutex::new(Vec::from_iter(names.into_iter().rev())));
        let actor = ActorSource::fetched(TokenType::JWT, move || {
            let name = names.lock().unwrap().pop().expect("fetched twice at most");
            async move { Ok(Secret::new(name)) }
        });
        let server = Server::new();
        server.accepts(|actor| actor == "good");
        let exchange = server.builder(&setup).actor(actor).build().unwrap();
        assert_eq!(kind(&exchange, &bob).await, expected, "{expected:?}");
        assert_eq!(server.counts(), (0, exchanges));
    }
}

#[tokio::test]
async fn fixed_actor_blames_no_user() {
    let setup = Setup::start().await;
    let server = Server::new();
    server.accepts(|_| false);
    let actor = ActorToken::new(Secret::new("fixed"), TokenType::JWT, "fixed");
    let exchange = server.builder(&setup).actor(ActorSource::fixed(actor));
    let exchange = exchange.build().unwrap();
    let bob = setup.caller("bob").await;
    let error = exchange
        .token(&bob, audience("service-b"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::ClientMisconfigured);
    assert_eq!(error.oauth_code(), Some("invalid_request"));
    let text = error.to_string();
    assert!(
        text.contains("own token") && !text.contains("fixed"),
        "{text}"
    );
}
