//! Every reason to refuse a request, each caused by a request.

use std::collections::BTreeSet;

use obo_testkit::{Endpoint, Fault, TestAlg, TestKey};

use crate::world::{Sent, World};
use obo_test_support::Draft;
use obo_tests::expected::{
    ACTOR, INVALID, MALFORMED, MISCONFIGURED, MISSING, Refusal, SCOPE, STEP_UP, SUBJECT,
    UNAVAILABLE, UNINTROSPECTED,
};
use obo_tests::servers::{CALL, MISREAD};

/// The code of the rejection, the request that causes it, and the refusal response.
type Row = (&'static str, Sent, Refusal);

fn requests(world: &World) -> Vec<Row> {
    let good = world.sign(&world.draft());
    let line = format!("Bearer {good}");
    let query = format!("{CALL}?access_token={good}");
    vec![
        ("missing_credentials", Sent::lines([]), MISSING),
        ("missing_credentials", Sent::lines([]).to(&query), MISSING),
        ("missing_credentials", Sent::lines(["Basic YTpi"]), MISSING),
        ("missing_credentials", Sent::lines([""]), MISSING),
        ("invalid_request", Sent::lines([&line, &line]), MALFORMED),
        ("invalid_request", Sent::token(&good).to(&query), MALFORMED),
        ("malformed_credentials", Sent::token("a b"), MALFORMED),
        ("malformed_credentials", Sent::lines(["Bearer"]), MALFORMED),
        (
            "misconfigured",
            Sent::token(&good).to(MISREAD),
            MISCONFIGURED,
        ),
    ]
}

fn at(draft: &Draft, claim: &str, offset: i64) -> String {
    let time: i64 = draft.claims.text(claim).parse().unwrap();
    (time + offset).to_string()
}

fn tokens(world: &World) -> Vec<Row> {
    let base = world.draft();
    let signed = |draft: &Draft| Sent::token(&world.sign(draft));
    let header = |name: &str, text: &str| signed(&base.clone().header(name, text));
    let foreign = base.sign(&TestKey::generate(TestAlg::Es256).private_pem());
    let mut of_one_of_two = base.clone().header("alg", r#""EdDSA""#);
    of_one_of_two.header.remove("kid");
    let invalid = [
        ("token_too_long", Sent::token(&"a".repeat(17_000))),
        ("malformed_token", Sent::token("x")),
        ("malformed_token", Sent::token("a.b.c.d.e")),
        ("unsupported_header", header("crit", r#"["exp"]"#)),
        ("algorithm_not_allowed", header("alg", r#""HS256""#)),
        ("algorithm_not_allowed", header("alg", r#""none""#)),
        ("wrong_type", header("typ", r#""JWT""#)),
        ("unknown_key", header("kid", r#""k-of-no-issuer""#)),
        ("ambiguous_key", signed(&of_one_of_two)),
        ("bad_signature", Sent::token(&foreign)),
    ];
    let mut rows: Vec<Row> = invalid
        .into_iter()
        .map(|(code, sent)| (code, sent, INVALID))
        .collect();
    let of_claims = claims(&base).into_iter();
    rows.extend(of_claims.map(|(code, draft, refusal)| (code, signed(&draft), refusal)));
    rows
}

/// Rejections for claims alone, with keys and with introspection.
fn claims(base: &Draft) -> Vec<(&'static str, Draft, Refusal)> {
    let claim = |name: &str, text: &str| base.clone().claim(name, text);
    let mut twice = base.clone();
    twice.claims.repeat("custom", "1");
    twice.claims.repeat("custom", "1");
    let deep = (0..17).fold(String::new(), |inner, _| {
        let inner = if inner.is_empty() {
            inner
        } else {
            format!(r#","act":{inner}"#)
        };
        format!(r#"{{"sub":"service-b"{inner}}}"#)
    });
    let invalid = [
        ("unknown_issuer", claim("iss", r#""https://evil.example""#)),
        ("wrong_audience", claim("aud", r#""service-b""#)),
        ("expired", claim("exp", &at(base, "exp", -361))),
        ("not_yet_valid", claim("nbf", &at(base, "nbf", 120))),
        ("issued_in_future", claim("iat", &at(base, "iat", 120))),
        ("too_old", claim("iat", &at(base, "iat", -366 * 86_400))),
        ("missing_claim", base.clone().without("jti")),
        ("invalid_claim", claim("sub", "1")),
        ("duplicate_member", twice),
        ("not_an_access_token", claim("nonce", r#""n""#)),
        ("binding_not_checked", claim("cnf", r#"{"jkt":"x"}"#)),
        ("actor_depth", claim("act", &deep)),
        ("custom_claims", claim("tenant", "1")),
    ];
    let insufficient = [
        ("insufficient_scope", claim("scope", r#""stock""#), SCOPE),
        ("actor_refused", base.clone().without("act"), ACTOR),
        (
            "actor_refused",
            claim("act", r#"{"sub":"service-x"}"#),
            ACTOR,
        ),
        ("subject_refused", claim("client_id", r#""alice""#), SUBJECT),
        ("step_up", claim("acr", r#""silver""#), STEP_UP),
        ("step_up", base.clone().without("acr"), STEP_UP),
    ];
    let invalid = invalid.into_iter();
    invalid
        .map(|(code, draft)| (code, draft, INVALID))
        .chain(insufficient)
        .collect()
}

/// The code of the rejection, by the server or by the rule.
async fn code(world: &World, sent: &Sent) -> Option<&'static str> {
    let [line] = &*sent.authorization else {
        return None;
    };
    let refused = match world.server.validate(line.strip_prefix("Bearer ")?).await {
        Ok(caller) => world.rule.check(&caller),
        Err(rejection) => Err(rejection),
    };
    refused.err().map(|rejection| rejection.code())
}

async fn check(world: &World, (expected, sent, refusal): &Row) {
    let code = code(world, sent).await;
    assert!(
        code.is_none_or(|code| code == *expected),
        "{expected}: {code:?}"
    );
    world.refuses(sent, *refusal, expected).await;
}

/// BT-09, BT-10, BT-11, GR-01, GR-05
#[tokio::test]
async fn bad_credentials_are_rejected() {
    let world = World::start().await;
    for row in &requests(&world) {
        check(&world, row).await;
    }
}

/// BT-09, BT-12, BT-13, BT-19, GR-02, GR-03
#[tokio::test]
async fn each_token_error_has_its_refusal() {
    let world = World::start().await;
    let rows = tokens(&world);
    for row in &rows {
        check(&world, row).await;
        assert_eq!(code(&world, &row.1).await, Some(row.0));
    }
    let codes: BTreeSet<_> = rows.iter().map(|(code, ..)| code).collect();
    assert_eq!(codes.len(), 25);
}

/// BT-18, GR-04
#[tokio::test]
async fn missing_keys_are_unavailable() {
    let world = World::start().await;
    world.idp.fault(Endpoint::Jwks, Fault::Status(500));
    let sent = Sent::token(&world.sign(&world.draft()));
    check(&world, &("keys_unavailable", sent.clone(), UNAVAILABLE)).await;
    assert_eq!(code(&world, &sent).await, Some("keys_unavailable"));
    let evil = world.draft().claim("iss", r#""https://evil.example""#);
    let sent = Sent::token(&world.sign(&evil));
    check(&world, &("unknown_issuer", sent, INVALID)).await;
}

/// IN-05, BT-09, BT-19
#[tokio::test]
async fn introspected_claims_fail_alike() {
    let world = World::introspecting().await;
    for (expected, sent, refusal) in &requests(&world) {
        // There the token is valid by its keys, and must be introspected.
        if *expected != "misconfigured" {
            world.refuses(sent, *refusal, expected).await;
        }
    }
    assert_eq!(world.idp.introspection_requests(), 0);
    let good = world.draft();
    let introspects_to = |draft: &Draft| {
        let claims = draft.claims.json();
        world.idp.heal();
        world.idp.fault(
            Endpoint::Introspection,
            Fault::Body(claims.replacen('{', r#"{"active":true,"#, 1)),
        );
    };
    introspects_to(&good);
    world.admits(&Sent::token("good"), "good").await;
    for (i, (expected, draft, refusal)) in claims(&good).into_iter().enumerate() {
        introspects_to(&draft);
        let sent = Sent::token(&format!("opaque-{i}"));
        check(&world, &(expected, sent.clone(), refusal)).await;
        assert_eq!(code(&world, &sent).await, Some(expected));
    }
    world.idp.heal();
    let forged = Sent::token("forged");
    check(&world, &("inactive", forged.clone(), INVALID)).await;
    assert_eq!(code(&world, &forged).await, Some("inactive"));
    // One introspection request for each token, for all servers and protocols together.
    assert_eq!(world.idp.introspection_requests(), 21);
}

/// BT-18, GR-04
#[tokio::test]
async fn failed_introspection_is_unavailable() {
    let world = World::introspecting().await;
    world
        .idp
        .fault(Endpoint::Introspection, Fault::Body("{}".to_owned()));
    let sent = Sent::token("opaque");
    check(
        &world,
        &("introspection_unavailable", sent.clone(), UNINTROSPECTED),
    )
    .await;
    assert_eq!(code(&world, &sent).await, Some("introspection_unavailable"));
}
