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

/// BT-22, GR-09
#[tokio::test]
async fn open_path_accepts_no_bad_token() {
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

/// BT-22
#[tokio::test]
async fn other_spellings_are_not_open() {
    let world = world().await;
    let good = world.sign(&world.draft());
    for almost in ALMOST {
        let anonymous = Sent::lines([]).to(almost);
        world.refuses(&anonymous, MISSING, almost).await;
        let alice = Sent::token(&good).to(almost);
        world.refuses(&alice, NO_RULE, almost).await;
    }
}

/// GR-09
#[tokio::test]
async fn unlisted_health_check_is_closed() {
    let world = World::start().await;
    let anonymous = Sent::lines([]).to(HEALTH);
    world.refuses(&anonymous, MISSING, "closed").await;
    let with_a_token = Sent::token(&world.sign(&world.draft())).to(HEALTH);
    world.admits(&with_a_token, "closed").await.unwrap();
}

/// BT-13, BT-22, GR-03
#[tokio::test]
async fn each_path_has_only_its_rule() {
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

/// BT-22
#[tokio::test]
async fn otherwise_skips_ambiguous_paths() {
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
async fn parameter_is_one_grpc_method() {
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
