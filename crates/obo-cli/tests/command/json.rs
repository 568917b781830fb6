//! `--json` prints one object, on success and on failure.

use serde_json::Value;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn each_command_prints_one_object() {
    let world = World::new().await;
    let config = world.service();
    let token = world.alice();
    for (arguments, code, member) in [
        (vec!["inspect"], 0, "claims"),
        (vec!["inspect"], 0, "checks"),
        (vec!["inspekt"], 2, "error"),
        (vec!["check", "-c", &config], 2, "error"),
        (vec![], 2, "error"),
        (vec!["inspect", "-c", &config], 2, "checks"),
        (vec!["check", "-c", &config, "GET", "/orders/7"], 0, "entry"),
        (vec!["doctor", "-c", &config], 0, "checks"),
        (vec!["exchange", "-c", &config, "--to", "stock"], 0, "chain"),
        (vec!["exchange", "-c", &config, "--to", "none"], 1, "checks"),
        (
            vec!["exchange", "-c", &config, "--to", "stock", "--curl"],
            0,
            "curl",
        ),
        (vec!["check", "-c", "missing.toml", "GET", "/"], 2, "error"),
    ] {
        let ran = world
            .run(&[&["--json"], &*arguments].concat(), &token)
            .await;
        let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(
            (ran.code, &json["exit_code"]),
            (code, &code.into()),
            "{ran:?}"
        );
        assert!(!json[member].is_null(), "{arguments:?}: {json}");
        assert_eq!(ran.err, "", "{arguments:?}");
    }
}
