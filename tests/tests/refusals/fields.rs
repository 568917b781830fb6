//! Every claim and header member that matters, damaged in every way.

use serde_json::Value;

use crate::world::{Sent, World};
use obo_test_support::Draft;
use obo_tests::expected::{ACTOR, INVALID, Refusal, SCOPE};

/// `ok` is admitted, with exactly the subject of the token; `401` is `invalid_token`; the rule
/// refuses `scope` and `actor`.
const TABLE: &str = "
              missing  null  type  empty  prefix  suffix  case   duplicate  huge
    iss       401      401   401   401    401     401     401    401        401
    sub       401      401   401   401    ok      ok      ok     401        401
    aud       401      401   401   401    401     401     401    401        401
    exp       401      401   401   401    401     ok      ok     401        401
    nbf       ok       401   401   401    ok      401     ok     401        401
    iat       401      401   401   401    401     401     ok     401        401
    jti       401      401   401   401    ok      ok      ok     401        401
    client_id 401      401   401   401    ok      ok      ok     401        401
    scope     scope    401   401   scope  scope   scope   scope  401        401
    act       actor    401   401   401    actor   actor   actor  401        401
    typ       401      401   401   401    401     401     ok     401        401
    alg       401      401   401   401    401     401     401    401        401
    kid       ok       401   401   401    401     401     401    401        401
";

const HEADER: [&str; 3] = ["typ", "alg", "kid"];
const TIMES: [&str; 3] = ["exp", "nbf", "iat"];

/// The tokens that result from one damage to one member.
fn damaged(base: &Draft, field: &str, damage: &str) -> Vec<Draft> {
    let in_header = HEADER.contains(&field);
    let members = if in_header {
        &base.header
    } else {
        &base.claims
    };
    let text = members.text(field).to_owned();
    let edited = |edit: &dyn Fn(&mut obo_test_support::Members)| {
        let mut draft = base.clone();
        edit(if in_header {
            &mut draft.header
        } else {
            &mut draft.claims
        });
        draft
    };
    match damage {
        "missing" => vec![edited(&|members| members.remove(field))],
        "duplicate" => vec![edited(&|members| members.repeat(field, &text))],
        _ => {
            let values = match damage {
                "null" => vec!["null".to_owned()],
                "type" => wrong_types(field).map(str::to_owned).to_vec(),
                "empty" => empty(field).iter().map(|v| (*v).to_owned()).collect(),
                "huge" => huge(field),
                _ => vec![respelled(field, &text, damage)],
            };
            let with = |value: &String| edited(&|members| members.set(field, value));
            values.iter().map(with).collect()
        }
    }
}

fn wrong_types(field: &str) -> [&'static str; 5] {
    match field {
        "exp" | "nbf" | "iat" => [r#""1700000000""#, "true", "[1700000000]", "{}", "-1"],
        "aud" => [
            "1",
            "true",
            "{}",
            r#"["service-a",1]"#,
            r#"[["service-a"]]"#,
        ],
        "act" => [
            r#""service-b""#,
            r#"["service-b"]"#,
            "1",
            r#"{"sub":1}"#,
            r#"{"client_id":"service-b"}"#,
        ],
        _ => ["1", "true", r#"["alice"]"#, r#"{"sub":"alice"}"#, "[]"],
    }
}

fn empty(field: &str) -> &'static [&'static str] {
    match field {
        "aud" => &[r#""""#, "[]", r#"[""]"#],
        "act" => &["{}", r#"{"sub":""}"#],
        _ => &[r#""""#],
    }
}

fn huge(field: &str) -> Vec<String> {
    let longest = "a".repeat(20_000);
    match field {
        "exp" | "nbf" | "iat" => ["1e400", "9007199254740993", "18446744073709551616"]
            .map(str::to_owned)
            .to_vec(),
        "act" => vec![format!(r#"{{"sub":{longest:?}}}"#)],
        "kid" => vec![format!("{:?}", "k".repeat(257)), format!("{longest:?}")],
        _ => vec![format!("{longest:?}")],
    }
}

/// The value without its last character, with one more, or in another case.
fn respelled(field: &str, text: &str, damage: &str) -> String {
    let respell = |text: &str| match damage {
        "prefix" => text[..text.len() - 1].to_owned(),
        "suffix" if TIMES.contains(&field) => format!("{text}0"),
        "suffix" => format!("{text}x"),
        // The same number, in JSON's other spelling.
        "case" if TIMES.contains(&field) => format!("{text}0E-1"),
        "case" if text.chars().any(char::is_lowercase) => text.to_uppercase(),
        "case" => text.to_lowercase(),
        _ => panic!("unknown damage: {damage}"),
    };
    match serde_json::from_str(text).unwrap() {
        Value::String(text) => format!("{:?}", respell(&text)),
        Value::Object(act) => format!(r#"{{"sub":{:?}}}"#, respell(act["sub"].as_str().unwrap())),
        _ => respell(text),
    }
}

async fn check(world: &World, draft: &Draft, expected: Option<Refusal>, why: &str) {
    let sent = Sent::token(&world.sign(draft));
    let Some(refusal) = expected else {
        let caller = world.admits(&sent, why).await.unwrap();
        let claim = |name| serde_json::from_str::<String>(draft.claims.text(name)).unwrap();
        assert_eq!(caller.subject(), claim("sub"), "{why}");
        assert_eq!(caller.client_id(), Some(&*claim("client_id")), "{why}");
        assert_eq!(caller.token_id(), Some(&*claim("jti")), "{why}");
        return;
    };
    world.refuses(&sent, refusal, why).await;
}

/// BT-12, GR-02, JW-30
#[tokio::test]
async fn damaged_fields_match_the_table() {
    let world = World::start().await;
    let mut rows = TABLE.lines().filter(|line| !line.is_empty());
    let damages: Vec<&str> = rows.next().unwrap().split_whitespace().collect();
    assert_eq!(damages.len(), 9);
    let mut cells = 0;
    for row in rows {
        let (field, outcomes) = row.trim().split_once(' ').unwrap_or_default();
        let outcomes: Vec<&str> = outcomes.split_whitespace().collect();
        assert!(field.is_empty() || outcomes.len() == damages.len(), "{row}");
        for (damage, outcome) in damages.iter().zip(outcomes) {
            let expected = match outcome {
                "ok" => None,
                "401" => Some(INVALID),
                "scope" => Some(SCOPE),
                "actor" => Some(ACTOR),
                _ => panic!("unknown outcome: {outcome}"),
            };
            let base = world.draft();
            for (n, draft) in damaged(&base, field, damage).iter().enumerate() {
                let why = format!("{field} {damage} {n}");
                check(&world, draft, expected, &why).await;
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 13 * 9);
}

/// BT-01, JW-35
#[tokio::test]
async fn equivalent_tokens_are_accepted() {
    let world = World::start().await;
    for (why, draft) in [
        ("whole", world.draft()),
        (
            "media type",
            world.draft().header("typ", r#""application/AT+jwt""#),
        ),
        (
            "audiences",
            world.draft().claim("aud", r#"["x","service-a"]"#),
        ),
        ("no nbf", world.draft().without("nbf")),
        (
            "8 kB",
            world
                .draft()
                .claim("note", &format!("{:?}", "n".repeat(8_000))),
        ),
        (
            "prior actors",
            world
                .draft()
                .claim("act", r#"{"sub":"service-b","act":{"sub":"x"}}"#),
        ),
    ] {
        check(&world, &draft, None, why).await;
    }
}
