//! What tools show: every rule that a token or a caller breaks, and what decides about a request.

use http::Method;
use obo::error::TokenError;
use obo::require::RuleMatch;
use obo::resource_server::TokenCheck;
use obo::{Rejection, ResourceServer, Rule, RuleTable};
use serde_json::json;

use crate::guarded::{Guarded, service_a};
use crate::issuer::FakeIssuer;

fn broken(server: &ResourceServer, token: &str) -> Vec<(&'static str, TokenError)> {
    let checks = server.checks(token).into_iter();
    checks
        .filter_map(|check| Some((check.rule, check.outcome.err()?)))
        .collect()
}

fn has(checks: &[TokenCheck], rule: &str) -> bool {
    checks.iter().any(|check| check.rule == rule)
}

#[tokio::test]
async fn checks_cause_no_fetch() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.server());
    let token = idp.token().mint();
    assert!(!has(&server.checks(&token), "signature"));
    assert_eq!(idp.requests(), Vec::<String>::new());
    server.validate(&token).await.unwrap();
    let checks = server.checks(&token);
    assert!(has(&checks, "signature"), "the keys are cached now");
    assert!(
        checks.iter().all(|check| check.outcome.is_ok()),
        "{checks:?}"
    );
}

#[tokio::test]
async fn checks_agree_with_validation() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.known());
    server.ready().await.unwrap();
    for token in [
        idp.token().mint(),
        idp.token()
            .audience("elsewhere")
            .claim("aud", "elsewhere")
            .mint(),
        idp.token().expires_in(-500).mint(),
        idp.token().issuer("https://elsewhere.example").mint(),
        idp.token().without("iss").mint(),
        idp.token().kid(Some("unknown")).mint(),
        idp.token().typ(None).mint(),
        "opaque".to_owned(),
    ] {
        let broken = broken(&server, &token);
        match server.validate(&token).await {
            Ok(_) => assert_eq!(broken, []),
            Err(Rejection::Token(error)) => {
                // A moment passes between both.
                let is_same = |it: &TokenError| match error.time_off() {
                    Some(_) => it.code() == error.code(),
                    None => *it == error,
                };
                assert!(
                    broken.iter().any(|(_, it)| is_same(it)),
                    "{error}: {broken:?}"
                );
            }
            Err(other) => panic!("{other}"),
        }
    }
    let token = idp
        .token()
        .claim("aud", "elsewhere")
        .expires_in(-500)
        .without("jti");
    let rules = broken(&server, &token.mint())
        .into_iter()
        .map(|(rule, _)| rule);
    assert_eq!(
        Vec::from_iter(rules),
        ["audience", "expiry", "required claims"]
    );
}

#[tokio::test]
async fn each_unmet_requirement_is_listed() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let caller = guarded
        .caller(&idp.token().claim("scope", "a").mint())
        .await;
    let rule = Rule::scopes(["b"])
        .and(Rule::scopes(["a"]))
        .and(Rule::actors(["web"]))
        .and(Rule::any_of([Rule::roles(["x"]), Rule::service()]));
    let checks = rule.checks(&caller);
    let unmet = checks.iter().filter(|(_, outcome)| outcome.is_err());
    let unmet = Vec::from_iter(unmet.map(|(requirement, _)| requirement.as_str()));
    assert_eq!(
        unmet,
        ["scope b", "actor web", "any of (role x | a service)"]
    );
    assert_eq!(
        rule.to_string(),
        "scope b; scope a; actor web; any of (role x | a service)"
    );
    assert_eq!(checks[0].1, rule.check(&caller), "the first is the verdict");
}

fn table() -> RuleTable {
    RuleTable::builder()
        .route("GET /orders/{*rest}", Rule::scopes(["read"]))
        .route("DELETE /orders/{*rest}", Rule::scopes(["delete"]))
        .route("GET /orders/{id}", Rule::scopes(["one"]))
        .route("/any/{id}", Rule::user())
        .public("/docs")
        .build()
        .unwrap()
}

/// What decides, as `check` decides.
#[tokio::test]
async fn found_rule_is_the_checked_one() {
    let idp = FakeIssuer::new().await;
    let caller = Guarded::by(idp.known())
        .caller(&idp.token().claim("scope", "one").mint())
        .await;
    let tables = [
        table(),
        RuleTable::builder()
            .otherwise(Rule::user())
            .build()
            .unwrap(),
        RuleTable::builder().build().unwrap(),
    ];
    for (i, table) in tables.iter().enumerate() {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            for path in [
                "/orders/7",
                "/orders/7/x",
                "/docs",
                "/Docs",
                "/a/../b",
                "/x",
                "/any/1",
            ] {
                let found = match table.find(&method, path) {
                    RuleMatch::Public(_) => Ok(()),
                    RuleMatch::Rule(_, rule) | RuleMatch::Otherwise(rule) => rule.check(&caller),
                    _ => Err(Rejection::NoRule),
                };
                let checked = table.check(&method, path, &caller);
                assert_eq!(found, checked, "{i} {method} {path}");
            }
        }
    }
}

#[test]
fn shadows_are_listed() {
    let shadows = table().shadows();
    let listed: Vec<_> = shadows
        .iter()
        .map(|it| (&*it.entry, &*it.by, it.is_unreachable))
        .collect();
    assert_eq!(listed, [("DELETE /orders/{*rest}", "/orders/{id}", false)]);
    let matching = table()
        .matching("/orders/7")
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    assert_eq!(matching, ["/orders/{*rest}", "/orders/{id}"]);
    let all = RuleTable::builder()
        .route("/{*rest}", Rule::user())
        .otherwise(Rule::service());
    let shadows = all.build().unwrap().shadows();
    assert!(shadows[0].is_unreachable && shadows[0].entry == "otherwise");
    assert_eq!(
        RuleTable::builder()
            .route("/a", Rule::user())
            .build()
            .unwrap()
            .shadows(),
        []
    );
}

#[tokio::test]
async fn key_problem_has_its_reason() {
    let keys = json!({ "keys": [{ "kty": "oct", "k": "AA" }] });
    let idp = obo_testkit::TestIdp::start().await;
    idp.replace_jwks(Some(keys.to_string()));
    let server = service_a(obo::Trust::new(idp.issuer()));
    server.ready().await.unwrap_err();
    let status = server.key_status().next().unwrap();
    let problem = status.problem().unwrap();
    assert!(
        problem.contains("keys[0] has a private member"),
        "{problem}"
    );
    assert_eq!(
        server.policies().next().unwrap().issuer().as_str(),
        idp.issuer()
    );
}
