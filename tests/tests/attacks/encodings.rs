//! One token in other encodings (RFC 7515 §2 and §7, RFC 7519 §7.2, RFC 8725 §2).

use serde_json::json;

use crate::case::Case;
use crate::forge::{signed, signed_segments};
use crate::signer::base64url;
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = segments(of);
    cases.extend(letters(of));
    cases.extend(other_forms(of));
    cases.extend(texts(of));
    cases
}

/// Other numbers of segments, and empty ones.
fn segments(of: &Target<'_>) -> Vec<Case> {
    let token = of.at.good();
    let parts: Vec<&str> = token.split('.').collect();
    let (h, p, s) = (parts[0], parts[1], parts[2]);
    let forms = [
        h.to_owned(),
        format!("{h}."),
        format!(".{h}"),
        format!("{h}.{p}"),
        format!("{h}..{s}"),
        format!(".{p}.{s}"),
        format!("..{s}"),
        format!("{h}.."),
        format!(".{p}."),
        format!("{h}.{p}."),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{s}"),
        format!("{token}.."),
        format!("{h}.{p}..{s}"),
        format!("{h}..{p}.{s}"),
        format!("{token}.{token}"),
        format!("{h}.{h}.{p}.{s}"),
        format!("{h}.{p}.{p}.{s}"),
        format!("{h}.{p}.{s}.{s}.{s}"),
        format!("{h}.{p}.{s}.AA.AA"),
        format!("{h}.{h}.{s}"),
        format!("{p}.{p}.{s}"),
        format!("{p}.{h}.{s}"),
        format!("{s}.{p}.{h}"),
        format!("{h}.{s}.{p}"),
        ".".repeat(3),
        ".".repeat(4),
        ".".repeat(10_000),
        format!("{h}{p}{s}"),
        format!("{h}/{p}/{s}"),
        format!("{h}~{p}~{s}"),
        format!("{token}~"),
        format!("{token}/"),
    ];
    let forms = forms.into_iter().enumerate();
    forms
        .map(|(i, form)| Case::invalid(format!("segments {i}"), form))
        .collect()
}

/// Letters that a lenient decoder reads as the same bytes, signed as they are sent.
fn letters(of: &Target<'_>) -> Vec<Case> {
    let draft = of.at.draft();
    // With letters that differ between the two alphabets, and spare bits at the end.
    let claims = draft.clone().claim("note", r#""???>>>~~~""#).claims.json();
    let spaces = (0..3).map(|n| claims.replacen('{', &format!("{{{}", " ".repeat(n)), 1));
    let claims = spaces
        .into_iter()
        .find(|claims| claims.len() % 3 == 1)
        .unwrap();
    let header = draft.header.json();
    let spaces = (0..3).map(|n| header.replacen('{', &format!("{{{}", " ".repeat(n)), 1));
    let header = spaces
        .into_iter()
        .find(|header| header.len() % 3 == 1)
        .unwrap();
    let (header, claims) = (base64url(header), base64url(claims));
    assert!(claims.contains('_') || claims.contains('-'), "{claims}");
    let es = &of.at.keys.es;
    let mut cases = vec![Case::control(
        "the same letters",
        signed_segments(es, "ES256", &header, &claims),
    )];
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    // The last letter of a group of two has four spare bits.
    let trailing = |text: &str| {
        format!(
            "{}{}",
            &text[..text.len() - 1],
            next(text.chars().last().unwrap())
        )
    };
    type Edit<'e> = (&'static str, &'e dyn Fn(&str) -> String);
    let edits: [Edit<'_>; 8] = [
        ("one =", &|text| format!("{text}=")),
        ("two =", &|text| format!("{text}==")),
        ("the standard alphabet", &standard),
        ("spare bits", &trailing),
        ("a letter more", &|text| format!("{text}A")),
        ("two letters more", &|text| format!("{text}AA")),
        ("a letter less", &|text| text[..text.len() - 1].to_owned()),
        ("a tilde", &|text| format!("{text}~")),
    ];
    for (what, edit) in edits {
        let is_padded = what.ends_with('=');
        for (part, h, p) in [
            ("header", edit(&header), claims.clone()),
            ("payload", header.clone(), edit(&claims)),
        ] {
            if part == "header" && what.starts_with("the standard") {
                continue;
            }
            let token = signed_segments(es, "ES256", &h, &p);
            let name = format!("{what} in the {part}");
            // The header's grammar allows padding only at the end.
            cases.push(match is_padded {
                true => Case::malformed(name, token),
                false => Case::invalid(name, token),
            });
        }
        let token = loop {
            let token = signed_segments(es, "ES256", &header, &claims);
            if token.rsplit('.').next().unwrap().contains(['-', '_']) {
                break token;
            }
        };
        let (message, signature) = token.rsplit_once('.').unwrap();
        let name = format!("{what} in the signature");
        cases.push(Case::invalid(
            name,
            format!("{message}.{}", edit(signature)),
        ));
    }
    for (what, letter) in [
        ("a space", ' '),
        ("a tab", '\t'),
        ("a percent sign", '%'),
        ("a comma", ','),
        ("an e acute", '\u{e9}'),
        ("a joiner", '\u{200d}'),
    ] {
        let token = of.at.good();
        for at in [
            0,
            token.find('.').unwrap(),
            token.len() / 2,
            token.len() - 1,
        ] {
            let (start, end) = token.split_at(at);
            // At the start, it is one more space between scheme and token.
            if at > 0 || letter != ' ' {
                cases.push(Case::malformed(
                    format!("{what} at {at}"),
                    format!("{start}{letter}{end}"),
                ));
            }
        }
    }
    cases
}

fn next(letter: char) -> char {
    char::from(u8::try_from(letter).unwrap() + 1)
}

/// Texts that are not a compact JWS of claims.
fn other_forms(of: &Target<'_>) -> Vec<Case> {
    let token = of.at.good();
    let parts: Vec<&str> = token.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let general = json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }] });
    let mut cases = Vec::new();
    for (what, json) in [("flattened", &flattened), ("general", &general)] {
        cases.push(Case::malformed(format!("{what} JSON"), json.to_string()));
        cases.push(Case::invalid(
            format!("{what} JSON in base64url"),
            base64url(json.to_string()),
        ));
        let inside = of.at.sign_claims(json.to_string());
        cases.push(Case::invalid(format!("{what} JSON as the payload"), inside));
    }
    cases.push(Case::invalid("the token in base64url", base64url(&token)));
    let hex: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    cases.push(Case::invalid("the token in hex", hex));
    cases.push(Case::invalid("reversed", token.chars().rev().collect()));
    cases.push(Case::invalid("upper case", token.to_uppercase()));
    cases.push(Case::invalid("lower case", token.to_lowercase()));
    let es = &of.at.keys.es;
    let header = of.at.draft().header;
    let nested = header.json().replacen('{', r#"{"cty":"JWT","#, 1);
    for (what, payload) in [
        ("a token", token.clone()),
        ("a token in quotes", format!("{token:?}")),
        ("an array with a token", format!("[{token:?}]")),
    ] {
        let with_cty = signed(es, "ES256", nested.as_bytes(), payload.as_bytes());
        cases.push(Case::invalid(format!("nested: {what}"), with_cty));
        cases.push(Case::invalid(
            format!("nested without cty: {what}"),
            of.at.sign_claims(&payload),
        ));
    }
    for (alg, enc) in [
        ("dir", "A128GCM"),
        ("RSA-OAEP-256", "A256GCM"),
        ("ECDH-ES", "A128CBC-HS256"),
        ("none", "none"),
    ] {
        let header = base64url(format!(
            r#"{{"alg":"{alg}","enc":"{enc}","kid":"k-rsa","cty":"JWT"}}"#
        ));
        cases.push(Case::invalid(
            format!("JWE {alg} {enc}"),
            format!("{header}.AAAA.AAAA.AAAA.AAAA"),
        ));
        cases.push(Case::invalid(
            format!("JWE {alg} {enc} around claims"),
            format!("{header}..AAAA.{}.AAAA", parts[1]),
        ));
        cases.push(Case::invalid(
            format!("JWE header {alg} {enc}"),
            format!("{header}.{}.{}", parts[1], parts[2]),
        ));
    }
    for (what, text) in [
        (
            "an SD-JWT",
            format!("{token}~WyJzYWx0IiwgInN1YiIsICJhZG1pbiJd~"),
        ),
        ("a PASETO", format!("v4.public.{}", parts[1])),
        (
            "a macaroon",
            "MDAxY2xvY2F0aW9uIGh0dHA6Ly9teWJhbmsvCg".to_owned(),
        ),
        ("a UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned()),
        ("a GitHub token", format!("ghp_{}", "a".repeat(36))),
        ("SAML", base64url("<saml:Assertion/>")),
    ] {
        cases.push(Case::invalid(what, text));
    }
    cases
}

/// The JSON in other encodings and spellings, with a valid signature.
fn texts(of: &Target<'_>) -> Vec<Case> {
    let (header, claims) = (of.at.draft().header.json(), of.at.draft().claims.json());
    let mut cases = Vec::new();
    type Edit = (&'static str, fn(&str) -> Vec<u8>);
    let wrong: [Edit; 36] = [
        ("nothing", |_| Vec::new()),
        ("a space", |_| b" ".into()),
        ("an empty object", |_| b"{}".into()),
        ("null", |_| b"null".into()),
        ("a number", |_| b"1".into()),
        ("true", |_| b"true".into()),
        ("text", |json| format!("{json:?}").into()),
        ("an array of it", |json| format!("[{json}]").into()),
        ("an array of its values", |_| {
            br#"["alice","service-a"]"#.into()
        }),
        ("an object around it", |json| {
            format!("{{\"a\":{json}}}").into()
        }),
        ("twice", |json| format!("{json}{json}").into()),
        ("after an empty object", |json| format!("{{}}{json}").into()),
        ("before an empty object", |json| {
            format!("{json}{{}}").into()
        }),
        ("with a comma after it", |json| format!("{json},").into()),
        ("with a letter after it", |json| format!("{json}x").into()),
        ("with NUL after it", |json| format!("{json}\0").into()),
        ("with NUL before", |json| format!("\0{json}").into()),
        ("with a BOM", |json| format!("\u{feff}{json}").into()),
        ("with a no-break space before", |json| {
            format!("\u{a0}{json}").into()
        }),
        ("with a form feed before", |json| {
            format!("\x0c{json}").into()
        }),
        ("without its end", |json| json[..json.len() - 1].into()),
        ("without its start", |json| json[1..].into()),
        ("with a comma at its end", |json| {
            format!("{},}}", &json[..json.len() - 1]).into()
        }),
        ("with a comma at its start", |json| {
            json.replacen('{', "{,", 1).into()
        }),
        ("with a comment", |json| {
            json.replacen('{', "{/* */", 1).into()
        }),
        ("with a comment line", |json| format!("//\n{json}").into()),
        ("in single quotes", |json| json.replace('"', "'").into()),
        ("without quotes", |json| {
            json.replacen("\"alg\"", "alg", 1)
                .replacen("\"sub\"", "sub", 1)
                .into()
        }),
        ("with = for :", |json| json.replace("\":", "\"=").into()),
        ("with a line break in a name", |json| {
            json.replacen('{', "{\"a\nb\":1,", 1).into()
        }),
        ("with a wrong escape", |json| {
            json.replacen('{', r#"{"\x61":1,"#, 1).into()
        }),
        ("with half of a pair", |json| {
            json.replacen('{', r#"{"a":"\udc00","#, 1).into()
        }),
        ("with bytes that are not UTF-8", |json| {
            [&b"{\"a\":\"\xff\","[..], &json.as_bytes()[1..]].concat()
        }),
        ("with a longer form of a letter", |json| {
            [&b"{\"a\":\"\xc1\xa1\","[..], &json.as_bytes()[1..]].concat()
        }),
        ("in UTF-16", |json| {
            json.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }),
        ("in UTF-32", |json| {
            json.chars()
                .flat_map(|c| u32::from(c).to_be_bytes())
                .collect()
        }),
    ];
    for (what, edit) in wrong {
        cases.push(Case::invalid(
            format!("payload {what}"),
            of.at.sign_claims(edit(&claims)),
        ));
        cases.push(Case::invalid(
            format!("header {what}"),
            of.at.sign_header(edit(&header)),
        ));
    }
    let right: [Edit; 7] = [
        ("pretty", |json| {
            json.replace(',', " ,\r\n\t").replace("\":", "\" : ").into()
        }),
        ("with spaces around", |json| {
            format!(" \t\r\n{json}\n ").into()
        }),
        ("with a name in another script", |json| {
            json.replacen('{', "{\"\u{455}ub\":\"admin\",\"\u{430}lg\":\"none\",", 1)
                .into()
        }),
        ("with names in another case", |json| {
            json.replacen('{', r#"{"Sub":"admin","SUB":"admin","ALG":"none","#, 1)
                .into()
        }),
        ("with names around", |json| {
            json.replacen(
                '{',
                r#"{" sub":"admin","sub ":"admin","su\u0000b":"admin","#,
                1,
            )
            .into()
        }),
        ("with astral text", |json| {
            json.replacen('{', r#"{"a":"\ud83d\ude00","b":"😀","#, 1)
                .into()
        }),
        ("with NUL in text", |json| {
            json.replacen('{', r#"{"a":"\u0000","#, 1).into()
        }),
    ];
    for (what, edit) in right {
        cases.push(Case::control(
            format!("payload {what}"),
            of.at.sign_claims(edit(&claims)),
        ));
        cases.push(Case::control(
            format!("header {what}"),
            of.at.sign_header(edit(&header)),
        ));
    }
    cases
}
