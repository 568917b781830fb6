//! Proofs that are sent again: at the same time, elsewhere, later, and in another spelling.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo_test_support::base64url;
use obo_tests::servers::Kind;

use super::draft::new_jti;
use super::steps::Steps;
use super::world::{BoundWorld, Settings, WINDOW, proven};
use crate::places::{Place, Way};

const REPLAYED: Option<&str> = Some("proof_replayed");

const PLAIN: Way = Way {
    place: Place::Layer(Kind::Plain),
    grpc: None,
};

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The other signature that verifies too: `s` is its difference to the order.
fn other_signature(proof: &str) -> String {
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for i in (0..32).rev() {
        let difference = i16::from(ORDER[i]) - i16::from(signature[32 + i]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + i] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{input}.{}", base64url(signature))
}

/// DP-12, DP-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proof_passes_once_in_a_race() {
    let world = BoundWorld::start(Settings::ACCEPT).await;
    let mut steps = Steps::new(&world, "races", "replays");
    for way in Way::all() {
        let holder = world.holder(way);
        let token = holder.token();
        steps
            .race(50, &proven(&token, holder.proof(&token).text()), way)
            .await;
    }
    steps.settle();
}

/// DP-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_fail_in_each_place() {
    let world = BoundWorld::start(Settings::ACCEPT).await;
    let mut steps = Steps::new(&world, "replays", "places");
    for first in Way::all() {
        let holder = world.holder(first);
        let token = holder.token();
        let sent = proven(&token, holder.proof(&token).text());
        steps
            .send(&format!("first {first}"), &sent, first, None)
            .await;
        for then in Way::all() {
            // Layers and gateway share no store, so they are two processes.
            if then.is_gateway() == first.is_gateway() {
                let name = format!("after {first}");
                steps.send(&name, &sent, then, REPLAYED).await;
            }
        }
    }
    let holder = world.holder(PLAIN);
    let token = holder.token();
    let sent = proven(&token, holder.proof(&token).text());
    for way in Way::all().into_iter().filter(|way| way.grpc.is_none()) {
        let is_first = way.to_string() == PLAIN.to_string() || way.is_gateway();
        let code = if is_first { None } else { REPLAYED };
        steps
            .send("one record for each process", &sent, way, code)
            .await;
    }
    steps.settle();
}

/// DP-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_fail_in_other_spellings() {
    let world = BoundWorld::start(Settings::ACCEPT).await;
    let mut steps = Steps::new(&world, "replays", "spellings");
    for way in Way::all() {
        let holder = world.holder(way);
        let (token, jti) = (holder.token(), new_jti());
        let with_jti = |json: &str| holder.proof(&token).claim("jti", json);
        let own = with_jti(&format!("{jti:?}"));
        let first = own.text();
        let sent = proven(&token, &first);
        steps.send("first", &sent, way, None).await;
        steps.send("again", &sent, way, REPLAYED).await;
        let query = sent.clone().query("a=b");
        steps.send("another query", &query, way, REPLAYED).await;
        let escaped: String = jti
            .chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect();
        for (name, proof) in [
            ("another signature", other_signature(&first)),
            ("signed again", own.text()),
            (
                "another time",
                own.clone()
                    .claim("iat", &(holder.now - 7).to_string())
                    .text(),
            ),
            (
                "another spelling of the path",
                own.clone().text_claim("htu", &(holder.url() + "?")).text(),
            ),
            ("an escaped jti", with_jti(&format!("\"{escaped}\"")).text()),
            ("another claim", own.clone().text_claim("a", "b").text()),
            ("another header", own.clone().header("kid", "\"b\"").text()),
        ] {
            steps
                .send(name, &proven(&token, proof), way, REPLAYED)
                .await;
        }
        // The same identifier and key for another path, another method and another token.
        let other = "/test.Probe/Other";
        let elsewhere = own.clone().text_claim("htu", &world.settings.url(other));
        let elsewhere = proven(&token, elsewhere.text()).to(other);
        steps.send("another path", &elsewhere, way, REPLAYED).await;
        let token = holder.token();
        let proof = holder.proof(&token).claim("jti", &format!("{jti:?}"));
        steps
            .send(
                "another token",
                &proven(&token, proof.text()),
                way,
                REPLAYED,
            )
            .await;
        // A stranger's key cannot use up an identifier of the holder.
        let stranger = world.thief.ed.raw();
        let token = world.bound_to(stranger);
        let proof = holder
            .proof_by(stranger, "EdDSA", &token)
            .claim("jti", &format!("{jti:?}"));
        steps
            .send("another key", &proven(&token, proof.text()), way, None)
            .await;
        let token = holder.token();
        for (name, jti) in [
            ("in upper case", jti.to_uppercase()),
            ("a blank after", jti + " "),
        ] {
            let proof = holder.proof(&token).text_claim("jti", &jti).text();
            steps.send(name, &proven(&token, proof), way, None).await;
        }
    }
    steps.settle();
}

/// DP-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_proof_is_not_used_up() {
    let world = BoundWorld::start(Settings::ACCEPT).await;
    let mut steps = Steps::new(&world, "replays", "failures");
    for way in Way::all() {
        let holder = world.holder(way);
        let (token, other) = (holder.token(), holder.token());
        let foreign = world.bound_to(world.thief.es.raw());
        let proof = holder.proof(&token).text();
        let cut = &proof[..proof.len() - 4];
        for (name, sent, code) in [
            (
                "another path",
                proven(&token, &proof).to("/test.Probe/Other"),
                "proof_other_uri",
            ),
            ("another token", proven(&other, &proof), "proof_other_token"),
            (
                "a cut signature",
                proven(&token, cut),
                "proof_bad_signature",
            ),
            (
                "twice in one request",
                proven(&token, &proof).field("dpop", &proof),
                "proof_several",
            ),
        ] {
            steps.send(name, &sent, way, Some(code)).await;
        }
        // The thief shows the holder's proof with a token that is bound to the thief.
        let hash = base64url(digest(&SHA256, foreign.as_bytes()));
        let stolen = holder.proof(&foreign).text_claim("ath", &hash).text();
        steps
            .send(
                "the thief's token",
                &proven(&foreign, stolen),
                way,
                Some("another_key"),
            )
            .await;
        steps
            .send("at last", &proven(&token, &proof), way, None)
            .await;
        steps
            .send("again", &proven(&token, &proof), way, REPLAYED)
            .await;
    }
    steps.settle();
}

/// DP-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn used_proofs_are_not_forgotten() {
    let world = BoundWorld::start(Settings::ACCEPT).await;
    let mut steps = Steps::new(&world, "replays", "time");
    let holder = world.holder(PLAIN);
    let token = holder.token();
    let proof = |iat: i64| {
        let proof = holder.proof(&token).claim("iat", &iat.to_string());
        proven(&token, proof.text())
    };
    let (early, now) = (proof(holder.now + WINDOW), proof(holder.now));
    for (name, sent) in [("an early proof", &early), ("a proof of now", &now)] {
        steps.send(name, sent, PLAIN, None).await;
    }
    for i in 0..1000 {
        let sent = proof(holder.now);
        steps
            .send(&format!("another proof {i}"), &sent, PLAIN, None)
            .await;
    }
    for (name, sent) in [("the early one again", &early), ("that of now again", &now)] {
        steps.send(name, sent, PLAIN, REPLAYED).await;
    }
    let window = Duration::from_secs(WINDOW.cast_unsigned());
    world.clock.advance(window);
    steps
        .send("at the end of its window", &now, PLAIN, REPLAYED)
        .await;
    world.clock.advance(Duration::from_secs(1));
    steps
        .send("after its window", &now, PLAIN, Some("proof_expired"))
        .await;
    world.clock.advance(window - Duration::from_secs(1));
    steps
        .send("at the end of the early one's", &early, PLAIN, REPLAYED)
        .await;
    world.clock.advance(Duration::from_secs(1));
    steps
        .send(
            "after the early one's",
            &early,
            PLAIN,
            Some("proof_expired"),
        )
        .await;
    steps.settle();
}
