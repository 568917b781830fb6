use std::time::Duration;

use obo_core::{Caller, Profile, UnixTime};
use obo_testkit::{TestIdp, TokenBuilder};
use serde_json::json;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::Rule;
use super::layer::RequireLayer;
use crate::clock::{Clock, TestClock};
use crate::inbound::resource_server::ResourceServer;
use crate::inbound::trust::Trust;
use crate::refusal::rejection::Rejection;

async fn caller(edit: impl FnOnce(TokenBuilder) -> TokenBuilder) -> Caller {
    let idp = TestIdp::start().await;
    let trust = Trust::new(idp.issuer()).profile(Profile::LENIENT);
    let server = ResourceServer::builder("service-a").trust(trust);
    let server = server.build().unwrap();
    let token = edit(idp.user("alice").audience("service-a")).mint();
    server.validate(&token).await.unwrap()
}

fn challenge(refused: Result<(), Rejection>) -> String {
    let answer = refused.unwrap_err().response();
    assert_eq!((answer.status().as_u16(), answer.grpc_code()), (401, 16));
    answer.challenge().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn su_01_su_02_acr_is_one_of_those_in_the_rule() {
    let rule = Rule::acr(["gold", "silver"]).unwrap();
    for good in ["gold", "silver"] {
        rule.check(&caller(|t| t.claim("acr", good)).await).unwrap();
    }
    for bad in ["bronze", "Gold", "gold silver"] {
        let refused = rule.check(&caller(|t| t.claim("acr", bad)).await);
        assert_eq!(
            challenge(refused),
            r#"Bearer error="insufficient_user_authentication", acr_values="gold silver""#
        );
    }
    assert!(rule.check(&caller(|t| t).await).is_err());
}

#[tokio::test]
async fn su_03_at_09_auth_time_is_neither_too_old_nor_absent_nor_in_the_future() {
    let now = Clock::system().now();
    let clock = TestClock::new(now);
    let rule = Rule::max_age(Duration::from_secs(300)).clock(clock.clone());
    let user = caller(|t| t.claim("auth_time", now.as_secs())).await;
    rule.check(&user).unwrap();
    clock.advance(Duration::from_secs(300));
    rule.check(&user).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        challenge(rule.check(&user)),
        r#"Bearer error="insufficient_user_authentication", max_age="300""#
    );
    clock.set(UnixTime::from_secs(now.as_secs() - 60));
    rule.check(&user).unwrap();
    clock.set(UnixTime::from_secs(now.as_secs() - 61));
    assert!(rule.check(&user).is_err());
    assert!(rule.check(&caller(|t| t).await).is_err());
}

#[tokio::test]
async fn su_01_one_challenge_says_all_that_the_rule_asks_for() {
    let rule = Rule::acr(["gold"])
        .unwrap()
        .and(Rule::max_age(Duration::from_secs(60)));
    let strong = |t: TokenBuilder| t.claim("acr", "gold");
    assert_eq!(
        challenge(rule.check(&caller(strong).await)),
        r#"Bearer error="insufficient_user_authentication", acr_values="gold", max_age="60""#
    );
}

#[tokio::test]
async fn one_of_several_rules_is_enough() {
    let rule = Rule::any_of([
        Rule::scopes(["a", "b"]).unwrap(),
        Rule::scopes(["c"]).unwrap().and(Rule::no_actor()),
    ])
    .unwrap();
    rule.check(&caller(|t| t.scope("a b")).await).unwrap();
    rule.check(&caller(|t| t.scope("c")).await).unwrap();
    for bad in [
        caller(|t| t.scope("a")).await,
        caller(|t| t.scope("c").actor("service-x")).await,
    ] {
        let answer = rule.check(&bad).unwrap_err().response();
        assert_eq!(answer.status(), 403);
        assert_eq!(
            answer.challenge().unwrap(),
            r#"Bearer error="insufficient_scope", scope="a b""#
        );
    }
    assert_eq!(Rule::any_of([]).unwrap_err().field(), "any_of");
}

#[tokio::test]
async fn at_10_bt_12_all_roles_of_the_rule_are_needed_and_no_scope_is_named() {
    let rule = Rule::roles(["buyer", "auditor"]).unwrap();
    for roles in [
        json!(["auditor", "buyer", "x"]),
        json!([{"value": "buyer", "display": "Buyers"}, "auditor"]),
    ] {
        rule.check(&caller(|t| t.claim("roles", roles)).await)
            .unwrap();
    }
    for roles in [
        json!(["buyer"]),
        json!(["Buyer", "auditor"]),
        json!("buyer auditor"),
        json!(["buyer auditor"]),
        json!([{"display": "buyer"}, "auditor"]),
        json!({"buyer": {}, "auditor": {}}),
        json!(7),
    ] {
        let refused = rule.check(&caller(|t| t.claim("roles", roles)).await);
        let answer = refused.unwrap_err().response();
        assert_eq!((answer.status().as_u16(), answer.grpc_code()), (403, 7));
        let challenge = answer.challenge().unwrap();
        assert_eq!(challenge, r#"Bearer error="insufficient_scope""#);
    }
    // EN-08: neither a scope nor a group is a role.
    let scopes = caller(|t| {
        t.scope("buyer auditor")
            .claim("groups", ["buyer", "auditor"])
    });
    assert!(rule.check(&scopes.await).is_err());
}

#[test]
fn a_rule_without_roles_is_a_configuration_error() {
    for bad in [&[][..], &[""], &["buyer", ""]] {
        let roles = bad.iter().copied();
        assert_eq!(Rule::roles(roles).unwrap_err().field(), "roles");
    }
}

#[test]
fn an_acr_that_cannot_stand_in_a_challenge_is_a_configuration_error() {
    for bad in [&[][..], &[""], &["a b"], &["a\""]] {
        let values = bad.iter().copied();
        assert_eq!(Rule::acr(values).unwrap_err().field(), "acr_values");
    }
}

#[tokio::test]
async fn jw_38_a_listed_subject_is_one_of_its_issuer() {
    let user = caller(|t| t).await;
    let of = |issuer: &str, subject: &str| {
        let party = obo_core::ActorId::new(issuer, subject);
        Rule::subjects([party]).unwrap().check(&user)
    };
    Rule::subjects(["bob", "alice"])
        .unwrap()
        .check(&user)
        .unwrap();
    of(user.issuer().as_str(), "alice").unwrap();
    for refused in [
        Rule::subjects(["bob", "Alice", "alic"])
            .unwrap()
            .check(&user),
        of("https://other.example", "alice"),
    ] {
        let answer = refused.unwrap_err().response();
        assert_eq!((answer.status().as_u16(), answer.grpc_code()), (403, 7));
    }
    assert_eq!(Rule::subjects([""]).unwrap_err().field(), "subjects");
    assert_eq!(Rule::subjects::<&str>([]).unwrap_err().field(), "subjects");
}

#[tokio::test]
async fn su_05_a_layer_and_a_handler_ask_for_stronger_authentication_alike() {
    let user = caller(|t| t.claim("acr", "bronze")).await;
    let rule = Rule::acr(["gold"]).unwrap();
    let raised = rule.check(&user).unwrap_err().response();
    let mut request = http::Request::new(());
    request.extensions_mut().insert(user);
    let service = RequireLayer::new(rule).layer(service_fn(|_: http::Request<()>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(()))
    }));
    let by_layer = service.oneshot(request).await.unwrap();
    assert_eq!(by_layer.status(), raised.status());
    assert_eq!(
        by_layer.headers().get("www-authenticate"),
        raised.challenge().as_ref()
    );
    assert_eq!(by_layer.status(), 401);
}
