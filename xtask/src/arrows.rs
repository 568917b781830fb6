//! `cargo xtask arrows`: checks the imports between modules and the dependencies of packages.
//!
//! It reads lines without a parser and relies on rustfmt's layout, which CI checks first.

use std::collections::{BTreeMap, BTreeSet};

use crate::shell::{self, Files, cargo, read};

/// The wings of `obo`. All other modules are shared: each module may import from them, and they
/// must not import from a wing.
const WINGS: [&str; 6] = ["inbound", "outbound", "fleet", "idp", "refusal", "observe"];
/// The imports that are allowed between wings. `observe` needs `refusal`: events name rejections.
const ARROWS: &str = "inbound>idp inbound>refusal inbound>observe outbound>idp outbound>refusal \
    outbound>observe idp>observe observe>refusal inbound>fleet outbound>fleet fleet>refusal \
    fleet>observe";

/// A crate, and the packages that its dependency tree must not have. The testkit checks the other
/// crates, so it shares no code with them, not even in its tests.
const FOREIGN: [(&str, &str); 7] = [
    ("obo-core", "tokio tower-service tower-layer hyper"),
    ("obo", "axum-core tonic redis obo-testkit"),
    ("obo-axum", "axum tonic obo-testkit"),
    ("obo-tonic", "axum-core obo-testkit"),
    ("obo-redis", "axum-core tonic reqwest obo-testkit"),
    ("obo-audit", "obo-core obo tokio http"),
    ("obo-testkit", "obo-core obo obo-axum obo-tonic"),
];

pub(crate) fn run() -> shell::Result {
    let mut findings = Vec::new();
    for package in shell::crates()? {
        let files = shell::files(&format!("crates/{package}/src"), "rs")?;
        findings.extend(modules(&package, &files));
        let foreign = FOREIGN.iter().filter(|(name, _)| *name == package);
        let foreign = foreign.flat_map(|(_, names)| names.split(' '));
        let foreign: Vec<&str> = foreign.collect();
        let dev = if package == "obo-testkit" { ",dev" } else { "" };
        let defaults = format!("tree -p {package} --prefix none -e normal{dev}");
        let lean = format!("{defaults} --no-default-features");
        // What only default features may add. Programs always have a client, and obo-tonic lets
        // tonic refuse `https` without TLS, which needs types of rustls.
        let client: &[&str] = match &*package {
            "obo-gateway" | "obo-cli" => &[],
            "obo-tonic" => &["reqwest"],
            _ => &["reqwest", "rustls"],
        };
        for (tree, foreign) in [(defaults, &*foreign), (lean, client)] {
            let tree = read(&mut cargo(&tree))?;
            findings.extend(packages(&package, &tree, foreign));
        }
    }
    shell::verdict("arrows", &findings)
}

/// Finds imports through the crate root, circles between modules, and forbidden arrows.
fn modules(package: &str, files: &Files) -> Vec<String> {
    let source = format!("crates/{package}/src/");
    let root = format!("{source}lib.rs");
    let root = files.iter().filter(|(path, _)| *path == root);
    let root = root.flat_map(|(_, text)| text.lines());
    let modules: BTreeSet<&str> = root.filter_map(declared_module).collect();
    let mut findings = Vec::new();
    let mut arrows = BTreeMap::new();
    for (path, text) in files {
        let module = path.trim_start_matches(&source).trim_end_matches(".rs");
        let module: Vec<&str> = module.trim_end_matches("/mod").split('/').collect();
        let from = module.first().copied().unwrap_or_default();
        if module == ["lib"] || module.contains(&"tests") {
            continue;
        }
        let code = code(text);
        for (line, to) in imports(&code, module.len()) {
            let place = format!("{path}:{line}");
            match modules.get(to) {
                Some(to) if from == *to => {}
                Some(to) => drop(arrows.entry((from, *to)).or_insert(place)),
                None => findings.push(format!(
                    "{place}: `{to}` is imported through the crate root; import it from its module"
                )),
            }
        }
    }
    for ((from, to), place) in &arrows {
        if package == "obo" && !is_allowed(from, to) {
            findings.push(format!("{place}: `{from}` must not import from `{to}`"));
        }
    }
    for ((from, to), place) in in_circles(arrows) {
        findings.push(format!("{place}: `{from}` imports from `{to}` in a circle"));
    }
    findings
}

fn is_allowed(from: &str, to: &str) -> bool {
    let arrow = format!("{from}>{to}");
    !WINGS.contains(&to) || ARROWS.split(' ').any(|allowed| allowed == arrow)
}

type Arrows<'a> = BTreeMap<(&'a str, &'a str), String>;

/// Removes arrows of modules without imports or importers, until only circles are left.
fn in_circles(mut arrows: Arrows<'_>) -> Arrows<'_> {
    loop {
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = arrows.keys().copied().unzip();
        let count = arrows.len();
        arrows.retain(|arrow, _| to.contains(arrow.0) && from.contains(arrow.1));
        if arrows.len() == count {
            return arrows;
        }
    }
}

/// The line and the first name below the crate root of each path in a module of this depth.
fn imports(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for word in ["crate::", "super::"] {
        for (start, _) in code.match_indices(word) {
            let (before, path) = code.split_at(start);
            let rest = path.trim_start_matches(word);
            let is_at_root = word == "crate::" || path.len() - rest.len() == depth * word.len();
            if is_at_root && !before.ends_with(|c| is_word(c) || c == ':') {
                let line = before.matches('\n').count() + 1;
                found.extend(leaves(rest).into_iter().map(|name| (line, name)));
            }
        }
    }
    found
}

/// The first name of a path, or of each path in its braces.
fn leaves(path: &str) -> Vec<&str> {
    let (mut names, mut depth, mut is_start) = (Vec::new(), 0, true);
    for (at, c) in path.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => is_start = true,
            _ if is_start && !c.is_whitespace() => {
                let (_, rest) = path.split_at(at);
                let name = rest.split(|c| !is_word(c) && c != '*').next();
                names.extend(name);
                is_start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code with the same lines, without comments and items under `#[cfg(test)]`.
fn code(text: &str) -> String {
    let (mut code, mut test) = (String::new(), None);
    for line in text.lines() {
        let item = line.trim_start();
        let indent = line.len() - item.len();
        if test.is_some() {
            let is_end = test == Some(indent) && line.ends_with([';', ',', '}']);
            test = test.filter(|_| !is_end);
        } else if item.starts_with("#[cfg(test)]") || item.starts_with("#[cfg(all(test") {
            test = Some(indent);
        } else if !item.starts_with("//") {
            code.push_str(line.split(" // ").next().unwrap_or_default());
        }
        code.push('\n');
    }
    code
}

/// `NAME` of the line `mod NAME;`.
fn declared_module(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.split_once("mod ")?;
    (before.is_empty() || before.starts_with("pub")).then_some(name)
}

/// Finds the forbidden packages in a tree that `cargo tree` has printed.
fn packages(root: &str, tree: &str, foreign: &[&str]) -> BTreeSet<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let wrong = names.filter(|name| foreign.contains(name) && *name != root);
    let finding = |name| format!("crates/{root}/Cargo.toml: {root} must not depend on {name}");
    wrong.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "mod a;\npub mod b;\npub(crate) mod inbound;\nmod outbound;\nmod idp;\n\
        mod refusal;\nmod observe;\nmod clock;\nmod inline {\n}\npub use a::Key;\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().chain(&[("lib.rs", ROOT)]);
        let place = |path| format!("crates/obo/src/{path}");
        let files = files.map(|(path, text)| (place(path), text.to_string()));
        let findings = modules("obo", &files.collect()).into_iter();
        let findings = findings.map(|finding| finding.replace("crates/obo/src/", ""));
        findings.collect()
    }

    #[test]
    fn import_through_the_root_is_found() {
        for (path, code, expected) in [
            ("a.rs", "use crate::Key;", "Key"),
            ("a.rs", "use crate::{A, b::{B, C}, inline::X};", "A inline"),
            ("a.rs", "use crate::{\n    b::{B},\n    Key,\n};", "Key"),
            ("a.rs", "use crate::*;", "*"),
            ("a.rs", "    let key = crate::Key::new();", "Key"),
            ("a.rs", "use super::Key;", "Key"),
            ("a/x.rs", "use super::super::{Key, b::C};", "Key"),
            ("a/mod.rs", "use super::{Key, b};", "Key"),
            ("a.rs", "use crate::b::{self, B}; use super::b::C;", ""),
            ("a/x.rs", "use super::Key;\npub(super) fn f() {}", ""),
            ("a.rs", "// crate::Key\nf(); // crate::Key", ""),
            ("a.rs", "use mycrate::Key;", ""),
            ("lib.rs", "use crate::Key;", ""),
        ] {
            let found = found(&[(path, code)]).join("\n");
            let names: Vec<_> = found.split('`').skip(1).step_by(2).collect();
            assert_eq!(names.join(" "), expected, "{code}");
        }
    }

    #[test]
    fn tests_import_from_anywhere() {
        let test = "#[cfg(test)]\nmod t {\n    use crate::K;\n\n    f! {\n    }\n}\n";
        let import = "#[cfg(test)]\nuse crate::{\n    Key,\n};\nuse crate::Key;";
        let inline = found(&[("a.rs", &format!("{test}{import}"))]).join("\n");
        assert!(inline.starts_with("a.rs:12: "), "{inline}");
        let files = ["a/tests.rs", "a/tests/x.rs"].map(|path| (path, "use crate::Key;"));
        assert!(found(&files).is_empty());
    }

    #[test]
    fn circle_is_found() {
        let a = ("a.rs", "use crate::b::C;");
        let b = ("b/x.rs", "\nuse super::super::clock::D;");
        let expected = [
            "a.rs:1: `a` imports from `b` in a circle",
            "b/x.rs:2: `b` imports from `clock` in a circle",
            "clock.rs:1: `clock` imports from `a` in a circle",
        ];
        assert_eq!(found(&[a, b, ("clock.rs", "use crate::a::E;")]), expected);
        assert!(found(&[a, b]).is_empty());
    }

    #[test]
    fn wings_import_along_the_arrows() {
        let may = |from: &str, to| {
            let (path, code) = (format!("{from}/x.rs"), format!("use crate::{to}::X;"));
            found(&[(&path, &code)]).is_empty()
        };
        assert!(may("inbound", "idp") && may("outbound", "refusal") && may("idp", "observe"));
        assert!(!may("idp", "refusal") && !may("refusal", "observe"));
        assert!(!may("idp", "inbound") && !may("refusal", "idp") && !may("observe", "idp"));
        assert!(!may("inbound", "outbound") && !may("outbound", "inbound"));
        assert!(may("idp", "clock") && !may("clock", "idp") && may("a", "b"));
    }

    #[test]
    fn foreign_package_is_found() {
        let tree = "obo v0.1.0 (a)\nopenssl-probe v0.2.2\nrsa v0.9.0\nrsa v0.9.0 (*)";
        assert_eq!(packages("obo", tree, &["rsa", "openssl", "obo"]).len(), 1);
    }
}
