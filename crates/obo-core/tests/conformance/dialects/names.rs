//! The names of dialects in configuration files.

use std::collections::HashSet;

use obo_core::dialect::{self, Dialect as _};

#[test]
fn dialect_names_are_unique() {
    let names: Vec<_> = dialect::names().collect();
    for name in &names {
        let dialect = dialect::named(name).unwrap();
        assert_eq!(dialect.name(), *name);
        assert!(dialect.identity().starts_with(name));
    }
    let distinct: HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    let identities: HashSet<_> = names
        .iter()
        .map(|name| dialect::named(name).unwrap().identity().into_owned())
        .collect();
    assert_eq!(identities.len(), names.len());
}

#[test]
fn unknown_name_lists_known_ones() {
    for unknown in ["", "Keycloak", "keycloak ", "azure"] {
        let error = dialect::named(unknown).unwrap_err();
        assert_eq!(error.field(), "dialect");
        let message = error.to_string();
        assert!(
            dialect::names().all(|name| message.contains(name)),
            "{message}"
        );
    }
}
