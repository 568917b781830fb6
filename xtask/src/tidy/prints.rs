//! Libraries do not write to the process's output.

use super::finding::Finding;
use super::rust_code::words;
use super::source::Source;

const MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let is_program = source.path.ends_with("/main.rs") || source.path.contains("/src/bin/");
    if source.library().is_none() || is_program {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, code) in source.code_lines() {
        for (bang, _) in code.match_indices('!') {
            let (before, _) = code.split_at(bang);
            if let Some(name) = words(before).last()
                && before.ends_with(name)
                && MACROS.contains(&name)
            {
                let wrong = format!("`{name}!` in a library");
                let remedy = "return it, or emit a tracing event";
                findings.push(Finding::defect(&source.path, line, wrong, remedy));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_library_prints_nothing() {
        let path = "crates/obo/src/jwks.rs";
        assert_eq!(count(path, "println!(\"{kid}\");"), 1);
        assert_eq!(count(path, "let a = dbg!(b);"), 1);
        assert_eq!(count(path, "/// println!(\"{kid}\");"), 0);
        assert_eq!(count(path, "let println = vec![1];"), 0);
        assert_eq!(
            count(path, "#[cfg(test)]\nmod tests { fn f() { dbg!(1); } }"),
            0
        );
    }

    #[test]
    fn programs_print() {
        assert_eq!(count("crates/obo-cli/src/main.rs", "println!();"), 0);
        assert_eq!(count("examples/src/bin/chain.rs", "println!();"), 0);
    }
}
