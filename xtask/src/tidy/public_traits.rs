//! Traits are seams, and seams are counted: each is a promise that outsiders implement.

use super::finding::Finding;
use super::rust_code::words;
use super::source::Source;

/// A crate, and the traits it may publish.
const SEAMS: [(&str, &[&str]); 2] = [
    ("obo-core", &["Dialect"]),
    ("obo", &["ClientAuth", "MakeRejection"]),
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let Some(library) = source.library() else {
        return Vec::new();
    };
    let seams = SEAMS.iter().find(|(name, _)| *name == library);
    let expected = seams.map_or(&[][..], |(_, traits)| traits);
    source
        .code_lines()
        .filter_map(|(line, code)| Some((line, public_trait(code)?)))
        .filter(|(_, name)| !expected.contains(name))
        .map(|(line, name)| {
            let wrong = format!("`{name}` is a public trait {library} is not known for");
            let remedy = "use a function, a value or a tower service; \
                a new seam needs a page in docs/decisions/ and a line in xtask's SEAMS";
            Finding::defect(&source.path, line, wrong, remedy)
        })
        .collect()
}

fn public_trait(code: &str) -> Option<&str> {
    let declaration = code.trim_start().strip_prefix("pub ")?;
    let mut words = words(declaration).skip_while(|word| *word == "unsafe");
    (words.next()? == "trait").then(|| words.next())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_seam_is_expected_in_its_crate_only() {
        let seam = "pub trait ClientAuth: Send {}";
        assert_eq!(count("crates/obo/src/client_auth/mod.rs", seam), 0);
        assert_eq!(count("crates/obo-core/src/exchange.rs", seam), 1);
        assert_eq!(count("crates/obo-axum/src/lib.rs", seam), 1);
    }

    #[test]
    fn only_public_traits_are_seams() {
        let path = "crates/obo/src/jwks.rs";
        assert_eq!(count(path, "    pub trait KeyProvider {}"), 1);
        assert_eq!(count(path, "pub unsafe trait KeyProvider {}"), 1);
        assert_eq!(count(path, "pub(crate) trait KeyProvider {}"), 0);
        assert_eq!(count(path, "trait KeyProvider {}"), 0);
        assert_eq!(count(path, "// pub trait KeyProvider {}"), 0);
        assert_eq!(count("examples/src/lib.rs", "pub trait KeyProvider {}"), 0);
    }
}
