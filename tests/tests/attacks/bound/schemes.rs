//! Downgrades: the scheme, the binding of the token, and the proof do not fit each other.

use obo_test_support::base64url;
use obo_tests::expected::{INVALID, MALFORMED, MISSING, PROOF, SCOPE};

use super::draft::thumbprint;
use super::world::{Dpop, Holder, proven};
use crate::case::{Case, Sent};

pub(super) fn cases(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = schemes(holder);
    cases.extend(bindings(holder));
    cases
}

fn schemes(holder: &Holder<'_>) -> Vec<Case> {
    let (token, plain) = (holder.token(), holder.world.plain());
    let is_required = holder.world.settings.dpop == Dpop::Require;
    let mut cases = Vec::new();
    for line in ["DPoP ", "dpop ", "DPOP ", "dPoP ", "DPoP  ", "DPoP     "] {
        let sent = Sent::line(format!("{line}{token}"));
        let sent = sent.field("dpop", holder.proof(&token).text());
        cases.push(Case::request(format!("{line:?}"), sent, None));
    }
    // A bound token as a plain one.
    for scheme in ["Bearer", "bearer", "BEARER"] {
        for with_proof in [true, false] {
            let sent = Sent::line(format!("{scheme} {token}"));
            let sent = match with_proof {
                true => sent.field("dpop", holder.proof(&token).text()),
                false => sent,
            };
            let name = format!("a bound token under {scheme}, with a proof: {with_proof}");
            let refusal = holder.under(INVALID, scheme);
            cases.push(Case::request(name, sent, Some(refusal)).because("proof_missing"));
        }
    }
    // A plain token with a proof of any key.
    for (name, key) in [
        ("holder", holder.key()),
        ("thief", holder.world.thief.es.raw()),
    ] {
        let proof = holder.proof_by(key, "ES256", &plain).text();
        let name = format!("a plain token with a proof of the {name}");
        cases.push(holder.unbound(name, &plain, proof, "not_bound_to_key"));
    }
    let bare = Sent::line(format!("DPoP {plain}"));
    let case = Case::request("a plain token under DPoP", bare, Some(PROOF));
    cases.push(case.because("proof_missing"));
    let sent = Sent::token(&plain);
    let refusal = holder.under(INVALID, "Bearer");
    for (name, sent) in [
        ("a plain token", sent.clone()),
        (
            "a plain token with a proof",
            sent.clone().field("dpop", holder.proof(&plain).text()),
        ),
        ("a plain token with an odd proof", sent.field("dpop", "x")),
    ] {
        cases.push(match is_required {
            true => Case::request(name, sent, Some(refusal)).because("not_bound"),
            false => Case::request(name, sent, None),
        });
    }
    for other in [
        "DPoPs",
        "DPo",
        "DPoP:",
        "DPoP,",
        "Basic",
        "MAC",
        "\"DPoP\"",
        "D\u{420}oP",
    ] {
        let sent = Sent::line(format!("{other} {token}"));
        let sent = sent.field("dpop", holder.proof(&token).text());
        let refusal = holder.under(MISSING, other);
        let case = Case::request(format!("scheme {other}"), sent, Some(refusal));
        cases.push(case.because("missing_credentials"));
    }
    for (name, line) in [
        ("nothing", "DPoP".to_owned()),
        ("two tokens", format!("DPoP {token} {token}")),
        ("Bearer after", format!("DPoP Bearer {token}")),
        ("a list", format!("DPoP {token}, Bearer {plain}")),
        ("a parameter", format!("DPoP token=\"{token}\"")),
        ("a tab", format!("DPoP \t{token}")),
    ] {
        let sent = Sent::line(line).field("dpop", holder.proof(&token).text());
        let refusal = holder.under(MALFORMED, "DPoP");
        cases.push(Case::request(
            format!("DPoP with {name}"),
            sent,
            Some(refusal),
        ));
    }
    let nothing = holder.under(MISSING, "");
    cases.push(Case::request("nothing", Sent::nothing(), Some(nothing)));
    // The rule behind the layer: its challenge has the scheme of the request.
    let draft = holder.world.draft();
    let cnf = format!("{{\"jkt\":{:?}}}", thumbprint(holder.key()));
    let poor = draft.clone().claim("cnf", &cnf).claim("scope", "\"a\"");
    let poor = holder.world.token(&poor);
    let sent = proven(&poor, holder.proof(&poor).text());
    cases.push(Case::request(
        "no scope",
        sent,
        Some(holder.under(SCOPE, "DPoP")),
    ));
    if !is_required {
        let poor = holder.world.token(&draft.clone().claim("scope", "\"a\""));
        let refusal = holder.under(SCOPE, "Bearer");
        cases.push(Case::request(
            "no scope under Bearer",
            Sent::token(&poor),
            Some(refusal),
        ));
    }
    // A token that is not valid is refused as one, whatever its proof.
    let expired = draft
        .claim("cnf", &cnf)
        .claim("exp", &(holder.now - 3600).to_string());
    let expired = holder.world.token(&expired);
    for proof in [holder.proof(&expired).text(), "x".to_owned()] {
        let name = format!("an expired token with a good proof: {}", proof != "x");
        let sent = proven(&expired, proof);
        let case = Case::request(name, sent, Some(holder.under(INVALID, "DPoP")));
        cases.push(case.because("expired"));
    }
    let unknown = "token-of-nobody";
    let sent = proven(unknown, holder.proof(unknown).text());
    let refusal = holder.under(INVALID, "DPoP");
    cases.push(Case::request("an unknown token", sent, Some(refusal)));
    cases
}

/// What a token says that it is bound to.
fn bindings(holder: &Holder<'_>) -> Vec<Case> {
    let jkt = thumbprint(holder.key());
    let other = thumbprint(holder.world.thief.es.raw());
    let certificate = base64url([7; 32]);
    let mut cases = Vec::new();
    for (code, cnf) in [
        ("binding_not_checked", "{}".to_owned()),
        ("binding_not_checked", r#"{"kid":"k-es"}"#.to_owned()),
        ("binding_not_checked", r#"{"jkt":null}"#.to_owned()),
        ("binding_not_checked", r#"{"jkt":7}"#.to_owned()),
        ("binding_not_checked", format!("{{\"JKT\":{jkt:?}}}")),
        ("binding_not_checked", format!("{{\"jkt\":[{jkt:?}]}}")),
        (
            "binding_not_checked",
            format!("{{\"jkt\":{jkt:?},\"jwe\":\"x\"}}"),
        ),
        (
            "binding_not_checked",
            format!("{{\"jkt\":{jkt:?},\"jku\":\"https://evil.example\"}}"),
        ),
        (
            "binding_not_checked",
            format!("{{\"jwk\":{{{}}}}}", holder.key().key_members()),
        ),
        (
            "binding_not_checked",
            format!("{{\"x5t#S256\":{certificate:?}}}"),
        ),
        (
            "binding_not_checked",
            format!("{{\"jkt\":{jkt:?},\"x5t#S256\":{certificate:?}}}"),
        ),
        ("another_key", format!("{{\"jkt\":{other:?}}}")),
    ] {
        let token = holder.world.confirmed(&cnf);
        let proof = holder.proof(&token).text();
        let name = cnf.replace(&jkt, "JKT").replace(&other, "OTHER");
        let name = name.replace(&holder.key().key_members(), "JWK");
        cases.push(holder.unbound(format!("cnf {name}"), &token, proof, code));
    }
    let refusal = holder.under(INVALID, "DPoP");
    for cnf in ["null", "[]", "7", "\"\"", "true"] {
        let token = holder.world.confirmed(cnf);
        let sent = proven(&token, holder.proof(&token).text());
        let case = Case::request(format!("cnf {cnf}"), sent, Some(refusal));
        cases.push(case);
    }
    for (name, json) in [
        (
            "twice the same",
            format!("{{\"jkt\":{jkt:?},\"jkt\":{jkt:?}}}"),
        ),
        (
            "the thief's too",
            format!("{{\"jkt\":{other:?},\"jkt\":{jkt:?}}}"),
        ),
        (
            "the thief's last",
            format!("{{\"jkt\":{jkt:?},\"\\u006akt\":{other:?}}}"),
        ),
    ] {
        let token = holder.world.confirmed(&json);
        let sent = proven(&token, holder.proof(&token).text());
        let refusal = match holder.world.settings.is_opaque {
            // A response that is not strict JSON says nothing of the token.
            true => None,
            false => Some(refusal),
        };
        if let Some(refusal) = refusal {
            cases.push(Case::request(format!("jkt {name}"), sent, Some(refusal)));
        }
    }
    if holder.world.settings.is_opaque {
        for (token_type, cnf, is_admitted) in [
            ("DPoP", format!("{{\"jkt\":{jkt:?}}}"), true),
            ("dpop", format!("{{\"jkt\":{jkt:?}}}"), true),
            ("DPoP", String::new(), false),
            ("dpop", String::new(), false),
        ] {
            let draft = holder
                .world
                .draft()
                .claim("token_type", &format!("{token_type:?}"));
            let draft = match cnf.is_empty() {
                true => draft,
                false => draft.claim("cnf", &cnf),
            };
            let token = holder.world.token(&draft);
            let proof = holder.proof(&token).text();
            let name = format!("token_type {token_type}, bound: {}", !cnf.is_empty());
            cases.push(match is_admitted {
                true => holder.case(name, &token, proof, None),
                false => holder.unbound(name, &token, proof, "binding_not_checked"),
            });
        }
    }
    cases
}

/// A service that accepts no proofs refuses each bound token, and offers nothing.
pub(super) fn off(holder: &Holder<'_>) -> Vec<Case> {
    let (token, plain) = (holder.token(), holder.world.plain());
    let proof = holder.proof(&token).text();
    let bearer = Sent::token(&token);
    vec![
        Case::request("a plain token", Sent::token(&plain), None),
        Case::request(
            "a plain token with a proof",
            Sent::token(&plain).field("dpop", holder.proof(&plain).text()),
            None,
        ),
        Case::request("a bound token", bearer.clone(), Some(INVALID))
            .because("binding_not_checked"),
        Case::request(
            "a bound token with a proof",
            bearer.field("dpop", &proof),
            Some(INVALID),
        )
        .because("binding_not_checked"),
        Case::request(
            "a bound token under DPoP",
            proven(&token, &proof),
            Some(MISSING),
        )
        .because("missing_credentials"),
        Case::request(
            "a plain token under DPoP",
            proven(&plain, &proof),
            Some(MISSING),
        )
        .because("missing_credentials"),
        Case::request("nothing", Sent::nothing(), Some(MISSING)),
    ]
}
