//! Open paths and rules by path, decided on the whole path as it was sent.

use obo::require::RuleTableBuilder;
use obo::{RequireLayer, Rule, RuleTable};

use crate::world::{Sent, World};
use obo_tests::expected::{INVALID, MISSING, NO_RULE, Refusal, SCOPE};
use obo_tests::servers::CALL;

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const LEVEL: &str = "/test.Probe/Level";
const ADJUST: &str = "/test.Probe/Adjust";

/// Other spellings of [`CALL`], some of which other servers treat as equal.
const ALMOST: [&str; 12] = [
    "/test.Probe/Call/",
    "/test.Probe/Call/x",
    "/test.Probe/Callx",
    "/test.Probe/Cal",
    "/test.Probe/call",
    "/test.Probe//Call",
    "//test.Probe/Call",
    "/test.Probe/./Call",
    "/test.Probe/x/../Call",
    "/test.Probe/%43all",
    "/test.Probe%2FCall",
    "/test.Probe/Call;x",
];

fn table() -> RuleTableBuilder {
    RuleTable::builder()
        .route(LEVEL, Rule::scopes(["stock:read"]))
        .route(ADJUST, Rule::scopes(["stock:write"]))
}

/// Two open paths, and two with rules.
async fn world() -> World {
    World::guarded(|bearer, _| {
        let open = [CALL, HEALTH];
        let table = open.into_iter().fold(table(), RuleTableBuilder::public);
        let table = table.build().unwrap();
        let bearer = bearer.public_paths(table.public_paths());
        (bearer, RequireLayer::by_path(table))
    })
    .await
}

#[tokio::test]
async fn bt_22_gr_09_an_open_path_needs_no_token_and_takes_no_bad_one() {
    let world = world().await;
    let good = world.sign(&world.draft());
    for open in [CALL, HEALTH, "/test.Probe/Call?x=/admin"] {
        let anonymous = world.admits(&Sent::lines([]).to(open), open).await;
        assert!(anonymous.is_none(), "{open}");
        let alice = world.admits(&Sent::token(&good).to(open), open).await;
        assert_eq!(alice.unwrap().subject(), "alice");
        let bad = Sent::token("x").to(open);
        world.refuses(&bad, INVALID, open).await;
    }
}

#[tokio::test]
async fn bt_22_no_other_spelling_of_an_open_path_is_open() {
    let world = world().await;
    let good = world.sign(&world.draft());
    for almost in ALMOST {
        let anonymous = Sent::lines([]).to(almost);
        world.refuses(&anonymous, MISSING, almost).await;
        let alice = Sent::token(&good).to(almost);
        world.refuses(&alice, NO_RULE, almost).await;
    }
}

#[tokio::test]
async fn gr_09_a_health_check_is_closed_unless_it_is_listed() {
    let world = World::start().await;
    let anonymous = Sent::lines([]).to(HEALTH);
    world.refuses(&anonymous, MISSING, "closed").await;
    let with_a_token = Sent::token(&world.sign(&world.draft())).to(HEALTH);
    world.admits(&with_a_token, "closed").await.unwrap();
}

#[tokio::test]
async fn bt_13_bt_22_gr_03_each_path_has_its_own_rule_and_no_other_is_allowed() {
    const WRITE: Refusal = Refusal {
        needed: Some(("scope", "stock:write")),
        challenge: Some(r#"Bearer error="insufficient_scope", scope="stock:write""#),
        ..SCOPE
    };
    let world = world().await;
    let good = world.sign(&world.draft());
    let at = |path: &str| Sent::token(&good).to(path);
    world.admits(&at(LEVEL), "read").await.unwrap();
    world.refuses(&at(ADJUST), WRITE, "write").await;
    world
        .refuses(&at("/test.Probe/Other"), NO_RULE, "other")
        .await;
    let writer = world.draft().claim("scope", r#""stock:write""#);
    let writer = world.sign(&writer);
    let at = |path: &str| Sent::token(&writer).to(path);
    world.admits(&at(ADJUST), "write").await.unwrap();
    world.refuses(&at(LEVEL), SCOPE, "read").await;
    for path in [LEVEL, ADJUST, "/test.Probe/Other"] {
        world
            .refuses(&Sent::lines([]).to(path), MISSING, path)
            .await;
    }
}

#[tokio::test]
async fn bt_22_a_rule_for_all_others_does_not_cover_what_may_be_another_path() {
    let world = World::guarded(|bearer, _| {
        let table = RuleTable::builder().route(CALL, Rule::service());
        let table = table.otherwise(Rule::user()).build().unwrap();
        (bearer, RequireLayer::by_path(table))
    })
    .await;
    let good = world.sign(&world.draft());
    let at = |path: &str| Sent::token(&good).to(path);
    for other in ["/test.Probe/Level", "/test.Probe/a%20b"] {
        world.admits(&at(other), other).await.unwrap();
    }
    for odd in &ALMOST[5..] {
        world.refuses(&at(odd), NO_RULE, odd).await;
    }
}

/// BT-22, GR-03
#[tokio::test]
async fn parameter_stands_for_one_grpc_method() {
    let world = World::guarded(|bearer, _| {
        let table = RuleTable::builder()
            .route("/test.Probe/{method}", Rule::scopes(["stock:read"]))
            .route(ADJUST, Rule::scopes(["stock:write"]))
            .otherwise(Rule::user());
        (bearer, RequireLayer::by_path(table.build().unwrap()))
    })
    .await;
    const WRITE: Refusal = Refusal {
        needed: Some(("scope", "stock:write")),
        challenge: Some(r#"Bearer error="insufficient_scope", scope="stock:write""#),
        ..SCOPE
    };
    let good = world.sign(&world.draft());
    let at = |path: &str| Sent::token(&good).to(path);
    for listed in [CALL, LEVEL] {
        world.admits(&at(listed), listed).await.unwrap();
    }
    world.refuses(&at(ADJUST), WRITE, "write").await;
    for near in [
        "/test.Probe/adjust",
        "/test.Probe/Adjust/",
        "/test.Probe/Call/",
        "/test.probe/Call",
        "/test.Probe/",
        "/test.Probe",
        "/test.Probe//Call",
        "/test.Probe/%41djust",
        "/test.Probe/x%2fAdjust",
    ] {
        world.refuses(&at(near), NO_RULE, near).await;
    }
}
