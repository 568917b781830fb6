//! Peer by case: what passed, failed and was skipped, read from the lines that test programs print.

use std::process::Output;

use super::process::printed;
use crate::shell;

#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Matrix {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Matrix {
    /// Reads `test NAME ... ok`, `FAILED` or `ignored, WHY` of what a program printed about one peer.
    ///
    /// A line `peer NAME VERSION` names the peer better. A program that fails without a failed case, or that has no case,
    /// is a failed case too.
    pub(super) fn add(&mut self, named: &str, output: &Output) {
        let (stdout, before) = (String::from_utf8_lossy(&output.stdout), *self);
        let peer = stdout.lines().find_map(|line| line.strip_prefix("peer "));
        for line in stdout.lines().filter_map(|line| line.strip_prefix("test ")) {
            if let Some((case, outcome)) = line.rsplit_once(" ... ") {
                // The module is the peer, which is named already.
                let case = case.split_once("::").map_or(case, |(_, case)| case);
                self.case(peer.unwrap_or(named), case, outcome);
            }
        }
        if before == *self || (before.failed == self.failed && !output.status.success()) {
            self.case(
                peer.unwrap_or(named),
                &format!("runs ({})", output.status),
                "FAILED",
            );
        }
        if before.failed < self.failed {
            println!("{}", printed(output));
        }
    }

    /// Adds a peer that cannot run here.
    pub(super) fn skip(&mut self, peer: &str, why: &str) {
        self.case(peer, "all", &format!("ignored, {why}"));
    }

    fn case(&mut self, peer: &str, case: &str, outcome: &str) {
        match outcome {
            "ok" => self.passed += 1,
            outcome if outcome.starts_with("ignored") => self.skipped += 1,
            _ => self.failed += 1,
        }
        println!("{peer:30}  {case:60}  {outcome}");
    }

    /// Prints the counts; fails if a case has failed.
    pub(super) fn verdict(&self) -> shell::Result {
        #[rustfmt::skip]
        let Self { passed, failed, skipped } = self;
        println!("interop: {passed} passed, {failed} failed, {skipped} skipped");
        match failed {
            0 => Ok(()),
            _ => Err(format!("{failed} cases of interop failed").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn cases_are_counted() {
        for (stdout, exit, passed, failed, skipped) in [
            (
                "test a::b ... ok\ntest c ... ignored, no https",
                "exit 0",
                1,
                0,
                1,
            ),
            ("test a ... ok\ntest b ... FAILED", "exit 1", 1, 1, 0),
            ("test a ... ok", "exit 1", 1, 1, 0),
            ("running 0 tests\ntest result: ok", "exit 0", 0, 1, 0),
        ] {
            let mut output = Command::new("sh").args(["-c", exit]).output().unwrap();
            output.stdout = stdout.into();
            let mut matrix = Matrix::default();
            matrix.add("peer 1.0", &output);
            let counts = (matrix.passed, matrix.failed, matrix.skipped);
            assert_eq!(counts, (passed, failed, skipped), "{stdout}");
            assert_eq!(matrix.verdict().is_err(), failed > 0);
            matrix.skip("another", "no node");
            assert_eq!(matrix.skipped, skipped + 1);
        }
    }
}
