use std::process::ExitCode;

/// What was expected, and whether it came so.
#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Notes one expectation and prints it; `seen` is what came instead or beside it.
    pub fn expect(&mut self, what: &str, came: bool, seen: &str) {
        let verdict = if came { "ok    " } else { "FAILED" };
        if came {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        println!("  {verdict} {what}");
        if !seen.is_empty() {
            println!("         {seen}");
        }
    }

    /// Prints the sum; a failure when anything failed.
    pub fn finish(self) -> ExitCode {
        println!("\n{} as expected, {} not", self.passed, self.failed);
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
