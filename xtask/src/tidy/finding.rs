//! What a rule reports.

use std::fmt;

#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    path: String,
    line: usize,
    wrong: String,
    remedy: String,
}

#[derive(Debug, PartialEq, Clone, Copy)]
pub(super) enum Severity {
    Defect,
    Warning,
}

impl Finding {
    pub(super) fn defect(
        path: &str,
        line: usize,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Defect,
            path: path.to_owned(),
            line,
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn warning(
        path: &str,
        line: usize,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::defect(path, line, wrong, remedy)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        let Self {
            path,
            line,
            wrong,
            remedy,
            ..
        } = self;
        write!(f, "{path}:{line}: {wrong} — {remedy}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_what_to_do() {
        let finding = Finding::defect("src/a.rs", 3, "too long", "split it");
        assert_eq!(finding.to_string(), "src/a.rs:3: too long — split it");
        let warning = Finding::warning("src/a.rs", 3, "long", "split it");
        assert_eq!(warning.to_string(), "warning: src/a.rs:3: long — split it");
    }
}
