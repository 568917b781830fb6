//! Hostile or unlucky users and targets, and a wrong setup: others get their tokens, and the server
//! is not flooded.

use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::CacheBounds;
use obo::exchange::TokenExchangeBuilder;
use obo::exchange::TokenSource;
use obo::{AuthorizationServer, Issuer, TokenExchange};
use serde_json::json;
use tokio::time::{advance, sleep};
use tower::service_fn;

use crate::setup::{Setup, audience, client, issuer};
use crate::stub::{Reply, Stub, issued, json};

/// A token endpoint that responds by the parameters of the request.
fn by_form<F>(
    setup: &Setup,
    respond: impl Fn(Vec<(String, String)>) -> F + Clone + Send + Sync + 'static,
) -> TokenExchange
where
    F: Future<Output = Reply> + Send + 'static,
{
    builder_by_form(setup, respond).build().unwrap()
}

fn builder_by_form<F>(
    setup: &Setup,
    respond: impl Fn(Vec<(String, String)>) -> F + Clone + Send + Sync + 'static,
) -> TokenExchangeBuilder
where
    F: Future<Output = Reply> + Send + 'static,
{
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let form = form_urlencoded::parse(request.body())
            .into_owned()
            .collect();
        let response = respond(form);
        async move { Ok::<_, std::convert::Infallible>(response.await) }
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    TokenExchange::builder(server, client())
}

fn is(form: &[(String, String)], name: &str, value: &str) -> bool {
    form.iter().any(|(n, v)| n == name && v.starts_with(value))
}

#[tokio::test]
async fn broken_target_delays_no_other() {
    let setup = Setup::start().await;
    let mut users = Vec::new();
    for number in 0..40 {
        users.push(setup.caller(&format!("user-{number}")).await);
    }
    for status in [500, 502, 503] {
        let exchange = by_form(&setup, move |form| {
            ready(match is(&form, "audience", "broken") {
                true => json(status, &json!({})),
                false => issued("opaque", json!({})),
            })
        });
        tokio::time::pause();
        let mut served = 0;
        for (number, user) in users.iter().enumerate() {
            let target = match number % 10 {
                9 => "well",
                number if number % 2 == 0 => "broken",
                _ => "broken-too",
            };
            served += usize::from(exchange.token(user, audience(target)).await.is_ok());
            advance(Duration::from_millis(500)).await;
        }
        tokio::time::resume();
        assert_eq!(served, 4, "{status}");
    }
}

#[tokio::test]
async fn one_user_leaves_room_for_others() {
    let setup = Setup::start().await;
    let [mallory, bob] = [setup.caller("mallory").await, setup.caller("bob").await];
    let exchange = by_form(&setup, |form| async move {
        if is(&form, "audience", "slow-") {
            sleep(Duration::from_secs(8)).await;
        }
        issued("opaque", json!({}))
    });
    tokio::time::pause();
    for number in 0..2000 {
        let (exchange, mallory) = (exchange.clone(), mallory.clone());
        let target = audience(&format!("slow-{number}"));
        tokio::spawn(async move { drop(exchange.token(&mallory, target).await) });
    }
    sleep(Duration::from_millis(10)).await;
    exchange.token(&bob, audience("service-b")).await.unwrap();
    let error = exchange.token(&mallory, audience("service-b")).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Overloaded);
}

/// 10,000 users with one token each, and 32 with as many large ones as one user may have.
#[tokio::test]
async fn many_tokens_evict_no_other_user() {
    let setup = Setup::start().await;
    let exchange = builder_by_form(&setup, |form| {
        let size = match is(&form, "audience", "t-") {
            true => 4096,
            false => 1024,
        };
        ready(issued(&"x".repeat(size), json!({ "expires_in": 3600 })))
    });
    let mut users = Vec::new();
    for number in 0..2_000 {
        users.push(setup.caller(&format!("user-{number}")).await);
    }
    // 3 of 16 MiB are for these users, 11 for the others.
    let bounds = CacheBounds::new().bytes(16 * 1024 * 1024);
    let bounds = bounds.bytes_per_subject(2 * 1024 * 1024);
    let exchange = exchange.cache(bounds).build().unwrap();
    for user in &users {
        exchange.token(user, audience("service-b")).await.unwrap();
    }
    let mut large = Vec::new();
    for number in 0..10 {
        large.push(setup.caller(&format!("many-{number}")).await);
    }
    let mut cached = 0;
    for _ in 0..2 {
        cached = 0;
        for many in &large {
            for target in 0..256 {
                let target = audience(&format!("t-{target}"));
                let exchanged = exchange.token(many, target).await.unwrap();
                cached += usize::from(exchanged.source() == TokenSource::Cache);
            }
        }
    }
    assert_eq!(cached, 2_560, "all of it fits");
    let mut cached = 0;
    for user in &users {
        let exchanged = exchange.token(user, audience("service-b")).await.unwrap();
        cached += usize::from(exchanged.source() == TokenSource::Cache);
    }
    assert_eq!(cached, 2_000);
}

#[tokio::test]
async fn subject_is_bounded_by_bytes() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |_| {
        ready(issued(&"x".repeat(10_000), json!({ "expires_in": 3600 })))
    });
    let bounds = CacheBounds::new().bytes_per_subject(64 * 1024);
    let exchange = stub.builder().cache(bounds).build().unwrap();
    let alice = setup.caller("alice").await;
    for service in 0..20 {
        let target = audience(&format!("service-{service}"));
        exchange.token(&alice, target).await.unwrap();
    }
    let mut cached = 0;
    for service in (0..20).rev() {
        let target = audience(&format!("service-{service}"));
        let exchanged = exchange.token(&alice, target).await.unwrap();
        cached += usize::from(exchanged.source() == TokenSource::Cache);
    }
    // Six times 10,000 bytes and their bookkeeping fit into 64 KiB.
    assert!((1..=6).contains(&cached), "{cached}");
    // An entry that alone is too large is used once.
    let bounds = CacheBounds::new().bytes_per_subject(1024);
    let exchange = stub.builder().cache(bounds).build().unwrap();
    for _ in 0..2 {
        let exchanged = exchange.token(&alice, audience("service-b")).await;
        assert_eq!(exchanged.unwrap().source(), TokenSource::Exchange);
    }
}

#[tokio::test]
async fn cached_refusals_count_as_bytes() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |_| {
        let refusal = json!({ "error": "invalid_grant", "error_description": "x".repeat(190) });
        ready(json(400, &refusal))
    });
    // Of some 700 bytes each, hardly more than five fit.
    let bounds = CacheBounds::new().bytes_per_subject(4 * 1024);
    let exchange = stub.builder().cache(bounds).build().unwrap();
    let alice = setup.caller("alice").await;
    for round in 1..=2 {
        for service in 0..20 {
            let target = audience(&format!("service-{service}"));
            exchange.token(&alice, target).await.unwrap_err();
        }
        assert!(
            stub.requests() >= 20 + (round - 1) * 10,
            "{}",
            stub.requests()
        );
    }
    assert!(stub.requests() >= 30, "{}", stub.requests());
}

#[tokio::test]
async fn unusable_response_is_cached() {
    let setup = Setup::start().await;
    let [alice, bob] = [setup.caller("alice").await, setup.caller("bob").await];
    let stub = Stub::new(&setup, |_| ready(json(200, &json!({}))));
    let exchange = stub.exchange();
    tokio::time::pause();
    for _ in 0..700 {
        let error = exchange.token(&alice, audience("b")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ResponseUnusable);
    }
    assert_eq!(stub.requests(), 1);
    exchange.token(&bob, audience("b")).await.unwrap_err();
    exchange.token(&alice, audience("c")).await.unwrap_err();
    assert_eq!(stub.requests(), 3);
    advance(Duration::from_secs(1)).await;
    exchange.token(&alice, audience("b")).await.unwrap_err();
    assert_eq!(stub.requests(), 4);
}

#[tokio::test]
async fn rejected_client_is_cached_briefly() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |_| {
        ready(json(401, &json!({ "error": "invalid_client" })))
    });
    let mut users = Vec::new();
    for number in 0..20 {
        users.push(setup.caller(&format!("user-{number}")).await);
    }
    let exchange = stub.exchange();
    tokio::time::pause();
    for second in 1..=3 {
        for (number, user) in users.iter().enumerate() {
            let target = audience(&format!("service-{number}"));
            let error = exchange.token(user, target).await.unwrap_err();
            assert_eq!(error.kind(), Kind::ClientMisconfigured);
            assert_eq!(error.oauth_code(), Some("invalid_client"));
            let text = error.to_string();
            let named = format!("client \"service-a\" of {}: compare", setup.idp.issuer());
            assert!(text.contains(&named), "{text}");
        }
        exchange.app_only_token(audience("own")).await.unwrap_err();
        // The subject that was rejected last does not count for others, so it may be rejected
        // again.
        assert!((second..=2 * second).contains(&stub.requests()));
        advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn one_rejected_user_delays_no_other() {
    let setup = Setup::start().await;
    let [mallory, bob] = [setup.caller("mallory").await, setup.caller("bob").await];
    let exchange = by_form(&setup, |form| {
        ready(match is(&form, "audience", "unknown-") {
            true => json(401, &json!({ "error": "invalid_client" })),
            false => issued("opaque", json!({})),
        })
    });
    tokio::time::pause();
    for second in 0..5 {
        let unknown = audience(&format!("unknown-{second}"));
        exchange.token(&mallory, unknown).await.unwrap_err();
        advance(Duration::from_secs(1)).await;
    }
    let unknown = exchange.token(&mallory, audience("unknown-5")).await;
    unknown.unwrap_err();
    exchange.token(&bob, audience("b")).await.unwrap();
}

/// Some servers respond with `invalid_client` for an unknown target.
#[tokio::test]
async fn working_client_is_not_rejected() {
    let setup = Setup::start().await;
    let exchange = by_form(&setup, |form| {
        ready(match is(&form, "audience", "unknown") {
            true => json(401, &json!({ "error": "invalid_client" })),
            false => issued("opaque", json!({})),
        })
    });
    let alice = setup.caller("alice").await;
    exchange.token(&alice, audience("a")).await.unwrap();
    for number in 0..10 {
        let unknown = exchange.token(&alice, audience("unknown")).await;
        unknown.unwrap_err();
        let target = audience(&format!("service-{number}"));
        exchange.token(&alice, target).await.unwrap();
    }
}

#[tokio::test]
async fn good_token_outlives_failed_renewal() {
    let setup = Setup::start().await;
    let stub = Stub::new(&setup, |number| {
        ready(match number {
            0 => issued("opaque", json!({ "expires_in": 100 })),
            _ => json(200, &json!({})),
        })
    });
    let exchange = stub.exchange();
    let alice = setup.caller("alice").await;
    tokio::time::pause();
    exchange.token(&alice, audience("b")).await.unwrap();
    advance(Duration::from_secs(65)).await;
    for _ in 0..5 {
        let exchanged = exchange.token(&alice, audience("b")).await.unwrap();
        assert_eq!(exchanged.source(), TokenSource::Cache);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stub.requests(), 2);
}

#[tokio::test]
async fn token_goes_to_no_other_issuer() {
    let (setup, foreign) = (Setup::start().await, Setup::start().await);
    let caller = foreign.caller("alice").await;
    let stub = Stub::new(&setup, |_| ready(issued("opaque", json!({}))));
    let error = stub.exchange().token(&caller, audience("b")).await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), stub.requests()),
        (Kind::ClientMisconfigured, 0)
    );
    for issuer in [
        setup.idp.issuer(),
        foreign.idp.issuer(),
        "allow_subjects_of",
    ] {
        assert!(error.to_string().contains(issuer), "{error}");
    }
    let allowed = stub
        .builder()
        .allow_subjects_of(issuer(&foreign.idp))
        .build()
        .unwrap();
    allowed.token(&caller, audience("b")).await.unwrap();
}

#[tokio::test]
async fn issuer_with_other_slash_is_named() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let with_slash = Issuer::new(format!("{}/", setup.idp.issuer())).unwrap();
    let exchange = TokenExchange::builder(with_slash, client())
        .build()
        .unwrap();
    let error = exchange.token(&caller, audience("b")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ClientMisconfigured);
    let text = error.to_string();
    assert!(
        text.ends_with(
            "they differ only in the slash at the end, so configure both as the server writes `iss`"
        ),
        "{text}"
    );
    assert_eq!(setup.idp.discovery_requests(), 1);
}

/// A pause in a response is respected, whatever else the response says. A pause of our own is not
/// attributed to the server.
#[tokio::test]
async fn open_breaker_is_no_server_pause() {
    let setup = Setup::start().await;
    let mut users = Vec::new();
    for number in 0..6 {
        users.push(setup.caller(&format!("user-{number}")).await);
    }
    let stub = Stub::new(&setup, |number| {
        let mut reply = match number {
            0..20 => json(503, &json!({})),
            _ => issued("opaque", json!({})),
        };
        reply.headers_mut().remove(header::RETRY_AFTER);
        ready(reply)
    });
    let exchange = stub.exchange();
    tokio::time::pause();
    let mut seconds = 0;
    while exchange
        .token(&users[seconds % 5], audience("b"))
        .await
        .is_err()
    {
        advance(Duration::from_secs(1)).await;
        seconds += 1;
        assert!(seconds < 20, "still no token after {seconds} s");
    }
}
