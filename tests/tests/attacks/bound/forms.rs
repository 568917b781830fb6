//! The form of a proof: header lines, encodings, duplicate members and sizes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obo_test_support::base64url;
use obo_tests::expected::{MALFORMED as MALFORMED_TOKEN, PROOF};

use super::draft::Proof;
use super::world::{Holder, proven};
use crate::case::{Case, Sent};

const MALFORMED: Option<&str> = Some("proof_malformed");
const SEVERAL: Option<&str> = Some("proof_several");
const TOO_LONG: Option<&str> = Some("proof_too_long");
const DUPLICATE: Option<&str> = Some("proof_duplicate_member");

pub(super) fn lines(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let refused = |name: &str, sent: Sent, code: &'static str| {
        Case::request(name, sent, Some(PROOF)).because(code)
    };
    let token = holder.token();
    let proof = || holder.proof(&token).text();
    let line = || Sent::line(format!("DPoP {token}"));
    cases.push(Case::request(
        "one line",
        line().field("dpop", proof()),
        None,
    ));
    cases.push(refused("no line", line(), "proof_missing"));
    for name in [
        "dpop-proof",
        "x-dpop",
        "d-pop",
        "proof",
        "authorization-dpop",
    ] {
        let sent = line().field(name, proof());
        cases.push(refused(&format!("field {name}"), sent, "proof_missing"));
    }
    let right = proof();
    let again = proven(&token, &right).field("dpop", &right);
    cases.push(refused("the same line twice", again, "proof_several"));
    for (name, first, second) in [
        ("two proofs", proof(), proof()),
        ("a good line, then a bad one", proof(), "x".to_owned()),
        ("a bad line, then a good one", "x".to_owned(), proof()),
        ("an empty line first", String::new(), proof()),
        ("an empty line last", proof(), String::new()),
    ] {
        let sent = proven(&token, first).field("dpop", second);
        cases.push(refused(name, sent, "proof_several"));
    }
    for (name, value) in [
        ("two in one line", format!("{},{}", proof(), proof())),
        ("with a blank", format!("{}, {}", proof(), proof())),
        ("a comma after", format!("{},", proof())),
        ("a comma before", format!(",{}", proof())),
        ("a bad one after", format!("{},x", proof())),
    ] {
        cases.push(holder.case(name, &token, value, SEVERAL));
    }
    for (name, value) in [
        ("the scheme before", format!("DPoP {}", proof())),
        ("in quotes", format!("\"{}\"", proof())),
        ("two with a blank", format!("{} {}", proof(), proof())),
        ("in brackets", format!("<{}>", proof())),
        ("as a structured field", format!(":{}:", proof())),
    ] {
        cases.push(holder.case(name, &token, value, MALFORMED));
    }
    cases.push(holder.case("empty", &token, "", MALFORMED));
    let signature = Some("proof_bad_signature");
    let parameter = format!("{};a=b", proof());
    cases.push(holder.case("a parameter after", &token, parameter, signature));
    for (name, before, after, code) in [
        ("blank before", " ", "", MALFORMED),
        ("blank after", "", " ", signature),
        ("tab after", "", "\t", signature),
    ] {
        let value = format!("{before}{}{after}", proof());
        // Only HTTP/1.1 removes white space around a value.
        cases.push(holder.case(name, &token, value, code).not_over_http1());
    }
    // Several `Authorization` lines stay a malformed request, whatever they have.
    let (plain, other) = (holder.world.plain(), holder.token());
    for (name, first, second) in [
        (
            "the same token twice",
            format!("DPoP {token}"),
            format!("DPoP {token}"),
        ),
        (
            "two tokens",
            format!("DPoP {token}"),
            format!("DPoP {other}"),
        ),
        (
            "then Bearer",
            format!("DPoP {token}"),
            format!("Bearer {token}"),
        ),
        (
            "then a plain token",
            format!("DPoP {token}"),
            format!("Bearer {plain}"),
        ),
        (
            "a plain token first",
            format!("Bearer {plain}"),
            format!("DPoP {token}"),
        ),
        (
            "Basic first",
            "Basic YTpi".to_owned(),
            format!("DPoP {token}"),
        ),
        (
            "Basic last",
            format!("DPoP {token}"),
            "Basic YTpi".to_owned(),
        ),
        (
            "an empty line first",
            String::new(),
            format!("DPoP {token}"),
        ),
    ] {
        let scheme = first.split(' ').next().unwrap_or_default().to_owned();
        let sent = Sent::line(first).field("authorization", second);
        let sent = sent.field("dpop", proof());
        let refusal = holder.under(MALFORMED_TOKEN, &scheme);
        let case = Case::request(format!("authorization: {name}"), sent, Some(refusal));
        cases.push(case.because("invalid_request"));
    }
    let in_query = proven(&token, proof()).query(&format!("access_token={token}"));
    let refusal = holder.under(MALFORMED_TOKEN, "DPoP");
    cases.push(Case::request(
        "the token in the query too",
        in_query,
        Some(refusal),
    ));
    let elsewhere = Sent::nothing().query(&format!("access_token={token}&dpop={}", proof()));
    let refusal = holder.under(obo_tests::expected::MISSING, "");
    cases.push(Case::request("both in the query", elsewhere, Some(refusal)));
    let alone = Sent::nothing().field("dpop", proof());
    cases.push(Case::request(
        "a proof without a token",
        alone,
        Some(refusal),
    ));
    cases
}

pub(super) fn encodings(holder: &Holder<'_>) -> Vec<Case> {
    let token = holder.token();
    let mut cases = Vec::new();
    let fresh = || holder.proof(&token);
    let (header, claims) = fresh().segments();
    let signature = |proof: &str| proof.rsplit_once('.').unwrap().1.to_owned();
    let good = fresh().text();
    let sig = signature(&good);
    for (name, text) in [
        ("one segment", header.clone()),
        ("two segments", format!("{header}.{claims}")),
        ("four segments", format!("{good}.{sig}")),
        (
            "five segments",
            format!("{header}.{claims}.{claims}.{sig}.{sig}"),
        ),
        ("no header", format!(".{claims}.{sig}")),
        ("dots", "..".to_owned()),
        ("a dot", ".".to_owned()),
        ("a word", "proof".to_owned()),
        (
            "a JSON serialization",
            format!("{{\"protected\":\"{header}\"}}"),
        ),
        ("percent-encoded", good.replace('.', "%2E")),
        ("another dot", good.replace('.', "\u{2024}")),
        ("padded header", format!("{header}==.{claims}.{sig}")),
        (
            "a blank in the header",
            format!("{} {}.{claims}.{sig}", &header[..8], &header[8..]),
        ),
        ("twice encoded", base64url(&good)),
    ] {
        cases.push(holder.case(name, &token, text, MALFORMED));
    }
    let detached = format!("{header}..{sig}");
    cases.push(holder.case("a detached payload", &token, detached, MALFORMED));
    // Bits left over and other alphabets, signed as they are.
    let signed =
        |header: &str, claims: &str| holder.key().compact_of_segments("ES256", header, claims);
    let text = |proof: &Proof<'_>| (proof.header.json(), proof.claims.json());
    let with_rest = |json: &str, rest: usize| {
        // White space changes nothing but the length.
        let blanks = (rest + 3 - json.len() % 3) % 3;
        json.replacen('{', &format!("{{{}", " ".repeat(blanks)), 1)
    };
    for rest in [1, 2] {
        let (header, claims) = text(&fresh());
        let (header, claims) = (with_rest(&header, rest), with_rest(&claims, rest));
        let (header, claims) = (base64url(header), base64url(claims));
        let more = |text: &str| {
            let (start, last) = text.split_at(text.len() - 1);
            format!("{start}{}", char::from(last.as_bytes()[0] + 1))
        };
        let control = signed(&header, &claims);
        cases.push(holder.case(
            format!("{rest} bytes in the last group"),
            &token,
            control,
            None,
        ));
        for (name, header, claims) in [
            ("header", more(&header), claims.clone()),
            ("payload", header.clone(), more(&claims)),
        ] {
            let name = format!("bits left over in the {name} of {rest}");
            cases.push(holder.case(name, &token, signed(&header, &claims), MALFORMED));
        }
        for (name, header, claims) in [
            ("header", format!("{header}="), claims.clone()),
            ("payload", header.clone(), format!("{claims}=")),
            ("end of the payload", header.clone(), format!("{claims}A")),
        ] {
            let name = format!("padding at the {name} of {rest}");
            cases.push(holder.case(name, &token, signed(&header, &claims), MALFORMED));
        }
    }
    // The last of 86 characters has four bits too many.
    let last = good.as_bytes()[good.len() - 1];
    let left_over = format!("{}{}", &good[..good.len() - 1], char::from(last + 1));
    let code = Some("proof_bad_signature");
    cases.push(holder.case("bits left over in the signature", &token, left_over, code));
    let odd = |proof: &Proof<'_>| {
        let claims = proof
            .claims
            .json()
            .replacen('{', "{\"a\":\"\u{fb}\u{fb}\u{ff}?>?>\",", 1);
        (proof.header.json(), claims)
    };
    let (header, claims) = odd(&fresh());
    let control = signed(&base64url(&header), &base64url(&claims));
    cases.push(holder.case("characters beyond ASCII", &token, control, None));
    let other = signed(
        &base64url(&header),
        STANDARD.encode(&claims).trim_end_matches('='),
    );
    cases.push(holder.case("the standard alphabet", &token, other, MALFORMED));
    cases.extend(texts(holder, &token));
    cases
}

/// Headers and payloads that are not JSON objects in UTF-8.
fn texts(holder: &Holder<'_>, token: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let fresh = || holder.proof(token);
    let parts = |proof: &Proof<'_>| (proof.header.json(), proof.claims.json());
    let (header, claims) = parts(&fresh());
    let around = |json: &str| format!(" \r\n\t{json}\n ");
    let proof = fresh().signed(around(&header).as_bytes(), around(&claims).as_bytes());
    cases.push(holder.case("white space around", token, proof, None));
    let mut both = |name: &str, change: &dyn Fn(&str) -> Vec<u8>| {
        let (header, claims) = parts(&fresh());
        let proof = fresh().signed(&change(&header), claims.as_bytes());
        cases.push(holder.case(format!("header: {name}"), token, proof, MALFORMED));
        let proof = fresh().signed(header.as_bytes(), &change(&claims));
        cases.push(holder.case(format!("payload: {name}"), token, proof, MALFORMED));
    };
    for (name, before, after) in [
        ("a byte order mark", "\u{feff}", ""),
        ("text after", "", "x"),
        ("another object after", "", "{}"),
        ("a comma after", "", ","),
        ("an array", "[", "]"),
        ("a NUL after", "", "\0"),
        ("a comment", "/**/", ""),
    ] {
        both(name, &|json| format!("{before}{json}{after}").into_bytes());
    }
    both("cut", &|json| json.as_bytes()[..json.len() - 1].to_vec());
    both("empty", &|_| Vec::new());
    both("null", &|_| b"null".to_vec());
    both("a string", &|json| serde_json::to_vec(json).unwrap());
    both("single quotes", &|json| json.replace('"', "'").into_bytes());
    both("a comma at the end", &|json| {
        json.replacen('}', ",}", 1).into_bytes()
    });
    both("names without quotes", &|json| {
        json.replacen("\"jwk\"", "jwk", 1)
            .replacen("\"jti\"", "jti", 1)
            .into_bytes()
    });
    both("a number with a plus", &|json| {
        json.replacen('{', "{\"a\":+1,", 1).into_bytes()
    });
    both("a number with a zero", &|json| {
        json.replacen('{', "{\"a\":01,", 1).into_bytes()
    });
    both("not a number", &|json| {
        json.replacen('{', "{\"a\":NaN,", 1).into_bytes()
    });
    both("a lone surrogate", &|json| {
        json.replacen('{', r#"{"a":"\ud800","#, 1).into_bytes()
    });
    both("a bad escape", &|json| {
        json.replacen('{', r#"{"a":"\x41","#, 1).into_bytes()
    });
    both("a control in a string", &|json| {
        json.replacen('{', "{\"a\":\"\n\",", 1).into_bytes()
    });
    let bytes = |json: &str, bytes: &[u8]| {
        let (start, end) = (b"{\"a\":\"".as_slice(), b"\",".as_slice());
        [start, bytes, end, &json.as_bytes()[1..]].concat()
    };
    both("latin-1", &|json| bytes(json, b"\xe9"));
    both("half of UTF-8", &|json| bytes(json, b"\xc3"));
    both("an overlong slash", &|json| bytes(json, b"\xc0\xaf"));
    both("a surrogate in UTF-8", &|json| bytes(json, b"\xed\xa0\x80"));
    both("beyond Unicode", &|json| bytes(json, b"\xf4\x90\x80\x80"));
    both("UTF-16", &|json| {
        json.encode_utf16().flat_map(u16::to_be_bytes).collect()
    });
    let deep = |depth: usize| format!("{{\"a\":{}{},", "[".repeat(depth), "]".repeat(depth));
    both("deep arrays", &|json| {
        json.replacen('{', &deep(1000), 1).into_bytes()
    });
    let (header, claims) = parts(&fresh());
    let flat = deep(50);
    let proof = fresh().signed(
        header.replacen('{', &flat, 1).as_bytes(),
        claims.replacen('{', &flat, 1).as_bytes(),
    );
    cases.push(holder.case("flat enough arrays", token, proof, None));
    for (name, byte) in [
        ("latin-1", b"\xe9".as_slice()),
        ("0xff", b"\xff"),
        ("UTF-8", "\u{e4}".as_bytes()),
    ] {
        let proof = [fresh().text().as_bytes(), byte].concat();
        cases.push(
            holder
                .case(format!("{name} in the line"), token, proof, None)
                .expecting(Some(PROOF)),
        );
    }
    cases
}

pub(super) fn duplicates(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let token = holder.token();
    let mut repeated = |part: &str, name: &str, json: &str| {
        let mut proof = holder.proof(&token);
        match part {
            "header" => proof.header.repeat(name, json),
            _ => proof.claims.repeat(name, json),
        }
        let case = format!("{part} {name} {json}");
        cases.push(holder.case(case, &token, proof.text(), DUPLICATE));
    };
    let jwk = format!("{{{}}}", holder.key().key_members());
    let thief = format!("{{{}}}", holder.world.thief.es.raw().key_members());
    for (name, json) in [
        ("typ", r#""dpop+jwt""#),
        ("typ", r#""JWT""#),
        ("alg", r#""ES256""#),
        ("alg", r#""none""#),
        ("jwk", &*jwk),
        ("jwk", &thief),
        ("jwk", "null"),
        (r"\u0061lg", r#""ES256""#),
        (r"\u006awk", &*thief),
    ] {
        repeated("header", name, json);
    }
    let (url, now) = (format!("{:?}", holder.url()), holder.now.to_string());
    for (name, json) in [
        ("htm", r#""POST""#),
        ("htm", r#""GET""#),
        ("htu", &*url),
        ("htu", r#""https://evil.example/""#),
        ("iat", &now),
        ("iat", "0"),
        ("ath", r#""AAAA""#),
        ("jti", r#""another""#),
        ("jti", "null"),
        (r"h\u0074u", &url),
        (r"\u006a\u0074\u0069", r#""another""#),
    ] {
        repeated("payload", name, json);
    }
    // Twice a member that is not read, also inside of one.
    for name in ["a", "nonce", "exp"] {
        let mut proof = holder.proof(&token);
        proof.claims.repeat(name, r#""1""#);
        proof.claims.repeat(name, r#""1""#);
        cases.push(holder.case(format!("{name} twice"), &token, proof.text(), DUPLICATE));
    }
    for (part, json) in [
        ("header", r#"{"b":1,"b":1}"#),
        ("payload", r#"[{"b":1,"\u0062":1}]"#),
    ] {
        let mut proof = holder.proof(&token);
        match part {
            "header" => proof.header.repeat("a", json),
            _ => proof.claims.repeat("a", json),
        }
        cases.push(holder.case(
            format!("{part}: inside of a member"),
            &token,
            proof.text(),
            DUPLICATE,
        ));
    }
    let members = holder.key().key_members();
    let x = holder.world.own.es.member("x");
    for more in [
        format!("\"x\":\"{x}\""),
        "\"kty\":\"EC\"".to_owned(),
        "\"crv\":\"P-384\"".to_owned(),
        "\"\\u0078\":\"AAAA\"".to_owned(),
        "\"a\":1,\"a\":1".to_owned(),
        "\"a\":{\"b\":1,\"b\":2}".to_owned(),
    ] {
        let name = format!("jwk: {}", more.replace(&x, "X"));
        let case = holder.changed(
            name,
            |proof| proof.jwk(&format!("{members},{more}")),
            DUPLICATE,
        );
        cases.push(case);
    }
    // Names that differ in case are other names.
    for name in ["HTM", "Htu", "IAT", "Ath", "JTI"] {
        let mut proof = holder.proof(&token);
        proof.claims.repeat(name, "1");
        cases.push(holder.case(format!("payload {name} too"), &token, proof.text(), None));
    }
    cases
}

pub(super) fn sizes(holder: &Holder<'_>) -> Vec<Case> {
    let token = holder.token();
    // The length of a proof grows by four for three bytes.
    let of_length = |length: usize| {
        let proof = holder.proof(&token);
        let short = proof.text().len();
        let filler = (length - short - 16) / 4 * 3;
        let mut text = String::new();
        for filler in filler.. {
            let padded = proof.clone().text_claim("filler", &"x".repeat(filler));
            if padded.text().len() > length {
                break;
            }
            text = padded.text();
        }
        text
    };
    let longest = of_length(8192);
    let mut cases = vec![
        holder.case("as long as allowed", &token, &longest, None),
        holder.case(
            "too long by one",
            &token,
            of_length(8192 + 1) + "A",
            TOO_LONG,
        ),
    ];
    for length in [9_000, 16_000, 30_000] {
        let proof = holder
            .proof(&token)
            .text_claim("filler", &"x".repeat(length))
            .text();
        cases.push(holder.case(format!("{length} bytes"), &token, proof, TOO_LONG));
    }
    let huge = "A".repeat(20_000);
    cases.push(holder.case("20,000 letters", &token, huge, TOO_LONG));
    let commas = ",".repeat(9_000);
    cases.push(holder.case("9,000 commas", &token, commas, TOO_LONG));
    let dots = ".".repeat(8_000);
    cases.push(holder.case("8,000 dots", &token, dots, MALFORMED));
    let members: String = (0..300).map(|i| format!("\"a{i}\":1,")).collect();
    let proof = holder.proof(&token);
    let many = |json: String| json.replacen('{', &format!("{{{members}"), 1);
    let (header, claims) = (proof.header.json(), many(proof.claims.json()));
    let text = proof.signed(header.as_bytes(), claims.as_bytes());
    cases.push(holder.case("300 members", &token, text, None));
    cases
}
