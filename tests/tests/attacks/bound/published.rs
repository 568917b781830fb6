//! The request of RFC 9449 section 7.1 against the layers, at its time.

use obo::time::UnixTime;
use obo_tests::servers::Kind;

use super::steps::Steps;
use super::world::{BoundWorld, Settings, WINDOW, proven};
use crate::places::{Place, Way};

const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const PROOF: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0",
    "VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10",
    "NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjo",
    "iR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI",
    "6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2o",
    "W9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);
/// `iat` of the proof.
const ISSUED: u64 = 1_562_262_618;
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// DP-01 to DP-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_request_passes_once() {
    let world = BoundWorld::start(Settings {
        base_url: "https://resource.example.org",
        is_opaque: true,
        ..Settings::ACCEPT
    })
    .await;
    let mut steps = Steps::new(&world, "RFC 9449", "published");
    let at = |time: u64| world.clock.set(UnixTime::from_secs(time));
    at(ISSUED);
    let bound_to = |jkt: &str| world.draft().claim("cnf", &format!("{{\"jkt\":{jkt:?}}}"));
    world.introspect_as(TOKEN, &bound_to(JKT));
    let other = "another-token";
    world.introspect_as(other, &bound_to(JKT));
    let get = |token: &str, proof: &str| {
        let sent = proven(token, proof).method("GET").body(String::new());
        sent.to("/protectedresource")
    };
    let good = get(TOKEN, PROOF);
    let way = |place| Way {
        place: Place::Layer(place),
        grpc: None,
    };
    let plain = way(Kind::Plain);
    let changed = PROOF.replacen("2o", "2p", 1);
    for (name, sent, code) in [
        (
            "another method",
            good.clone().method("PUT"),
            "proof_other_method",
        ),
        (
            "another path",
            good.clone().to("/protected"),
            "proof_other_uri",
        ),
        ("another token", get(other, PROOF), "proof_other_token"),
        (
            "another signature",
            get(TOKEN, &changed),
            "proof_bad_signature",
        ),
        (
            "two lines",
            good.clone().field("dpop", PROOF),
            "proof_several",
        ),
    ] {
        steps.send(name, &sent, plain, Some(code)).await;
    }
    let window = WINDOW.cast_unsigned();
    for (name, time, code) in [
        ("too late", ISSUED + window + 1, "proof_expired"),
        ("too early", ISSUED - window - 1, "proof_issued_in_future"),
    ] {
        at(time);
        // The token is not the cause.
        world.introspect_as(TOKEN, &bound_to(JKT));
        steps.send(name, &good, plain, Some(code)).await;
    }
    at(ISSUED);
    steps.send("itself", &good, way(Kind::Axum), None).await;
    let replayed = Some("proof_replayed");
    steps.send("again", &good, plain, replayed).await;
    steps
        .send("again, elsewhere", &good, way(Kind::Axum), replayed)
        .await;
    steps.settle();
}
