//! `cargo xtask tidy`: the house rules a program can check, one file per rule.
//!
//! Each rule is a function from text to findings, so that its tests can make it fail.
//! A finding fails the run; a warning asks a question and is only printed.

mod clock;
mod dependency_direction;
mod dependency_tree;
mod file_size;
mod finding;
mod links;
mod machine_paths;
mod manifest;
mod module_names;
mod prints;
mod public_traits;
pub(crate) mod rust_code;
pub(crate) mod source;
mod spec_coverage;
mod vendor_names;
mod version_floors;

use crate::shell;
use finding::{Finding, Severity};
use source::Source;

pub(crate) fn run() -> shell::Result {
    let sources = source::tracked()?;
    let mut findings = check_sources(&sources);
    findings.extend(dependency_direction::run()?);
    findings.extend(dependency_tree::run()?);
    findings.extend(links::check(&sources));
    findings.extend(spec_coverage::run(&sources)?);
    report(sources.len(), &findings)
}

fn check_sources(sources: &[Source]) -> Vec<Finding> {
    let rules: [fn(&Source) -> Vec<Finding>; 9] = [
        clock::check,
        file_size::check,
        machine_paths::check,
        manifest::check,
        module_names::check,
        prints::check,
        public_traits::check,
        vendor_names::check,
        version_floors::check,
    ];
    sources
        .iter()
        .flat_map(|source| rules.iter().flat_map(|rule| rule(source)))
        .collect()
}

fn report(files: usize, findings: &[Finding]) -> shell::Result {
    for finding in findings {
        println!("{finding}");
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (defects, warnings) = (count(Severity::Defect), count(Severity::Warning));
    println!("tidy: {files} files, {defects} findings, {warnings} warnings");
    if defects == 0 {
        Ok(())
    } else {
        Err(format!("tidy has {defects} findings").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fails_the_run_and_a_warning_does_not() {
        assert!(report(1, &[Finding::warning("a.rs", 1, "long", "split it")]).is_ok());
        assert!(report(1, &[Finding::defect("a.rs", 1, "longer", "split it")]).is_err());
    }

    #[test]
    fn every_source_meets_every_rule() {
        let sources = [Source::new(
            "crates/obo/src/util.rs",
            "fn f() { dbg!(SystemTime::now()) }",
        )];
        assert_eq!(check_sources(&sources).len(), 3);
    }
}
