//! Checks the guides' configuration files and names. The examples compile the guides' Rust.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed assumption fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use obo::{Profile, dialect};
use obo_config::{ClientConfig, DestinationsConfig, ResourceServerConfig, Setup};

/// The tables of all configuration files in the guides.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    resource_server: Option<ResourceServerConfig>,
    client: Option<ClientConfig>,
    destinations: Option<DestinationsConfig>,
}

fn guide(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The TOML code blocks.
fn files(guide: &str) -> impl Iterator<Item = &str> {
    let blocks = guide.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap())
}

/// The names in backticks in a column of the table whose first column has this title.
fn column<'a>(guide: &'a str, table: &str, column: usize) -> BTreeSet<&'a str> {
    let title = format!("| {table} |");
    let rows = guide.lines().skip_while(|line| !line.starts_with(&title));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(column + 1).unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_configuration_file_builds_what_it_configures() {
    // The platform's token exists where the service runs, and building a client checks for it.
    let token = Path::new(env!("CARGO_TARGET_TMPDIR")).join("platform-token");
    fs::write(&token, "a.b.c").unwrap();
    let mut built = 0;
    for name in [
        "protect-an-api.md",
        "ask-the-issuer.md",
        "call-on-behalf-of-a-user.md",
        "configure-per-authorization-server.md",
    ] {
        let guide = guide(name);
        for file in files(&guide) {
            let file = file.replace("/var/run/secrets/tokens/idp", token.to_str().unwrap());
            let config: Config = toml::from_str(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
            built += 1;
            if let Some(server) = config.resource_server {
                server.build(&mut Setup::new()).unwrap();
            }
            if let Some(client) = config.client {
                client.build(&Setup::new()).unwrap();
            }
            if let Some(destinations) = config.destinations {
                destinations.build(&Setup::new()).unwrap();
            }
        }
    }
    assert_eq!(built, 4);
}

/// A new product is one file and one line, and the guide may be missing it.
#[test]
fn guide_names_only_known_products() {
    let guide = guide("configure-per-authorization-server.md");
    let (profiles, dialects) = (column(&guide, "product", 1), column(&guide, "product", 2));
    assert!(profiles.len() > 5 && profiles.is_subset(&Profile::names().collect()));
    assert!(dialects.len() > 5 && dialects.is_subset(&dialect::names().collect()));
}

#[test]
fn every_code_of_a_refusal_is_one() {
    let guides = ["protect-an-api.md", "ask-the-issuer.md"].map(guide);
    let codes = guides.each_ref().map(|guide| column(guide, "`code`", 0));
    for codes in &codes {
        assert!(codes.len() > 5, "{codes:?}");
    }
    let sources = [
        include_str!("../../crates/obo/src/refusal/rejection.rs"),
        include_str!("../../crates/obo-core/src/error.rs"),
    ];
    for code in codes.into_iter().flatten() {
        let literal = format!("=> \"{code}\"");
        assert!(
            sources.iter().any(|source| source.contains(&literal)),
            "{code}"
        );
    }
}
