//! The key in the header of a proof, its algorithm and its type.

use obo_test_support::{Signer, base64url};
use obo_tests::expected::{INVALID, PROOF};

use super::draft::{Proof, thumbprint};
use super::signatures;
use super::world::{Holder, proven};
use crate::case::Case;

const JWK: Option<&str> = Some("proof_jwk");
const ALGORITHM: Option<&str> = Some("proof_algorithm");
const TYPE: Option<&str> = Some("proof_wrong_type");
const SIGNATURE: Option<&str> = Some("proof_bad_signature");
const MALFORMED: Option<&str> = Some("proof_malformed");

pub(super) fn algorithms(holder: &Holder<'_>) -> Vec<Case> {
    let own = &holder.world.own;
    let mut cases = Vec::new();
    let with = |name: String, key: &Signer, alg: &str, code| {
        let token = holder.world.bound_to(key);
        let proof = holder.proof_by(key, alg, &token).text();
        holder.case(name, &token, proof, code)
    };
    for signer in own.all() {
        for alg in signer.raw().algorithms() {
            cases.push(with(format!("{alg} itself"), signer.raw(), alg, None));
        }
    }
    // An algorithm that does not fit the key.
    for signer in own.all() {
        for alg in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
            if !signer.raw().algorithms().contains(&alg) {
                let name = format!("{alg} with {}", signer.kid);
                cases.push(with(name, signer.raw(), alg, JWK));
            }
        }
    }
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "es256", "ES256K", "ES512",
        "RS1", "RSA-OAEP", "dir", "A128GCM", " ES256", "ES256 ", "null", "Ed448", "ECDH-ES",
    ] {
        let case = holder.changed(
            format!("alg {alg:?}"),
            |proof| proof.header("alg", &format!("{alg:?}")),
            ALGORITHM,
        );
        cases.push(case);
    }
    for json in ["null", "1", "true", r#"["ES256"]"#, r#"{"a":"ES256"}"#] {
        let case = holder.changed(
            format!("alg {json}"),
            |proof| proof.header("alg", json),
            ALGORITHM,
        );
        cases.push(case);
    }
    let token = holder.token();
    let mut proof = holder.proof(&token);
    proof.header.remove("alg");
    cases.push(holder.case("no alg", &token, proof.text(), ALGORITHM));
    cases.extend(signatures::cases(holder));
    cases
}

pub(super) fn types(holder: &Holder<'_>) -> Vec<Case> {
    let typ = |json: &str, code| {
        holder.changed(
            format!("typ {json}"),
            |proof| proof.header("typ", json),
            code,
        )
    };
    let mut cases = Vec::new();
    for good in [
        r#""dpop+jwt""#,
        r#""DPoP+JWT""#,
        r#""application/dpop+jwt""#,
        r#""dpop\u002bjwt""#,
    ] {
        cases.push(typ(good, None));
    }
    for bad in [
        r#""JWT""#,
        r#""at+jwt""#,
        r#""dpop""#,
        r#""jwt+dpop""#,
        r#""dpop+jwt ""#,
        r#"" dpop+jwt""#,
        r#""dpop+jwt\u0000""#,
        r#""dpop+jwt;a=b""#,
        r#""text/dpop+jwt""#,
        r#""application/application/dpop+jwt""#,
        r#""dpop+jwts""#,
        r#""dpop_jwt""#,
        r#""dpop%2Bjwt""#,
        r#""""#,
        "null",
        "1",
        r#"["dpop+jwt"]"#,
    ] {
        cases.push(typ(bad, TYPE));
    }
    let token = holder.token();
    let mut untyped = holder.proof(&token);
    untyped.header.remove("typ");
    cases.push(holder.case("no typ", &token, untyped.text(), TYPE));
    let renamed = untyped.header("TYP", r#""dpop+jwt""#).text();
    cases.push(holder.case("TYP in place of typ", &token, renamed, TYPE));
    let in_claims = untyped_claims(holder.proof(&token));
    cases.push(holder.case("typ in the payload", &token, in_claims, TYPE));
    let itself = holder.case("the token as its own proof", &token, &token, None);
    let code = if holder.world.settings.is_opaque {
        MALFORMED
    } else {
        TYPE
    };
    cases.push(Case {
        expected: Some(PROOF),
        code,
        ..itself
    });
    let proof = holder.proof(&token).text();
    // A proof is no token of any issuer.
    let sent = proven(&proof, &proof);
    let refusal = holder.under(INVALID, "DPoP");
    cases.push(Case::request("the proof as a token", sent, Some(refusal)));
    for (member, json) in [
        ("crit", r#"["exp"]"#),
        ("crit", r#"["b64"]"#),
        ("crit", "[]"),
        ("crit", "null"),
        ("b64", "false"),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("cty", r#""JWT""#),
        ("enc", r#""A128GCM""#),
    ] {
        let case = holder.changed(
            format!("{member} {json}"),
            |proof| proof.header(member, json),
            Some("proof_unsupported_header"),
        );
        cases.push(case);
    }
    cases
}

fn untyped_claims(mut proof: Proof<'_>) -> String {
    proof.header.remove("typ");
    proof.text_claim("typ", "dpop+jwt").text()
}

/// A key that is somewhere else than in `jwk`, and keys of others.
pub(super) fn confusions(holder: &Holder<'_>) -> Vec<Case> {
    let world = holder.world;
    let (thief, trap) = (world.thief.es.raw(), &world.places.trap.url);
    let mut cases = Vec::new();
    let jku = format!("\"{trap}/jwks\"");
    let x5c = format!("[\"{}\"]", base64url(thief.public_bytes()));
    for (member, json) in [
        ("kid", r#""k-es""#),
        ("kid", r#""../../etc/passwd""#),
        ("kid", "7"),
        ("jku", &*jku),
        ("x5u", &jku),
        ("x5c", &x5c),
        ("x5t", r#""AAAA""#),
        ("x5t#S256", r#""AAAA""#),
    ] {
        let name = format!(
            "{member} {}",
            json.replace(trap, "TRAP").replace(&x5c, "X5C")
        );
        // They are ignored where there is a `jwk`, and never take its place.
        let with = holder.changed(
            format!("{name} too"),
            |proof| proof.header(member, json),
            None,
        );
        cases.push(with);
        let token = holder.token();
        let mut without = holder.proof(&token).header(member, json);
        without.header.remove("jwk");
        cases.push(holder.case(format!("{name} alone"), &token, without.text(), JWK));
    }
    let token = holder.token();
    let (own, other) = (holder.key(), thief);
    let members = other.key_members();
    let by_thief = holder.proof_by(other, "ES256", &token);
    // A thief has the token and a key of its own.
    cases.push(holder.unbound("the key of a thief", &token, by_thief.text(), "another_key"));
    for signer in [&world.thief.rsa, &world.thief.es384, &world.thief.ed] {
        let proof = holder.proof_by(signer.raw(), signer.alg, &token).text();
        let name = format!("{} of a thief", signer.kid);
        cases.push(holder.unbound(name, &token, proof, "another_key"));
    }
    let shown = by_thief.clone().jwk(&own.key_members()).text();
    cases.push(holder.case(
        "the holder's key without its signature",
        &token,
        shown,
        SIGNATURE,
    ));
    let stolen = holder.proof(&token).jwk(&members).text();
    cases.push(holder.case("another key in a signed proof", &token, stolen, SIGNATURE));
    let issuer = world.at.keys.es.raw();
    let proof = holder.proof_by(issuer, "ES256", &token).text();
    cases.push(holder.unbound("the key of the issuer", &token, proof, "another_key"));
    let two = by_thief.header("jwks", &format!("{{\"keys\":[{{{}}}]}}", own.key_members()));
    cases.push(holder.unbound(
        "the holder's key in jwks",
        &token,
        two.text(),
        "another_key",
    ));
    let in_claims = holder.proof_by(other, "ES256", &token);
    let in_claims = in_claims.claim("jwk", &format!("{{{}}}", own.key_members()));
    cases.push(holder.unbound(
        "the holder's key in the payload",
        &token,
        in_claims.text(),
        "another_key",
    ));
    let in_claims = holder.proof_by(other, "ES256", &token);
    let cnf = format!("{{\"jkt\":{:?}}}", thumbprint(own));
    let in_claims = in_claims.claim("cnf", &cnf);
    cases.push(holder.unbound("cnf in the proof", &token, in_claims.text(), "another_key"));
    cases
}
