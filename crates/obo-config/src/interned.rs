//! Names of claims and dialects that live as long as the program. Reading a file again stores no
//! name twice.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
static PATHS: Mutex<BTreeSet<&[&str]>> = Mutex::new(BTreeSet::new());

pub(crate) fn interned(name: String) -> &'static str {
    stored(&NAMES, name.into())
}

pub(crate) fn interned_path(names: Vec<String>) -> &'static [&'static str] {
    stored(&PATHS, names.into_iter().map(interned).collect())
}

fn stored<T: Ord + ?Sized>(all: &Mutex<BTreeSet<&'static T>>, value: Box<T>) -> &'static T {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&*value) {
        return known;
    }
    let value: &'static T = Box::leak(value);
    all.insert(value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_interned_once() {
        let name = || interned("obo-interned".to_owned());
        assert!(std::ptr::eq(name(), name()));
        let path = || interned_path(vec!["obo".to_owned(), "interned".to_owned()]);
        assert!(std::ptr::eq(path(), path()));
        assert_eq!(path(), ["obo", "interned"]);
    }
}
