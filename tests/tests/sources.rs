//! Rules that hold for all source files.
#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use std::fs;
use std::path::Path;

const WIDTH: usize = 100;

/// All Rust files below a folder of the repository, with their paths there.
fn sources(folder: &str) -> Vec<(String, String)> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        let is_hidden = name.starts_with('.') || name == "target";
        match entry.file_type().unwrap().is_dir() {
            true if !is_hidden => found.extend(sources(&path)),
            false if name.ends_with(".rs") => {
                found.push((path, fs::read_to_string(entry.path()).unwrap()));
            }
            _ => {}
        }
    }
    found
}

fn long_comments(text: &str) -> Vec<usize> {
    let lines = (1..).zip(text.lines());
    let comments = lines.filter(|(_, line)| line.trim_start().starts_with("//"));
    let long = comments.filter(|(_, line)| line.chars().count() > WIDTH);
    long.map(|(number, _)| number).collect()
}

#[test]
fn comments_have_at_most_100_columns() {
    let line = |width: usize| format!("let a;\n    // {}", "ä".repeat(width - 7));
    assert_eq!(long_comments(&line(100)), []);
    assert_eq!(long_comments(&line(101)), [2]);
    let mut findings = Vec::new();
    for folder in ["crates", "examples", "tests", "fuzz", "benches", "xtask"] {
        let files = sources(folder);
        assert!(!files.is_empty(), "{folder}");
        for (path, text) in files {
            let lines = long_comments(&text).into_iter();
            findings.extend(lines.map(|line| format!("{path}:{line}")));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

/// Users implement public traits, so each change of one breaks users.
#[test]
fn public_traits_are_counted() {
    let named = |text: &str| {
        let lines = text.lines().map(str::trim_start);
        let traits = lines.filter_map(|line| line.strip_prefix("pub trait "));
        let name = |text: &str| text.split([':', ' ', '<']).next().unwrap().to_owned();
        traits.map(name).collect::<Vec<_>>()
    };
    let text = "pub trait A: Send {}\nmod m {\n    pub trait B<T> {}\n}\npub(crate) trait C {}";
    assert_eq!(named(text), ["A", "B"]);
    let mut found = Vec::new();
    for (path, text) in sources("crates") {
        let (package, file) = path.split_at(path.find("/src/").unwrap_or(path.len()));
        let names = named(&text).into_iter().filter(|_| !file.is_empty());
        found.extend(names.map(|name| format!("{package}: {name}")));
    }
    found.sort();
    let known = ["obo-core: Dialect", "obo: ClientAuth", "obo: Store"];
    let known = known.map(|name| format!("crates/{name}"));
    // Instead of another trait, take a function or a value.
    assert_eq!(found, known);
}

#[test]
fn one_crate_uses_the_redis_crate() {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut files = sources("crates");
    files.retain(|(path, text)| {
        let mut uses = text
            .match_indices("redis::")
            .map(|(at, _)| text.split_at(at).0);
        path.contains("/src/") && uses.any(|before| !before.ends_with(is_word))
    });
    let is_ours = |path: &str| path.starts_with("crates/obo-redis/");
    assert!(!files.is_empty() && files.iter().all(|(path, _)| is_ours(path)));
}

/// JW-40
#[test]
fn one_file_reads_the_wall_clock() {
    let clippy = include_str!("../../crates/clippy.toml");
    assert!(clippy.contains("\"std::time::SystemTime::now\""));
    assert!(clippy.contains("\"std::time::Instant::now\""));
    let mut files = sources("crates");
    // The command shows times of its host.
    let is_exempt = |path: &str| path.contains("testkit") || path.contains("obo-cli");
    files.retain(|(path, _)| path.contains("/src/") && !is_exempt(path));
    files.retain(|(_, text)| text.contains("clippy::disallowed_methods"));
    let paths: Vec<_> = files.iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["crates/obo/src/clock.rs"]);
}
