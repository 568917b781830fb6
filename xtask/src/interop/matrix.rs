//! Peer by case: what passed, failed and was skipped, in the lines that Rust's test programs print.

use std::collections::BTreeMap;

use super::budget::Output;
use crate::shell;

#[derive(Default)]
pub(super) struct Matrix {
    peers: BTreeMap<String, Vec<Case>>,
    /// What failed cases had to say.
    said: Vec<String>,
}

struct Case {
    name: String,
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Matrix {
    /// Reads `test NAME ... ok`, `FAILED` or `ignored, WHY` of what a program printed about one peer.
    ///
    /// A line `peer NAME VERSION` names it better. A program that fails beside its cases, or that has none, is a failed case too.
    pub(super) fn add(&mut self, named: &str, output: &Output) {
        let said = output.stdout.lines();
        let peer = said.filter_map(|line| line.strip_prefix("peer ")).next();
        let peer = peer.unwrap_or(named);
        let mut cases: Vec<Case> = output.stdout.lines().filter_map(case).collect();
        let none_failed = cases.iter().all(|case| case.outcome != Outcome::Failed);
        if cases.is_empty() || (none_failed && !output.status.success()) {
            cases.push(Case {
                name: format!("runs ({})", output.status),
                outcome: Outcome::Failed,
            });
        }
        if cases.iter().any(|case| case.outcome == Outcome::Failed) {
            self.said
                .push(format!("-- {peer}\n{}{}", output.stdout, output.stderr));
        }
        self.peers.entry(peer.to_owned()).or_default().extend(cases);
    }

    /// A peer that cannot run here.
    pub(super) fn skip(&mut self, peer: &str, why: &str) {
        let case = Case {
            name: "all".to_owned(),
            outcome: Outcome::Skipped(why.to_owned()),
        };
        self.peers.entry(peer.to_owned()).or_default().push(case);
    }

    pub(super) fn print(&self) {
        for said in &self.said {
            println!("{said}");
        }
        for line in self.lines() {
            println!("{line}");
        }
    }

    fn lines(&self) -> Vec<String> {
        let cases = || {
            self.peers
                .iter()
                .flat_map(|(peer, cases)| cases.iter().map(move |case| (peer, case)))
        };
        let width =
            |of: fn(&(&String, &Case)) -> usize| cases().map(|row| of(&row)).max().unwrap_or(0);
        let peers = width(|(peer, _)| peer.len());
        let names = width(|(_, case)| case.name.len());
        cases()
            .map(|(peer, Case { name, outcome })| {
                let outcome = match outcome {
                    Outcome::Passed => "passed".to_owned(),
                    Outcome::Failed => "FAILED".to_owned(),
                    Outcome::Skipped(why) => format!("skipped, {why}"),
                };
                format!("{peer:peers$}  {name:names$}  {outcome}")
            })
            .collect()
    }

    /// Counts, and fails if anything has.
    pub(super) fn verdict(&self) -> shell::Result {
        let count = |which: fn(&Outcome) -> bool| {
            let cases = self.peers.values().flatten();
            cases.filter(|case| which(&case.outcome)).count()
        };
        let passed = count(|outcome| *outcome == Outcome::Passed);
        let failed = count(|outcome| *outcome == Outcome::Failed);
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        println!("interop: {passed} passed, {failed} failed, {skipped} skipped");
        match failed {
            0 => Ok(()),
            _ => Err(format!("{failed} cases of interop failed").into()),
        }
    }
}

fn case(line: &str) -> Option<Case> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match outcome {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        other => Outcome::Skipped(other.strip_prefix("ignored, ")?.to_owned()),
    };
    // The module is the peer, which is named already.
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    Some(Case {
        name: name.to_owned(),
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn output(stdout: &str, exit: &str) -> Output {
        let status = Command::new("sh").args(["-c", exit]).status().unwrap();
        Output {
            status,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    #[test]
    fn cases_are_read_from_what_a_test_program_prints() {
        let mut matrix = Matrix::default();
        let printed =
            "running 2 tests\ntest peer::it_works ... ok\ntest other ... ignored, no https\n";
        matrix.add("peer 1.0", &output(printed, "exit 0"));
        matrix.skip("another", "no node");
        assert_eq!(
            matrix.lines(),
            [
                "another   all       skipped, no node",
                "peer 1.0  it_works  passed",
                "peer 1.0  other     skipped, no https",
            ]
        );
        assert!(matrix.verdict().is_ok());
    }

    #[test]
    fn a_failed_case_fails_the_run_and_so_does_a_peer_without_cases() {
        for (printed, exit) in [
            ("test a ... ok\ntest b ... FAILED\n", "exit 1"),
            ("test a ... ok\n", "exit 1"),
            ("running 0 tests\n", "exit 0"),
        ] {
            let mut matrix = Matrix::default();
            matrix.add("peer", &output(printed, exit));
            assert!(matrix.verdict().is_err(), "{printed}");
        }
    }
}
