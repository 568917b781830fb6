//! Only `dialect/` knows identity products by name; everywhere else they are data.

use super::finding::Finding;
use super::source::Source;

const VENDORS: [&str; 13] = [
    "entra",
    "azure",
    "microsoft",
    "keycloak",
    "okta",
    "auth0",
    "zitadel",
    "authentik",
    "pingfederate",
    "asgardeo",
    "wso2",
    "tokendings",
    "cognito",
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let may_know = source.path.contains("/dialect/") || source.path.contains("/tests/");
    if !source.is_rust() || source.library().is_none() || may_know {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        for vendor in VENDORS.iter().filter(|vendor| names(text, vendor)) {
            let wrong = format!("names `{vendor}` outside dialect/");
            let remedy = "say what differs, not whose it is; names go to dialect/, docs/ or tests/";
            findings.push(Finding::defect(&source.path, line, wrong, remedy));
        }
    }
    findings
}

fn names(text: &str, vendor: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(vendor).any(|(start, _)| {
        let (before, from) = text.split_at(start);
        let (found, after) = from.split_at(vendor.len());
        !continues(before.chars().last(), found.chars().next())
            && !continues(found.chars().last(), after.chars().next())
    })
}

/// Whether two neighbours belong to one word, where `EntraPolicy` is two words and `central` one.
fn continues(left: Option<char>, right: Option<char>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    let hump = !left.is_uppercase() && right.is_uppercase();
    left.is_alphanumeric() && right.is_alphanumeric() && !hump
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_case_are_names() {
        for text in [
            "// Keycloak sends it",
            "struct KeycloakPolicy;",
            "fn keycloak_policy()",
            "const KEYCLOAK: &str",
            "https://keycloak.example",
            "ForKeycloak",
        ] {
            assert!(names(text, "keycloak"), "{text}");
        }
    }

    #[test]
    fn parts_of_words_are_not() {
        assert!(!names("central", "entra"));
        assert!(!names("entrance ENTRANCE", "entra"));
        assert!(!names("incognito", "cognito"));
        assert!(!names("oktal", "okta"));
    }

    #[test]
    fn dialects_know_their_names() {
        let count = |path| check(&Source::new(path, "a\n// Entra\n")).len();
        assert_eq!(count("crates/obo-core/src/policy.rs"), 1);
        assert_eq!(count("crates/obo-core/src/dialect/entra.rs"), 0);
        assert_eq!(count("crates/obo/tests/chain.rs"), 0);
        assert_eq!(count("README.md"), 0);
    }
}
