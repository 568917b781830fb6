//! Keys in the header of a proof that are private, incomplete, weak or of another kind.

use obo_test_support::{Signer, base64url};

use super::world::Holder;
use crate::case::Case;

const JWK: Option<&str> = Some("proof_jwk");

/// A modulus of 1,024 bits.
const WEAK: &str = "06c3qy7RPIi0uRiemMGxzZzrOZVeDg1h8iaWJfTfs2nkyf0cNEzM4mui3JsVx7nnUNbk5e8NfKWvIMyohY9OOmumnK09joQsTu_QmNRIoBPEPdHSVVOM_RZJ_b6XpbG_R8C2eTIdXAv23NFT6QtCnATXzMIEvNCWy8p-nnGe7t0";

pub(super) fn cases(holder: &Holder<'_>) -> Vec<Case> {
    let world = holder.world;
    let (ec, ec384) = (
        world.own.es.raw().key_members(),
        world.own.es384.raw().key_members(),
    );
    let (rsa, okp) = (
        world.own.rsa.raw().key_members(),
        world.own.ed.raw().key_members(),
    );
    let mut cases = Vec::new();
    let mut jwk = |name: &str, key: &Signer, alg: &str, json: &str, code| {
        let token = world.bound_to(key);
        let proof = holder.proof_by(key, alg, &token).header("jwk", json).text();
        cases.push(holder.case(format!("{alg}: {name}"), &token, proof, code));
    };
    let (es, rs, ed) = (world.own.es.raw(), world.own.rsa.raw(), world.own.ed.raw());
    // Private members: anyone who reads the proof could sign.
    for (signer, members, alg) in [
        (&world.own.es, &ec, "ES256"),
        (&world.own.rsa, &rsa, "RS256"),
        (&world.own.ed, &okp, "EdDSA"),
    ] {
        let private = signer.private_jwk_as("k").to_string();
        jwk("the private key", signer.raw(), alg, &private, JWK);
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let json = format!("{{{members},{member:?}:\"AAAA\"}}");
            jwk(
                &format!("a private {member}"),
                signer.raw(),
                alg,
                &json,
                JWK,
            );
        }
        jwk(
            "a null d",
            signer.raw(),
            alg,
            &format!("{{{members},\"d\":null}}"),
            JWK,
        );
        jwk(
            "an escaped d",
            signer.raw(),
            alg,
            &format!("{{{members},\"\\u0064\":\"AA\"}}"),
            JWK,
        );
        for (what, more) in [
            (
                "kid, use and key_ops",
                r#""kid":"a","use":"sig","key_ops":["verify"]"#,
            ),
            ("unknown members", r#""a":{"b":[1]},"D":"A","ext":true"#),
        ] {
            jwk(
                what,
                signer.raw(),
                alg,
                &format!("{{{members},{more}}}"),
                None,
            );
        }
        for (what, more) in [
            ("use enc", r#""use":"enc""#),
            ("key_ops sign", r#""key_ops":["sign"]"#),
            ("key_ops of no array", r#""key_ops":"verify""#),
            ("alg none", r#""alg":"none""#),
            ("alg HS256", r#""alg":"HS256""#),
            ("alg of another", r#""alg":"ES384""#),
            ("alg of a number", r#""alg":1"#),
            ("a kid that is no text", r#""kid":1"#),
        ] {
            jwk(
                what,
                signer.raw(),
                alg,
                &format!("{{{members},{more}}}"),
                JWK,
            );
        }
        jwk(
            "its own alg",
            signer.raw(),
            alg,
            &format!("{{{members},\"alg\":{alg:?}}}"),
            None,
        );
        // Missing members.
        let parts: Vec<&str> = members.split(',').collect();
        for missing in 0..parts.len() {
            let mut parts = parts.clone();
            let part = parts.remove(missing);
            let name = format!("without {}", part.split_once(':').unwrap().0);
            jwk(
                &name,
                signer.raw(),
                alg,
                &format!("{{{}}}", parts.join(",")),
                JWK,
            );
            let (member, value) = part.split_once(':').unwrap();
            let empty = members.replace(part, &format!("{member}:\"\""));
            jwk(
                &format!("an empty {member}"),
                signer.raw(),
                alg,
                &format!("{{{empty}}}"),
                JWK,
            );
            let padded =
                members.replace(part, &format!("{member}:\"{}=\"", value.trim_matches('"')));
            jwk(
                &format!("a padded {member}"),
                signer.raw(),
                alg,
                &format!("{{{padded}}}"),
                JWK,
            );
            let number = members.replace(part, &format!("{member}:7"));
            jwk(
                &format!("a number as {member}"),
                signer.raw(),
                alg,
                &format!("{{{number}}}"),
                JWK,
            );
        }
        jwk(
            "an array of it",
            signer.raw(),
            alg,
            &format!("[{{{members}}}]"),
            JWK,
        );
        jwk(
            "a set",
            signer.raw(),
            alg,
            &format!("{{\"keys\":[{{{members}}}]}}"),
            JWK,
        );
        let quoted = serde_json::to_string(&format!("{{{members}}}")).unwrap();
        jwk("its text", signer.raw(), alg, &quoted, JWK);
        for json in ["null", "{}", "\"\"", "1", "[]"] {
            jwk(json, signer.raw(), alg, json, JWK);
        }
    }
    // Pairs of type, curve and algorithm.
    for (what, members) in [
        ("the key of RSA", &rsa),
        ("the key of Ed25519", &okp),
        ("the key of P-384", &ec384),
    ] {
        jwk(what, es, "ES256", &format!("{{{members}}}"), JWK);
    }
    for (from, to) in [
        ("\"P-256\"", "\"P-384\""),
        ("\"P-256\"", "\"secp256k1\""),
        ("\"P-256\"", "\"p-256\""),
        ("\"P-256\"", "\"Ed25519\""),
        ("\"EC\"", "\"OKP\""),
        ("\"EC\"", "\"RSA\""),
        ("\"EC\"", "\"ec\""),
        ("\"EC\"", "\"oct\""),
    ] {
        jwk(
            &format!("{to} for {from}"),
            es,
            "ES256",
            &format!("{{{}}}", ec.replacen(from, to, 1)),
            JWK,
        );
    }
    for (from, to) in [
        ("\"Ed25519\"", "\"Ed448\""),
        ("\"Ed25519\"", "\"X25519\""),
        ("\"Ed25519\"", "\"P-256\""),
        ("\"OKP\"", "\"EC\""),
    ] {
        jwk(
            &format!("{to} for {from}"),
            ed,
            "EdDSA",
            &format!("{{{}}}", okp.replacen(from, to, 1)),
            JWK,
        );
    }
    // Points that are not on the curve, or of small order.
    let point = |x: [u8; 32], y: [u8; 32]| {
        format!(
            "{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{}\",\"y\":\"{}\"}}",
            base64url(x),
            base64url(y)
        )
    };
    jwk(
        "a point off the curve",
        es,
        "ES256",
        &point([1; 32], [2; 32]),
        JWK,
    );
    jwk("the origin", es, "ES256", &point([0; 32], [0; 32]), JWK);
    jwk(
        "a point beyond the field",
        es,
        "ES256",
        &point([0xff; 32], [0xff; 32]),
        JWK,
    );
    let swapped = ec
        .replace("\"x\"", "\"_\"")
        .replace("\"y\"", "\"x\"")
        .replace("\"_\"", "\"y\"");
    jwk(
        "swapped coordinates",
        es,
        "ES256",
        &format!("{{{swapped}}}"),
        JWK,
    );
    for (what, x) in [
        ("the identity", {
            let mut x = [0; 32];
            x[0] = 1;
            x
        }),
        ("zero", [0; 32]),
    ] {
        let json = format!(
            "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{}\"}}",
            base64url(x)
        );
        jwk(what, ed, "EdDSA", &json, JWK);
    }
    let okp_of = |x: &[u8]| {
        let x = base64url(x);
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}")
    };
    jwk("31 bytes", ed, "EdDSA", &okp_of(&[7; 31]), JWK);
    // Another way to write a point whose private key is not known.
    let beyond = okp_of(&[0xff; 32]);
    jwk(
        "beyond the field",
        ed,
        "EdDSA",
        &beyond,
        Some("proof_bad_signature"),
    );
    // Weak and odd RSA keys.
    let of_rsa = |n: &str, e: &str| format!("{{\"kty\":\"RSA\",\"n\":{n:?},\"e\":{e:?}}}");
    let n = world.own.rsa.member("n");
    let even = format!("{}A", &n[..n.len() - 1]);
    for (what, n, e) in [
        ("1,024 bits", WEAK, "AQAB"),
        ("e of 1", &*n, "AQ"),
        ("an even e", &n, "AQAC"),
        ("e of 0", &n, "AA"),
        ("e of 5 bytes", &n, "AQAAAAE"),
        ("an even n", &even, "AQAB"),
        ("n of 1", "AQ", "AQAB"),
        ("n with a zero before", &format!("AA{n}"), "AQAB"),
        ("e with a zero before", &n, "AAEAAQ"),
    ] {
        jwk(what, rs, "RS256", &of_rsa(n, e), JWK);
    }
    let big = base64url(vec![0xff; 1025]);
    jwk("8,200 bits", rs, "RS256", &of_rsa(&big, "AQAB"), JWK);
    cases
}
