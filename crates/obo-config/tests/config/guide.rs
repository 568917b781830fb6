//! The guide to the configuration file.

use std::collections::BTreeSet;

use obo::ConfigError;
use obo::bearer::PublicPaths;
use obo_config::{Config, Settings, Setup};

const GUIDE: &str = include_str!("../../../../docs/guides/configuration-file.md");

/// Earlier names of keys.
const EARLIER: [&str; 7] = [
    "accepts_missing_audience",
    "accepts_missing_expiry",
    "accepts_missing_subject",
    "client_is_actor",
    "issued_type_may_be_missing",
    "scope_text_or_array",
    "signed",
];

/// The first file of the guide, with a variable that is set in tests.
fn example() -> String {
    let (_, rest) = GUIDE.split_once("```toml\n").unwrap();
    let file = rest.split("```").next().unwrap();
    let key = r#"{ file = "/run/secrets/pseudonym-key" }"#;
    let file = file.replace(key, &format!("\"{}\"", "07".repeat(32)));
    file.replace("ORDERS_CLIENT_SECRET", "CARGO_PKG_NAME")
}

fn error(file: &str) -> ConfigError {
    let file: Settings = toml::from_str(file).unwrap();
    let built = file
        .read::<Config>()
        .and_then(|config| config.build(&mut Setup::new()));
    built.map(drop).unwrap_err()
}

#[test]
fn example_of_the_guide_is_built() {
    let file: Settings = toml::from_str(&example()).unwrap();
    let config: Config = file.read().unwrap();
    let built = config.build(&mut Setup::new()).unwrap();
    let _layer = built.auth_layer();
    assert_eq!(
        built.rules.unwrap().public_paths(),
        PublicPaths::new(["/health"]).unwrap()
    );
}

#[test]
fn guide_lists_every_key() {
    let mut keys = BTreeSet::new();
    for (good, bad) in [
        ("[resource_server]", "nosuch = 1\n[resource_server]"),
        ("[resource_server]", "[resource_server]\nnosuch = 1"),
        ("lazy = false", "nosuch = 1"),
        ("base = \"lenient\"", "nosuch = 1"),
        ("for = \"opaque_tokens\"", "nosuch = 1"),
        ("id = \"orders\"\n", "id = \"orders\"\nnosuch = 1\n"),
        (
            "id = \"orders\"\n",
            "id = \"orders\"\ndpop_key = { nosuch = 1 }\n",
        ),
        (
            "id = \"orders\"\n",
            "id = \"orders\"\ncertificate = { nosuch = 1 }\n",
        ),
        ("dialect = \"keycloak\"", "nosuch = 1"),
        ("dialect = \"keycloak\"", "dialect = { nosuch = 1 }"),
        ("dialect = \"keycloak\"", "actor = { nosuch = 1 }"),
        ("bytes = 16777216", "nosuch = 1"),
        ("audience = \"stock\"", "nosuch = 1"),
        ("methods = [\"GET\"]", "nosuch = 1"),
        ("[protected_resource]", "[protected_resource]\nnosuch = 1"),
        ("[audit]", "[audit]\nnosuch = 1"),
        ("[audit]", "[shared]\nnosuch = 1\n[audit]"),
        ("[audit]", "[shared]\nkey_ring = [{ nosuch = 1 }]\n[audit]"),
        ("[audit]", "[shared]\nrevocation = { nosuch = 1 }\n[audit]"),
        ("[audit]", "[binding]\nnosuch = 1\n[audit]"),
        (
            "[audit]",
            "[binding]\ncertificate = { nosuch = 1 }\n[audit]",
        ),
        ("[audit]", "[logout]\nnosuch = 1\n[audit]"),
        ("[audit]", "[signals]\nnosuch = 1\n[audit]"),
    ] {
        let file = example().replacen(good, bad, 1);
        assert_ne!(file, example(), "{good}");
        let error = error(&file);
        let list = error.problem();
        let list = list.strip_prefix("unknown field `nosuch`, expected ");
        let list = list.unwrap_or_else(|| panic!("{bad}: {error}"));
        let list = list.replace("one of ", "").replace(" or ", ", ");
        keys.extend(list.split(", ").map(|key| key.trim_matches('`').to_owned()));
    }
    // Earlier names of keys are accepted and not listed.
    keys.retain(|key| !EARLIER.contains(&&**key));
    // The test reaches the keys of all tables.
    assert!(keys.len() > 100, "{keys:?}");
    for key in keys {
        let is_listed = GUIDE.contains(&format!("`{key}`")) || GUIDE.contains(&format!(".{key}`"));
        assert!(is_listed || GUIDE.contains(&format!("{key} =")), "{key}");
    }
}
