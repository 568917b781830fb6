//! A file is read in one sitting. Tests do not count: they are read one at a time.

use super::finding::Finding;
use super::source::Source;

/// Beyond this, a question.
const QUESTION: usize = 400;
/// Beyond this, a defect.
const LIMIT: usize = 600;
/// An example is one story.
const EXAMPLE_LIMIT: usize = 120;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if is_example(&source.path) {
        let lines = source.text.lines().count();
        if lines > EXAMPLE_LIMIT {
            let wrong = format!("{lines} lines, an example has at most {EXAMPLE_LIMIT}");
            let remedy = "tell one story, or make it a folder";
            return vec![Finding::defect(&source.path, 1, wrong, remedy)];
        }
    }
    if source.library().is_none() && !source.path.starts_with("examples/") {
        return Vec::new();
    }
    let lines = source.product_lines;
    let wrong = format!("{lines} lines without tests");
    if lines > LIMIT {
        let remedy = format!("split it: at most {LIMIT}");
        vec![Finding::defect(&source.path, 1, wrong, remedy)]
    } else if lines > QUESTION {
        let remedy = format!("is it one thing? aim below {QUESTION}");
        vec![Finding::warning(&source.path, 1, wrong, remedy)]
    } else {
        Vec::new()
    }
}

fn is_example(path: &str) -> bool {
    path.strip_prefix("examples/src/bin/")
        .is_some_and(|name| name.ends_with(".rs") && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::Severity;

    fn severities(path: &str, text: &str) -> Vec<Severity> {
        let findings = check(&Source::new(path, text));
        findings.iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn long_is_a_question_and_longer_a_defect() {
        let path = "crates/obo/src/jwks.rs";
        assert_eq!(severities(path, &"//\n".repeat(400)), []);
        assert_eq!(severities(path, &"//\n".repeat(401)), [Severity::Warning]);
        assert_eq!(severities(path, &"//\n".repeat(601)), [Severity::Defect]);
        assert_eq!(severities("xtask/src/ci.rs", &"//\n".repeat(601)), []);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(700));
        assert_eq!(severities("crates/obo/src/jwks.rs", &tests), []);
        let file = "//\n".repeat(700);
        assert_eq!(severities("crates/obo/src/jwks/tests.rs", &file), []);
    }

    #[test]
    fn an_example_is_short() {
        let path = "examples/src/bin/chain.rs";
        assert_eq!(severities(path, &"//\n".repeat(120)), []);
        assert_eq!(severities(path, &"//\n".repeat(121)), [Severity::Defect]);
        let part = "examples/src/bin/gateway/main.rs";
        assert_eq!(severities(part, &"//\n".repeat(121)), []);
    }
}
