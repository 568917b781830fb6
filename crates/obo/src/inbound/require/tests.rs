use std::time::Duration;

use obo_core::{Caller, Profile, UnixTime};
use obo_testkit::{TestIdp, TokenBuilder};
use serde_json::json;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::layer::RequireLayer;
use super::{Rule, RuleTable, RuleTableBuilder};
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
    let refusal = refused.unwrap_err().response();
    assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (401, 16));
    refusal.challenge().unwrap().to_str().unwrap().to_owned()
}

/// SU-01, SU-02
#[tokio::test]
async fn acr_must_be_in_the_rule() {
    let rule = Rule::acr(["gold", "silver"]);
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

/// SU-03, AT-09
#[tokio::test]
async fn auth_time_must_be_recent() {
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

/// SU-01
#[tokio::test]
async fn challenge_names_all_requirements() {
    let rule = Rule::acr(["gold"]).and(Rule::max_age(Duration::from_secs(60)));
    let strong = |t: TokenBuilder| t.claim("acr", "gold");
    assert_eq!(
        challenge(rule.check(&caller(strong).await)),
        r#"Bearer error="insufficient_user_authentication", acr_values="gold", max_age="60""#
    );
}

#[tokio::test]
async fn one_of_several_rules_is_enough() {
    let rule = Rule::any_of([
        Rule::scopes(["a", "b"]),
        Rule::scopes(["c"]).and(Rule::no_actor()),
    ]);
    rule.check(&caller(|t| t.scope("a b")).await).unwrap();
    rule.check(&caller(|t| t.scope("c")).await).unwrap();
    for bad in [
        caller(|t| t.scope("a")).await,
        caller(|t| t.scope("c").actor("service-x")).await,
    ] {
        let refusal = rule.check(&bad).unwrap_err().response();
        assert_eq!(refusal.status(), 403);
        assert_eq!(
            refusal.challenge().unwrap(),
            r#"Bearer error="insufficient_scope", scope="a b""#
        );
    }
    assert_eq!(Rule::any_of([]).mistake().unwrap().field(), "any_of");
}

/// AT-10, BT-12
#[tokio::test]
async fn all_roles_of_rule_are_required() {
    let rule = Rule::roles(["buyer", "auditor"]);
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
        let refusal = refused.unwrap_err().response();
        assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (403, 7));
        let challenge = refusal.challenge().unwrap();
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
fn rule_without_roles_is_a_mistake() {
    for bad in [&[][..], &[""], &["buyer", ""]] {
        let roles = bad.iter().copied();
        assert_eq!(Rule::roles(roles).mistake().unwrap().field(), "roles");
    }
}

#[test]
fn invalid_acr_is_a_mistake() {
    for bad in [&[][..], &[""], &["a b"], &["a\""]] {
        let values = bad.iter().copied();
        assert_eq!(Rule::acr(values).mistake().unwrap().field(), "acr_values");
    }
}

/// JW-38
#[tokio::test]
async fn listed_subject_is_of_its_issuer() {
    let user = caller(|t| t).await;
    let of = |issuer: &str, subject: &str| {
        let party = obo_core::ActorId::new(issuer, subject);
        Rule::subjects([party]).check(&user)
    };
    Rule::subjects(["bob", "alice"]).check(&user).unwrap();
    of(user.issuer().as_str(), "alice").unwrap();
    for refused in [
        Rule::subjects(["bob", "Alice", "alic"]).check(&user),
        of("https://other.example", "alice"),
    ] {
        let refusal = refused.unwrap_err().response();
        assert_eq!((refusal.status().as_u16(), refusal.grpc_code()), (403, 7));
    }
    assert_eq!(Rule::subjects([""]).mistake().unwrap().field(), "subjects");
    assert_eq!(
        Rule::subjects::<&str>([]).mistake().unwrap().field(),
        "subjects"
    );
}

/// SU-05
#[tokio::test]
async fn layer_and_handler_step_up_alike() {
    let user = caller(|t| t.claim("acr", "bronze")).await;
    let rule = Rule::acr(["gold"]);
    let raised = rule.check(&user).unwrap_err().response();
    let mut request = http::Request::new(());
    request.extensions_mut().insert(user);
    let service =
        RequireLayer::new(rule)
            .unwrap()
            .layer(service_fn(|_: http::Request<()>| async {
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

/// The log of a refusal whose response is only 403 `insufficient_scope`.
fn denied(refused: Result<(), Rejection>) -> String {
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "subject_refused");
    let response = refused.response();
    assert_eq!((response.status().as_u16(), response.grpc_code()), (403, 7));
    let challenge = response.challenge().unwrap();
    assert_eq!(challenge, r#"Bearer error="insufficient_scope""#);
    refused.to_string()
}

/// AT-10, EN-08
#[tokio::test]
async fn all_groups_of_rule_are_required() {
    let rule = Rule::groups(["staff", "sales"]);
    let scim = json!([{"value": "sales", "display": "Sales"}, "staff"]);
    for groups in [json!(["sales", "staff", "x"]), scim] {
        rule.check(&caller(|t| t.claim("groups", groups)).await)
            .unwrap();
    }
    for (claim, names) in [
        ("groups", json!(["staff"])),
        ("groups", json!(["Staff", "sales"])),
        ("groups", json!("staff sales")),
        ("roles", json!(["staff", "sales"])),
        ("entitlements", json!(["staff", "sales"])),
    ] {
        let refused = rule.check(&caller(|t| t.claim(claim, names)).await);
        let text = "the subject is refused: it is not in a required group";
        assert_eq!(denied(refused), text);
    }
}

/// AT-10, EN-08
#[tokio::test]
async fn all_entitlements_are_required() {
    let rule = Rule::entitlements(["export", "print"]);
    let both = ["print", "export"];
    rule.check(&caller(|t| t.claim("entitlements", both)).await)
        .unwrap();
    for (claim, names) in [
        ("entitlements", json!(["export"])),
        ("entitlements", json!("export print")),
        ("roles", json!(["export", "print"])),
        ("groups", json!(["export", "print"])),
    ] {
        let refused = rule.check(&caller(|t| t.claim(claim, names)).await);
        let text = "the subject is refused: it lacks a required entitlement";
        assert_eq!(denied(refused), text);
    }
}

#[tokio::test]
async fn client_is_listed_and_of_issuer() {
    let user = caller(|t| t.client_id("shop")).await;
    let own = user.issuer().as_str();
    Rule::clients(["app", "shop"]).check(&user).unwrap();
    let of = |issuer: &str| Rule::clients([obo_core::ActorId::new(issuer, "shop")]);
    of(own).check(&user).unwrap();
    let text = "the subject is refused: its client is not in the list of the rule";
    for rule in [
        Rule::clients(["Shop", "sho", "alice"]),
        of("https://other.example"),
    ] {
        assert_eq!(denied(rule.check(&user)), text);
    }
    let without = caller(|t| t.without("client_id")).await;
    assert_eq!(without.client_id(), None);
    assert_eq!(denied(Rule::clients(["shop"]).check(&without)), text);
}

#[tokio::test]
async fn custom_check_decides_on_caller() {
    #[derive(serde::Deserialize)]
    struct Tenant {
        tenant: String,
    }
    let rule = Rule::by("it is of another tenant", |caller| {
        let caller = caller.with_claims::<Tenant>();
        caller.is_some_and(|caller| caller.claims().tenant == "t1")
    });
    let idp = TestIdp::start().await;
    let trust = Trust::new(idp.issuer()).claims::<Tenant>();
    let server = ResourceServer::builder("service-a").trust(trust);
    let server = server.build().unwrap();
    for (tenant, is_met) in [("t1", true), ("t2", false)] {
        let token = idp.user("alice").audience("service-a");
        let user = server.validate(&token.claim("tenant", tenant).mint()).await;
        let user = user.unwrap();
        let typed = user.with_claims::<Tenant>().unwrap();
        for refused in [rule.check(&user), rule.check(&typed)] {
            match is_met {
                true => refused.unwrap(),
                false => {
                    let text = "the subject is refused: it is of another tenant";
                    assert_eq!(denied(refused), text);
                }
            }
        }
    }
    // A policy without these claims refuses.
    denied(rule.check(&caller(|t| t.claim("tenant", "t1")).await));
}

#[tokio::test]
async fn panic_in_check_rejects() {
    let user = caller(|t| t).await;
    let rule = Rule::by("it panics", |_| panic!("a mistake in the check"));
    for rule in [rule.clone(), Rule::user().and(rule)] {
        let refused = rule.check(&user).unwrap_err();
        assert_eq!(refused.code(), "misconfigured");
        assert_eq!(refused.response().status(), 500);
    }
}

#[tokio::test]
async fn rule_with_mistake_rejects() {
    let user = caller(|t| t.scope("a")).await;
    for rule in [
        Rule::scopes(["a b"]),
        Rule::user().and(Rule::scopes(["a b"])),
        Rule::scopes(["a b"]).and(Rule::user()),
        Rule::any_of([Rule::user(), Rule::scopes(["a b"])]),
        Rule::scopes(["a b"]).clock(Clock::system()),
        Rule::scopes(["a b"]).and(Rule::roles([""])),
    ] {
        assert_eq!(rule.mistake().unwrap().field(), "scope");
        assert_eq!(rule.check(&user).unwrap_err().code(), "misconfigured");
        assert_eq!(
            RequireLayer::new(rule.clone()).unwrap_err().field(),
            "scope"
        );
        let field = |table: RuleTableBuilder| table.build().unwrap_err().field().to_owned();
        let table = RuleTable::builder().route("GET /a/{id}", rule.clone());
        assert_eq!(field(table), r#"rule_table["GET /a/{id}"].scope"#);
        let table = RuleTable::builder().otherwise(rule);
        assert_eq!(field(table), "rule_table.otherwise.scope");
    }
    for (rule, field) in [
        (Rule::issuers(["http://idp.example"]), "issuers"),
        (Rule::groups([""]), "groups"),
        (Rule::entitlements::<&str>([]), "entitlements"),
        (Rule::clients([""]), "clients"),
    ] {
        assert_eq!(rule.checked().unwrap_err().field(), field);
    }
}

#[test]
fn second_otherwise_is_a_mistake() {
    let table = RuleTable::builder()
        .otherwise(Rule::user())
        .otherwise(Rule::service());
    let error = table.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "rule_table.otherwise: is set twice; combine both into one rule"
    );
}
