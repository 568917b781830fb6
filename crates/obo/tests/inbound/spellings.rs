//! Spellings of a listed path, and how three kinds of servers read them.

use http::{Method, Request, header};
use obo::require::RuleTableBuilder;
use obo::{Caller, Rule, RuleTable};

use crate::guarded::{Guarded, INSUFFICIENT, assert_refused};
use crate::issuer::FakeIssuer;

const LISTED: [&str; 6] = [
    "/",
    "/orders/admin",
    "/orders/slashed/",
    "/stock.Stock/Adjust",
    "/keys/s:k@1",
    "/MIXED/Case",
];

/// A server behind the table. It treats paths that it reads alike as the same path.
type Reading = fn(&str) -> Vec<u8>;

fn as_is(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        let escape = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (bytes, rest) = match escape.filter(|_| *first == b'%') {
            Some(byte) => ([bytes, vec![byte]].concat(), &tail[2..]),
            None => ([bytes, vec![*first]].concat(), tail),
        };
    }
    bytes
}

fn slash_insensitive(path: &str) -> Vec<u8> {
    let mut bytes = as_is(path);
    while bytes.last() == Some(&b'/') {
        bytes.pop();
    }
    bytes
}

fn case_insensitive(path: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&as_is(path)).into_owned();
    text.to_uppercase().to_lowercase().into_bytes()
}

fn both(path: &str) -> Vec<u8> {
    let bytes = slash_insensitive(path);
    case_insensitive(str::from_utf8(&bytes).unwrap_or_default())
}

const READINGS: [(&str, Reading); 4] = [
    ("as is", as_is),
    ("without the last slash", slash_insensitive),
    ("in any case", case_insensitive),
    ("both", both),
];

/// Other spellings of a path, and the path itself.
fn spellings(path: &str) -> Vec<String> {
    let one_other = |from: char, to: &str| path.replacen(from, to, 1);
    let cases = [
        path.to_owned(),
        path.to_uppercase(),
        path.to_lowercase(),
        one_other('a', "A"),
        one_other('A', "a"),
        one_other('k', "%E2%84%AA"),
        one_other('s', "%c5%bf"),
        one_other(':', "%3A"),
        one_other('@', "%40"),
        one_other('a', "%61"),
        one_other('.', "%2e"),
    ];
    let in_cases = cases.iter().flat_map(|path| {
        let trimmed = path.trim_end_matches('/');
        [
            path.clone(),
            trimmed.to_owned(),
            format!("{trimmed}/"),
            format!("{trimmed}//"),
            format!("{trimmed}/."),
            format!("{trimmed}%2f"),
            format!("/.{path}"),
            format!("/{path}"),
        ]
    });
    in_cases.filter(|path| path.starts_with('/')).collect()
}

async fn with_scope(idp: &FakeIssuer, scope: &str) -> Caller {
    let token = idp.token().claim("scope", scope).mint();
    Guarded::by(idp.known()).caller(&token).await
}

fn table() -> RuleTable {
    let table = RuleTable::builder().otherwise(Rule::scopes(["read"]));
    let admin = |t: RuleTableBuilder, path| t.route(path, Rule::scopes(["admin"]));
    LISTED.into_iter().fold(table, admin).build().unwrap()
}

/// BT-22
#[tokio::test]
async fn no_spelling_bypasses_a_rule() {
    let idp = FakeIssuer::new().await;
    let (reader, both_scopes) = (
        with_scope(&idp, "read").await,
        with_scope(&idp, "admin read").await,
    );
    let table = table();
    let mut read_as_listed = 0;
    for listed in LISTED {
        for spelling in spellings(listed) {
            let is_listed = LISTED.contains(&&*spelling);
            let allows = |caller: &Caller| table.check(&Method::GET, &spelling, caller).is_ok();
            assert_eq!(allows(&both_scopes), is_listed, "{spelling}");
            for (name, reading) in READINGS {
                if LISTED
                    .iter()
                    .any(|listed| reading(&spelling) == reading(listed))
                {
                    read_as_listed += 1;
                    assert!(
                        !allows(&reader),
                        "{spelling} is {listed} to a server {name}"
                    );
                }
            }
        }
    }
    assert!(read_as_listed > 400, "{read_as_listed}");
    for other in [
        "/orders",
        "/orders/administrator",
        "/orders/admin/1",
        "/ORDERS/1/",
        "/k/%c3%a4",
    ] {
        assert_eq!(table.check(&Method::GET, other, &reader), Ok(()), "{other}");
    }
}

/// BT-22
#[tokio::test]
async fn path_in_another_case_is_denied() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known()).requires_by(table());
    let token = idp.token().claim("scope", "admin read").mint();
    for path in [
        "/orders/ADMIN",
        "/Orders/admin",
        "/orders/Admin/",
        "/mixed/case",
    ] {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let response = guarded.send(request.body(()).unwrap()).await;
        assert_refused(&response, 403, &[INSUFFICIENT], path);
    }
}
