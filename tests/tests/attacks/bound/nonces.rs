//! Nonces (RFC 9449 section 9): demanded, forged, foreign, old, and rotated.

use obo::time::UnixTime;
use obo_tests::expected::{INVALID, NO_NONCE};
use obo_tests::servers::Kind;

use super::steps::Steps;
use super::world::{BoundWorld, Dpop, Holder, Settings, WINDOW, proven};
use crate::case::{Case, Sent};
use crate::places::{Place, Way};
use crate::score::Score;

const MISSING: Option<&str> = Some("proof_missing_nonce");
const STALE: Option<&str> = Some("proof_stale_nonce");

const NONCE: Settings = Settings {
    nonce: true,
    ..Settings::ACCEPT
};

/// The nonce that a service demands now.
async fn nonce(world: &BoundWorld, way: Way) -> String {
    let holder = world.holder(way);
    let token = holder.token();
    let sent = proven(&token, holder.proof(&token).text());
    let (got, _) = world.places.send(&sent, way).await;
    got.nonce().unwrap().to_owned()
}

/// `own` is a nonce of this place, and `foreign` one of another service.
fn cases(holder: &Holder<'_>, own: &str, foreign: &str) -> Vec<Case> {
    let token = holder.token();
    let with = |name: &str, json: &str, code: Option<&'static str>| {
        let proof = holder.proof(&token).claim("nonce", json).text();
        let case = holder.case(name, &token, proof, code);
        match code {
            Some("proof_missing_nonce" | "proof_stale_nonce") => case.expecting(Some(NO_NONCE)),
            _ => case,
        }
    };
    let text = |text: &str| serde_json::to_string(text).unwrap();
    let mut cases = vec![
        with("its nonce", &text(own), None),
        with("its nonce again", &text(own), None),
        with(
            "its nonce, escaped",
            &format!("\"\\u{:04x}{}\"", u32::from(own.as_bytes()[0]), &own[1..]),
            None,
        ),
        with("of another service", &text(foreign), STALE),
        with(
            "too long",
            &text(&"x".repeat(257)),
            Some("proof_invalid_claim"),
        ),
        with("as long as allowed", &text(&"x".repeat(256)), STALE),
    ];
    let proof = holder.proof(&token).text();
    let none = holder.case("none", &token, proof, MISSING);
    cases.push(none.expecting(Some(NO_NONCE)));
    for json in [r#""""#, "null", "7", "true", "[]", "{}"] {
        cases.push(with(json, json, Some("proof_invalid_claim")));
    }
    let array = format!("[{own:?}]");
    cases.push(with("in an array", &array, Some("proof_invalid_claim")));
    // Each place of it counts: the number of the period, and the MAC.
    for place in [0, 5, 10, 11, 20, 31] {
        let mut changed = own.to_owned().into_bytes();
        changed[place] = if changed[place] == b'B' { b'C' } else { b'B' };
        let changed = String::from_utf8(changed).unwrap();
        cases.push(with(&format!("changed at {place}"), &text(&changed), STALE));
    }
    for (name, forged) in [
        ("cut", own[1..].to_owned()),
        ("longer", format!("{own}A")),
        ("padded", format!("{own}=")),
        ("a blank before", format!(" {own}")),
        ("twice", format!("{own}{own}")),
        ("in lower case", own.to_lowercase()),
        ("zeros", "A".repeat(32)),
        (
            "its period alone",
            format!("{}{}", &own[..10], "A".repeat(22)),
        ),
        ("its MAC alone", format!("{}{}", "A".repeat(10), &own[10..])),
        ("a word", "nonce".to_owned()),
        ("a list", format!("{own},{foreign}")),
    ] {
        cases.push(with(name, &text(&forged), STALE));
    }
    let elsewhere = holder.proof(&token).header("nonce", &text(own)).text();
    let case = holder.case("in the header", &token, elsewhere, MISSING);
    cases.push(case.expecting(Some(NO_NONCE)));
    let proof = holder.proof(&token).text();
    let sent = proven(&token, proof).field("dpop-nonce", own);
    let case = Case::request("in a header of the request", sent, Some(NO_NONCE));
    cases.push(case.because("proof_missing_nonce"));
    // All else is checked first: a thief gets no nonce.
    let thief = holder.world.thief.es.raw();
    for (name, proof) in [
        (
            "a thief with a nonce",
            holder
                .proof_by(thief, "ES256", &token)
                .text_claim("nonce", own),
        ),
        (
            "a thief without one",
            holder.proof_by(thief, "ES256", &token),
        ),
    ] {
        cases.push(holder.unbound(name, &token, proof.text(), "another_key"));
    }
    for (name, nonce) in [("good", own), ("bad", "x")] {
        let proof = holder.proof(&token).text_claim("nonce", nonce);
        let proof = proof.text_claim("htm", "GET").text();
        let name = format!("another method with a {name} nonce");
        cases.push(holder.case(name, &token, proof, Some("proof_other_method")));
    }
    let bearer = Sent::token(&token).field("dpop", holder.proof(&token).text());
    let refusal = holder.under(INVALID, "Bearer");
    cases.push(Case::request("under Bearer", bearer, Some(refusal)));
    if holder.world.settings.dpop == Dpop::Accept {
        let plain = Sent::token(&holder.world.plain());
        cases.push(Case::request("a plain token needs none", plain, None));
    }
    cases
}

/// DP-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_nonces_fail() {
    for (dpop, name) in [
        (Dpop::Accept, "nonces, accepted"),
        (Dpop::Require, "nonces, required"),
    ] {
        let world = BoundWorld::start(Settings { dpop, ..NONCE }).await;
        let ways = Way::all();
        let layers = nonce(&world, ways[0]).await;
        let gateway = nonce(&world, ways[7]).await;
        let mut score = Score::of(name);
        let cases = |holder: &Holder<'_>| match holder.way.is_gateway() {
            true => cases(holder, &gateway, &layers),
            false => cases(holder, &layers, &gateway),
        };
        world.run("nonces", cases, &mut score).await;
        score.settle();
    }
}

/// DP-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_rotate_by_the_clock() {
    let world = BoundWorld::start(NONCE).await;
    let mut steps = Steps::new(&world, "nonces", "rotation");
    let window = WINDOW.cast_unsigned();
    // The start of a period, a while ago.
    let start = world.clock.now().as_secs() / window * window;
    for place in Kind::ALL {
        let grpc = Some("application/grpc+proto").filter(|_| matches!(place, Kind::Tonic));
        let way = Way {
            place: Place::Layer(place),
            grpc,
        };
        let at = |seconds: u64| world.clock.set(UnixTime::from_secs(start + seconds));
        let sent = |nonce: &str| {
            let holder = world.holder(way);
            let token = holder.token();
            let proof = holder.proof(&token).text_claim("nonce", nonce);
            proven(&token, proof.text())
        };
        at(0);
        let first = steps.send("a word", &sent("x"), way, STALE).await.unwrap();
        steps.send("first", &sent(&first), way, None).await;
        at(window - 1);
        steps
            .send("first at the end of its period", &sent(&first), way, None)
            .await;
        let same = steps
            .send("within the period", &sent("x"), way, STALE)
            .await
            .unwrap();
        assert_eq!(same, first);
        at(window);
        let second = steps
            .send("next period", &sent("x"), way, STALE)
            .await
            .unwrap();
        assert_ne!(second, first);
        steps
            .send("first in the next period", &sent(&first), way, None)
            .await;
        steps.send("second", &sent(&second), way, None).await;
        at(2 * window - 1);
        steps
            .send("first at its end", &sent(&first), way, None)
            .await;
        at(2 * window);
        let late = sent(&first);
        let third = steps
            .send("first after its end", &late, way, STALE)
            .await
            .unwrap();
        assert!(third != first && third != second);
        steps
            .send("second in the next period", &sent(&second), way, None)
            .await;
        // The demand did not use up an identifier, so the client may keep it.
        let holder = world.holder(way);
        let token = holder.token();
        let proof = holder.proof(&token);
        let stale = proven(&token, proof.clone().text_claim("nonce", &first).text());
        steps
            .send("one jti with an old nonce", &stale, way, STALE)
            .await;
        let good = proven(&token, proof.text_claim("nonce", &third).text());
        steps
            .send("the same jti with the new one", &good, way, None)
            .await;
        at(3 * window);
        steps
            .send("second after its end", &sent(&second), way, STALE)
            .await;
        // A clock that is set back knows no nonce of the future.
        at(window);
        steps
            .send("third before its period", &sent(&third), way, STALE)
            .await;
        steps
            .send("first, once more", &sent(&first), way, None)
            .await;
    }
    steps.settle();
}
