//! What a crate of ours pulls in, whoever asked for it: `cargo tree`, normal dependencies.

use std::collections::BTreeSet;

use super::finding::Finding;
use crate::PUBLISHED;
use crate::shell::{self, cargo, read};

/// A crate, and what must not be in its tree.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    (
        "obo-core",
        &[
            "tokio",
            "tower",
            "tower-service",
            "tower-layer",
            "axum",
            "tonic",
            "reqwest",
            "hyper",
        ],
    ),
    ("obo", &["axum", "axum-core", "tonic"]),
    ("obo-axum", &["axum", "tonic"]),
    ("obo-testkit", &["obo-core", "obo", "obo-axum", "obo-tonic"]),
];

/// No published crate has these: a timing leak without a fix, and second TLS stacks.
const BANNED: [&str; 4] = ["rsa", "openssl", "openssl-sys", "native-tls"];

/// One is enough, and two make rustls refuse to choose.
const CRYPTO: [&str; 2] = ["ring", "aws-lc-rs"];

/// Two versions would be two sets of algorithm and key types.
const SINGLE: &str = "jsonwebtoken";

pub(super) fn run() -> shell::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for root in PUBLISHED {
        let tree = read(&mut cargo(&format!(
            "tree -p {root} -e normal --prefix none"
        )))?;
        findings.extend(check(root, &tree));
    }
    Ok(findings)
}

fn check(root: &str, tree: &str) -> Vec<Finding> {
    let packages = packages(tree);
    let has = |name: &str| packages.iter().any(|(package, _)| *package == name);
    let wrong = |wrong: String, name: &str| {
        let remedy = format!("find who brings it: `cargo tree -p {root} -e normal -i {name}`");
        Finding::defect(&format!("crates/{root}/Cargo.toml"), 1, wrong, remedy)
    };

    let mut findings = Vec::new();
    let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == root);
    let forbidden = forbidden.map_or(&[][..], |(_, names)| names);
    for name in forbidden.iter().chain(&BANNED).filter(|name| has(name)) {
        findings.push(wrong(format!("{root} has {name} in its tree"), name));
    }
    if CRYPTO.iter().all(|name| has(name)) {
        let both = format!("{root} has both {} in its tree", CRYPTO.join(" and "));
        findings.push(wrong(both, "ring"));
    }
    let versions = packages.iter().filter(|(name, _)| *name == SINGLE).count();
    if versions > 1 {
        findings.push(wrong(
            format!("{root} has {versions} versions of {SINGLE}"),
            SINGLE,
        ));
    }
    findings
}

/// Names and versions; a tree repeats what has several parents.
fn packages(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(root: &str, tree: &str) -> usize {
        check(root, tree).len()
    }

    #[test]
    fn each_crate_has_its_own_limits() {
        assert_eq!(count("obo-core", "obo-core v0.1.0 (a)\ntokio v1.54.1"), 1);
        assert_eq!(count("obo", "tokio v1.54.1"), 0);
        assert_eq!(count("obo-axum", "axum v0.8.9"), 1);
        assert_eq!(count("obo-axum", "axum-core v0.5.6"), 0);
        assert_eq!(count("obo-testkit", "obo-core v0.1.0 (a)"), 1);
    }

    #[test]
    fn some_are_banned_everywhere() {
        for root in PUBLISHED {
            for name in BANNED {
                assert_eq!(count(root, &format!("{name} v1.0.0")), 1);
            }
            assert_eq!(count(root, "openssl-probe v0.2.2"), 0);
        }
    }

    #[test]
    fn there_is_one_crypto_library_and_one_jsonwebtoken() {
        assert_eq!(count("obo", "ring v0.17.14\naws-lc-rs v1.19.0"), 1);
        assert_eq!(count("obo", "aws-lc-rs v1.19.0\naws-lc-rs v1.19.0 (*)"), 0);
        assert_eq!(
            count("obo", "jsonwebtoken v10.3.0\njsonwebtoken v11.1.0"),
            1
        );
        assert_eq!(
            count("obo", "jsonwebtoken v11.1.0\njsonwebtoken v11.1.0 (*)"),
            0
        );
    }
}
