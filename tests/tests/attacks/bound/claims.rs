//! What a proof says: method, time, token and identifier (RFC 9449 section 4.3).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use obo_test_support::base64url;
use obo_tests::expected::PROOF;

use super::draft::{new_jti, sha256};
use super::world::{Holder, WINDOW, proven};
use crate::case::Case;

const OTHER: Option<&str> = Some("proof_other_method");
const INVALID: Option<&str> = Some("proof_invalid_claim");
const MISSING: Option<&str> = Some("proof_missing_claim");

pub(super) fn methods(holder: &Holder<'_>) -> Vec<Case> {
    let htm = |json: &str, code| {
        let name = format!("htm {json}");
        holder.changed(name, |proof| proof.claim("htm", json), code)
    };
    let mut cases = vec![htm(r#""POST""#, None), htm(r#""P\u004fST""#, None)];
    for other in ["GET", "post", "Post", "POSTS", "POS", "PUT", "*", "PATCH"] {
        cases.push(htm(&format!("{other:?}"), OTHER));
    }
    for invalid in [
        r#""""#,
        r#"" POST""#,
        r#""POST ""#,
        r#""POST\u0000""#,
        r#""GET,POST""#,
        r#""POST\n""#,
        r#"["POST"]"#,
        r#"{"m":"POST"}"#,
        "null",
        "true",
        "0",
    ] {
        cases.push(htm(invalid, INVALID));
    }
    let long = format!("{:?}", "POST".repeat(100));
    cases.push(holder.changed("a long htm", |proof| proof.claim("htm", &long), INVALID));
    cases.push(holder.changed("no htm", |proof| proof.without("htm"), MISSING));
    for name in ["HTM", "Htm", "method"] {
        let case = holder.changed(
            format!("{name} in place of htm"),
            |proof| proof.without("htm").text_claim(name, "POST"),
            MISSING,
        );
        cases.push(case);
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
        for (htm, is_admitted) in [(method, true), ("POST", false)] {
            let token = holder.token();
            let proof = holder.proof(&token).text_claim("htm", htm).text();
            let sent = proven(&token, proof).method(method).body(String::new());
            let name = format!("{method} with a proof for {htm}");
            cases.push(match is_admitted {
                true => Case::request(name, sent, None),
                false => Case::request(name, sent, Some(PROOF)).because("proof_other_method"),
            });
        }
    }
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        let token = holder.token();
        let proof = holder.proof(&token).text_claim("htm", "GET").text();
        let sent = proven(&token, proof).field(name, "GET");
        let case = Case::request(format!("GET by {name}"), sent, Some(PROOF));
        cases.push(case.because("proof_other_method"));
    }
    cases
}

pub(super) fn times(holder: &Holder<'_>) -> Vec<Case> {
    let (now, old, early) = (
        holder.now,
        Some("proof_expired"),
        Some("proof_issued_in_future"),
    );
    let iat = |json: &str, code| {
        // Names are the same for each clock.
        let name = format!("iat {json}");
        holder.changed(name, |proof| proof.claim("iat", json), code)
    };
    let at = |what: &str, json: String, code| {
        holder.changed(what, |proof| proof.claim("iat", &json), code)
    };
    let off = |seconds: i64| (now + seconds).to_string();
    let mut cases = vec![
        at("now", off(0), None),
        at("a fraction", format!("{now}.5"), None),
        at("with an exponent", format!("{now}e0"), None),
        at("a while ago", off(20 - WINDOW + 60), None),
        at("a while ahead", off(WINDOW - 10), None),
        at("old", off(-WINDOW - 2), old),
        at("an hour old", off(-3600), old),
        at("far ahead", off(WINDOW + 120), early),
        at("a year ahead", off(31_536_000), early),
        at("in milliseconds", format!("{now}000"), early),
        // The clock of the layers stands still.
        at("at the old edge", off(-WINDOW), None).not_at_gateway(),
        at("beyond the old edge", off(-WINDOW - 1), old).not_at_gateway(),
        at("just beyond it", format!("{}.999", now - WINDOW - 1), old).not_at_gateway(),
        at("at the new edge", off(WINDOW), None).not_at_gateway(),
        at("beyond the new edge", off(WINDOW + 1), early).not_at_gateway(),
        at("just beyond", format!("{}.001", now + WINDOW), early).not_at_gateway(),
        // The leeway of the issuer is 60 s or none, and never on top.
        at("old within a leeway", off(-WINDOW - 59), old),
        at("ahead within a leeway", off(WINDOW + 59), early).not_at_gateway(),
        holder.changed("no iat", |proof| proof.without("iat"), MISSING),
        at("quoted", format!("\"{now}\""), INVALID),
        at("in an array", format!("[{now}]"), INVALID),
        at("negative", format!("-{now}"), INVALID),
    ];
    for ancient in ["0", "1", "0.5", "1e3"] {
        cases.push(iat(ancient, old));
    }
    for invalid in [
        "null",
        "true",
        "\"\"",
        "\"now\"",
        "{}",
        "-1",
        "18446744073709551616",
        "9007199254740993",
        "\"2026-01-01T00:00:00Z\"",
    ] {
        cases.push(iat(invalid, INVALID));
    }
    cases.push(iat("1e400", Some("proof_malformed")));
    // Only `iat` dates a proof.
    let future = (now + 60).to_string();
    cases.push(holder.changed(
        "an old proof with a late exp",
        |proof| proof.claim("iat", &off(-3600)).claim("exp", &future),
        old,
    ));
    cases.push(holder.changed(
        "a time in the header",
        |proof| proof.without("iat").header("iat", &off(0)),
        MISSING,
    ));
    cases
}

pub(super) fn hashes(holder: &Holder<'_>) -> Vec<Case> {
    let (token, other) = (holder.token(), holder.token());
    let (hash, bytes) = (sha256(&token), token.as_bytes());
    let ath = |name: &str, json: &str, code| {
        let proof = holder.proof(&token).claim("ath", json).text();
        holder.case(name, &token, proof, code)
    };
    let raw = digest(&aws_lc_rs::digest::SHA256, bytes);
    let hex: String = raw.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let other_token = Some("proof_other_token");
    let mut cases = vec![
        ath("the hash", &format!("{hash:?}"), None),
        ath(
            "the hash with an escape",
            &format!("\"\\u{:04x}{}\"", u32::from(hash.as_bytes()[0]), &hash[1..]),
            None,
        ),
    ];
    for (name, text) in [
        ("of another token", sha256(&other)),
        ("of the header line", sha256(format!("DPoP {token}"))),
        ("of nothing", sha256("")),
        ("of a hash", sha256(raw)),
        ("of a part", sha256(&bytes[1..])),
        ("zero", base64url([0; 32])),
    ] {
        cases.push(ath(name, &format!("{text:?}"), other_token));
    }
    // The last of 43 characters has two bits too many.
    let last = hash.as_bytes()[42];
    let left_over = format!("{}{}", &hash[..42], char::from(last + 1));
    let sha1 = base64url(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes));
    for (name, text) in [
        ("empty", String::new()),
        ("in hex", hex.clone()),
        ("padded", URL_SAFE.encode(raw)),
        ("with another alphabet", STANDARD_NO_PAD.encode([0xff; 32])),
        ("with bits left over", left_over),
        ("with a blank before", format!(" {hash}")),
        ("with a line after", format!("{hash}\n")),
        ("too long", format!("{hash}A")),
        ("too short", hash[..42].to_owned()),
        ("SHA-1", sha1),
        ("SHA-512", base64url(digest(&SHA512, bytes))),
        ("the first half", base64url(&raw.as_ref()[..16])),
        ("hex in base64url", base64url(&hex)),
        ("the token itself", token.clone()),
    ] {
        let json = serde_json::to_string(&text).unwrap();
        cases.push(ath(name, &json, INVALID));
    }
    for json in ["null", "true", "0", "[]", "{}"] {
        cases.push(ath(json, json, INVALID));
    }
    let array = format!("[{hash:?}]");
    cases.push(ath("in an array", &array, INVALID));
    cases.push(holder.changed("no ath", |proof| proof.without("ath"), MISSING));
    let renamed = holder.proof(&token).without("ath").text_claim("ATH", &hash);
    cases.push(holder.case("ATH in place of ath", &token, renamed.text(), MISSING));
    // A proof for one token does not carry another one of the same key.
    let proof = holder.proof(&other).text();
    cases.push(holder.case("a proof for another token", &token, proof, other_token));
    cases
}

pub(super) fn identifiers(holder: &Holder<'_>) -> Vec<Case> {
    let jti =
        |name: &str, json: &str, code| holder.changed(name, |proof| proof.claim("jti", json), code);
    let text = |text: String| serde_json::to_string(&text).unwrap();
    let own = new_jti();
    let mut cases = vec![
        jti("a new one", &text(new_jti()), None),
        jti(
            "another script",
            &text(format!("{own}\u{e4}\u{4e00}\u{1f600}")),
            None,
        ),
        jti("with controls", &text(format!("{own}\r\n\0\t")), None),
        jti("with a dot and a slash", &text(format!("{own}./")), None),
        jti("as long as allowed", &text(format!("{own:x<256}")), None),
        jti("too long by one", &text(format!("{own:x<257}")), INVALID),
        jti(
            "too long in bytes",
            &text(format!("{own}{}", "\u{4e00}".repeat(80))),
            INVALID,
        ),
        jti("huge", &text("x".repeat(4000)), INVALID),
        jti("lone surrogate", r#""\ud800""#, Some("proof_malformed")),
        holder.changed("no jti", |proof| proof.without("jti"), MISSING),
    ];
    for json in [r#""""#, "null", "1", "true", r#"["a"]"#, r#"{"a":1}"#] {
        cases.push(jti(json, json, INVALID));
    }
    let case = holder.changed(
        "JTI in place of jti",
        |proof| proof.without("jti").text_claim("JTI", "a"),
        MISSING,
    );
    cases.push(case);
    cases
}
