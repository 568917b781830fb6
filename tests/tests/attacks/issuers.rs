//! One issuer for another, and issuers that are not trusted (RFC 8725 §3.8, RFC 9068 §4).

use obo_tests::expected::INVALID;

use crate::case::Case;
use crate::forge::signed;
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = spelt(of);
    cases.extend(crossed(of));
    cases.extend(unreadable(of));
    cases
}

/// The claim decides, also in an introspection response.
pub(crate) fn spelt(of: &Target<'_>) -> Vec<Case> {
    let (own, trap) = (of.at.issuer(), of.trap);
    let port = own.rsplit_once(':').unwrap().1;
    let texts = [
        format!("{own}/"),
        format!("{own}//"),
        format!("{own}/."),
        format!("{own}/../"),
        format!("{own}?"),
        format!("{own}?a=b"),
        format!("{own}#"),
        format!("{own} "),
        format!(" {own}"),
        format!("{own}\u{0}"),
        format!("{own}\n"),
        format!("{own}\t"),
        own.replace("http", "HTTP"),
        own.replace("http", "https"),
        own.replace("http://", ""),
        own.replace("http://", "//"),
        own.replace("http://", "http:/"),
        own.replace("127.0.0.1", "localhost"),
        own.replace("127.0.0.1", "127.1"),
        own.replace("127.0.0.1", "2130706433"),
        own.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        own.replace("127.0.0.1", "127.0.0.1."),
        own.replace("127.0.0.1", "%31%32%37.0.0.1"),
        own.replace('.', "\u{ff0e}"),
        own.replace('1', "\u{ff11}"),
        own.replace('o', "\u{43e}").replace('h', "\u{4bb}"),
        format!("http://a:b@127.0.0.1:{port}"),
        format!("http://127.0.0.1:0{port}"),
        format!("{own}@{}", &trap[7..]),
        format!("{own}.evil.test"),
        format!("{own},{trap}"),
        format!("{own} {trap}"),
        format!("{own}\\@{}", &trap[7..]),
        own.chars().skip(1).collect(),
        own.chars().take(own.len() - 1).collect(),
        format!("{own}{own}"),
        trap.to_owned(),
        format!("{trap}/{own}"),
        format!("{trap}#{own}"),
        format!("{trap}?{own}"),
        format!("[\"{own}\"]"),
        "https://evil.test".to_owned(),
        "http://127.0.0.1".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:application/json,{}".to_owned(),
        "null".to_owned(),
        "*".to_owned(),
        " ".to_owned(),
        "/".to_owned(),
        "a".repeat(8_000),
    ];
    let mut cases = Vec::new();
    let quoted = texts.iter().map(|text| serde_json::json!(text).to_string());
    let typed = [
        format!("[{own:?}]"),
        format!("[{own:?},{trap:?}]"),
        format!("[{trap:?},{own:?}]"),
        format!("{{{own:?}:true}}"),
        format!("{{\"iss\":{own:?}}}"),
        format!("[[{own:?}]]"),
    ];
    for text in quoted.chain(typed) {
        let short: String = text.chars().take(70).collect();
        let draft = of.at.draft().claim("iss", &text);
        cases.push(Case::claims(format!("iss {short}"), &draft, Some(INVALID)));
    }
    let escaped = format!("\"\\u0068{}\"", &own[1..]);
    let draft = of.at.draft().claim("iss", &escaped);
    cases.push(Case::claims("iss with an escape", &draft, None));
    cases
}

/// Keys of one issuer, claims of another. All of them have keys of the same names.
fn crossed(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let draft = of.at.draft();
    let of_other = of.other.draft();
    for (own, others) in of.at.keys.all().into_iter().zip(of.other.keys.all()) {
        let alg = own.alg;
        let named = |draft: &obo_test_support::Draft| {
            let kid = format!("{:?}", own.kid);
            draft
                .clone()
                .header("alg", &format!("{alg:?}"))
                .header("kid", &kid)
        };
        let by = |key, draft: &obo_test_support::Draft| {
            let (header, claims) = (draft.header.json(), draft.claims.json());
            signed(key, alg, header.as_bytes(), claims.as_bytes())
        };
        let other_issuer = format!("{:?}", of.other.issuer());
        cases.extend([
            Case::invalid(
                format!("{alg}: own claims, the other's key"),
                by(others, &named(&draft)),
            ),
            Case::invalid(
                format!("{alg}: own claims, an attacker's key"),
                by(attackers(of, alg), &named(&draft)),
            ),
            Case::invalid(
                format!("{alg}: the other's claims, own key"),
                by(own, &named(&of_other)),
            ),
            Case::invalid(
                format!("{alg}: the other's name in own claims, own key"),
                by(own, &named(&draft.clone().claim("iss", &other_issuer))),
            ),
            Case::invalid(
                format!("{alg}: the other's name in own claims, the other's key"),
                by(others, &named(&draft.clone().claim("iss", &other_issuer))),
            ),
            Case::invalid(
                format!("{alg}: the other's claims for the audience of the own"),
                by(
                    others,
                    &named(&of_other.clone().claim("aud", r#""service-a""#)),
                ),
            ),
            Case::control(
                format!("{alg}: the other's claims and key"),
                by(others, &named(&of_other)),
            ),
        ]);
    }
    let mut swapped = of.at.draft();
    swapped.header.set("iss", format!("{:?}", of.at.issuer()));
    swapped.claims.remove("iss");
    cases.push(Case::invalid(
        "iss in the header alone",
        of.at.sign(&swapped),
    ));
    let without_iss = of.at.draft().without("iss");
    cases.push(Case::invalid("no iss", of.at.sign(&without_iss)));
    cases
}

/// Tokens of the other issuer that cannot be read here. They are not introspected (IN-08).
fn unreadable(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("alg", r#""ML-DSA-65""#),
        ("alg", r#""ES512""#),
        ("alg", r#""HS256""#),
        ("alg", "1"),
        ("crit", r#"["x"]"#),
        ("zip", r#""DEF""#),
        ("cty", r#""JWT""#),
        ("kid", "1"),
        ("typ", "[]"),
    ] {
        let draft = of.other.draft().header(name, value);
        let token = of.other.sign(&draft);
        cases.push(Case::invalid(format!("the other's, {name} {value}"), token));
    }
    for (name, value) in [
        ("exp", r#""x""#),
        ("sub", "1"),
        ("act", "[]"),
        ("aud", "{}"),
        ("x", r#"{"a":1,"a":1}"#),
    ] {
        let token = of.other.sign(&of.other.draft().claim(name, value));
        cases.push(Case::invalid(format!("the other's, {name} {value}"), token));
    }
    let (own, other) = (of.at.issuer(), of.other.issuer());
    for (what, claims) in [
        ("both", format!(r#"{{"iss":{own:?},"iss":{other:?}}}"#)),
        (
            "both, the other first",
            format!(r#"{{"iss":{other:?},"iss":{own:?}}}"#),
        ),
        (
            "both in an array",
            format!(r#"{{"iss":[{own:?},{other:?}]}}"#),
        ),
        (
            "with an escape",
            format!(r#"{{"\u0069ss":{other:?},"exp":"x"}}"#),
        ),
    ] {
        cases.push(Case::invalid(
            format!("names {what}"),
            of.at.sign_claims(claims),
        ));
    }
    cases
}

fn attackers<'w>(of: &Target<'w>, alg: &str) -> &'w crate::signer::Signer {
    let mut keys = of.attacker.all().into_iter();
    keys.find(|key| key.alg == alg).unwrap()
}
