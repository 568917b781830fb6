//! Actors (RFC 8693 §4.1, §4.3, §4.4).

use obo_tests::expected::{ACTOR, INVALID};

use crate::case::Case;
use crate::claims::of_claim;
use crate::target::Target;

/// This many nested actors, the allowed one outermost.
fn chain(depth: usize) -> String {
    let inner = (1..depth).fold(String::new(), |inner, _| match inner.is_empty() {
        true => r#"{"sub":"x"}"#.to_owned(),
        false => format!(r#"{{"sub":"x","act":{inner}}}"#),
    });
    match inner.is_empty() {
        true => r#"{"sub":"service-b"}"#.to_owned(),
        false => format!(r#"{{"sub":"service-b","act":{inner}}}"#),
    }
}

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = malformed(of);
    cases.extend(not_allowed(of));
    let iss = of.at.issuer();
    for (what, act, expected) in [
        (
            "of the own issuer",
            format!(r#"{{"iss":{iss:?},"sub":"service-b"}}"#),
            None,
        ),
        (
            "with a client",
            r#"{"sub":"service-b","client_id":"x"}"#.to_owned(),
            None,
        ),
        (
            "with unknown members",
            r#"{"sub":"service-b","x":[1],"exp":0}"#.to_owned(),
            None,
        ),
        (
            "with an escape",
            r#"{"\u0073ub":"service\u002db"}"#.to_owned(),
            None,
        ),
        ("16 deep", chain(16), None),
        ("17 deep", chain(17), Some(INVALID)),
        ("18 deep", chain(18), Some(INVALID)),
        ("127 deep", chain(127), Some(INVALID)),
        ("500 deep", chain(500), Some(INVALID)),
        (
            "of the other issuer",
            format!(r#"{{"iss":{:?},"sub":"service-b"}}"#, of.other.issuer()),
            Some(ACTOR),
        ),
        (
            "of nearly the own issuer",
            format!(r#"{{"iss":"{iss}/","sub":"service-b"}}"#),
            Some(ACTOR),
        ),
        (
            "of the trap",
            format!(r#"{{"iss":{:?},"sub":"service-b"}}"#, of.trap),
            Some(ACTOR),
        ),
    ] {
        let draft = of.at.draft().claim("act", &act);
        cases.push(Case::claims(what, &draft, expected));
    }
    for subject in [r#""bob""#, r#""service-b""#, r#""service-a""#] {
        let draft = of.at.draft().claim("sub", subject);
        cases.push(Case::claims(
            format!("on behalf of {subject}"),
            &draft,
            None,
        ));
    }
    cases
}

fn malformed(of: &Target<'_>) -> Vec<Case> {
    let malformed = [
        "null",
        "true",
        "false",
        "0",
        "1",
        r#""""#,
        r#""service-b""#,
        "[]",
        r#"["service-b"]"#,
        r#"[{"sub":"service-b"}]"#,
        "{}",
        r#"{"sub":""}"#,
        r#"{"sub":null}"#,
        r#"{"sub":1}"#,
        r#"{"sub":["service-b"]}"#,
        r#"{"sub":{"sub":"service-b"}}"#,
        r#"{"Sub":"service-b"}"#,
        r#"{"client_id":"service-b"}"#,
        r#"{"act":{"sub":"service-b"}}"#,
        r#"{"sub":"service-b","iss":""}"#,
        r#"{"sub":"service-b","iss":null}"#,
        r#"{"sub":"service-b","iss":1}"#,
        r#"{"sub":"service-b","client_id":""}"#,
        r#"{"sub":"service-b","client_id":1}"#,
        r#"{"sub":"service-b","act":null}"#,
        r#"{"sub":"service-b","act":[]}"#,
        r#"{"sub":"service-b","act":{}}"#,
        r#"{"sub":"service-b","act":"x"}"#,
        r#"{"sub":"service-b","act":[{"sub":"x"}]}"#,
        r#"{"sub":"service-b","act":{"sub":""}}"#,
        r#"{"sub":"service-b","act":{"sub":"x","act":1}}"#,
        r#"{"sub":"service-b",}"#,
        r#"{"sub":"service-b""#,
        r#"{"sub":"service-\ud800b"}"#,
    ];
    of_claim(of, "act", &malformed.map(|text| (text, Some(INVALID))))
}

fn not_allowed(of: &Target<'_>) -> Vec<Case> {
    let refused = |text| (text, Some(ACTOR));
    let others = [
        r#"{"sub":"service-x"}"#,
        r#"{"sub":"Service-B"}"#,
        r#"{"sub":"service-b "}"#,
        r#"{"sub":" service-b"}"#,
        r#"{"sub":"service"}"#,
        r#"{"sub":"service-b2"}"#,
        r#"{"sub":"service-\u0432"}"#,
        r#"{"sub":"service-b\u0000"}"#,
        r#"{"sub":"*"}"#,
        r#"{"sub":"alice"}"#,
        r#"{"sub":"service-a"}"#,
        r#"{"sub":"alices-app"}"#,
        r#"{"sub":"service-x","client_id":"service-b"}"#,
        r#"{"sub":"service-x","azp":"service-b"}"#,
        r#"{"sub":"service-x","name":"service-b"}"#,
        r#"{"sub":"service-x","act":{"sub":"service-b"}}"#,
        r#"{"sub":"service-x","act":{"sub":"y","act":{"sub":"service-b"}}}"#,
        r#"{"sub":"service-b,service-x"}"#,
        r#"{"sub":"[\"service-b\"]"}"#,
    ];
    let mut cases = of_claim(of, "act", &others.map(refused));
    let none: [(&str, &[(&str, &str)]); 7] = [
        ("nothing else", &[]),
        ("may_act", &[("may_act", r#"{"sub":"service-b"}"#)]),
        ("the client", &[("client_id", r#""service-b""#)]),
        ("the authorized party", &[("azp", r#""service-b""#)]),
        ("the subject", &[("sub", r#""service-b""#)]),
        (
            "another spelling",
            &[
                ("Act", r#"{"sub":"service-b"}"#),
                ("ACT", r#"{"sub":"service-b"}"#),
            ],
        ),
        (
            "a similar claim",
            &[
                ("actor", r#"{"sub":"service-b"}"#),
                ("actort", r#""service-b""#),
            ],
        ),
    ];
    for (who, claims) in none {
        let draft = claims
            .iter()
            .fold(of.at.draft().without("act"), |draft, (name, text)| {
                draft.claim(name, text)
            });
        cases.push(Case::claims(
            format!("no act, but {who}"),
            &draft,
            Some(ACTOR),
        ));
    }
    cases
}
