//! What came of the cases.

use std::collections::HashMap;
use std::fmt::Write as _;

use obo_tests::expected::Got;

use crate::case::Case;

/// Counts of one world, and what went otherwise than expected.
pub(crate) struct Score {
    world: &'static str,
    family: &'static str,
    lines: Vec<Line>,
    failures: Vec<String>,
    names: HashMap<String, usize>,
}

#[derive(Default)]
struct Line {
    family: &'static str,
    attacks: usize,
    controls: usize,
    refused: usize,
    admitted: usize,
}

impl Score {
    pub(crate) fn of(world: &'static str) -> Self {
        Self {
            world,
            family: "",
            lines: Vec::new(),
            failures: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// What follows is of this family.
    pub(crate) fn family(&mut self, family: &'static str) {
        self.family = family;
        self.names.clear();
        if !self.lines.iter().any(|line| line.family == family) {
            self.lines.push(Line {
                family,
                ..Line::default()
            });
        }
    }

    fn line(&mut self) -> &mut Line {
        let family = self.family;
        let mut lines = self.lines.iter_mut();
        lines.find(|line| line.family == family).unwrap()
    }

    pub(crate) fn cases<'c>(&mut self, cases: impl Iterator<Item = &'c Case>) {
        for case in cases {
            let times = self.names.entry(case.name.clone()).or_default();
            *times += 1;
            assert_eq!(*times, 1, "{}: {} is there twice", self.family, case.name);
            match case.expected {
                Some(_) => self.line().attacks += 1,
                None => self.line().controls += 1,
            }
        }
    }

    pub(crate) fn answer(&mut self, case: &Case, place: &str, grpc: Option<&str>, got: &Got) {
        let is_expected = match &case.expected {
            Some(refusal) => *got == refusal.response(grpc),
            None => got.status == 200 && !is_refused_call(got),
        };
        match (is_expected, &case.expected) {
            (true, Some(_)) => self.line().refused += 1,
            (true, None) => self.line().admitted += 1,
            (false, expected) => {
                let expected = expected.map_or("200", |refusal| refusal.reason);
                let (family, name) = (self.family, &case.name);
                let failure =
                    format!("{family}: {name}: {place}: expected {expected}, got {got:?}");
                self.failures.push(failure);
            }
        }
    }

    pub(crate) fn expect(&mut self, what: &str, expected: usize, found: usize) {
        if expected != found {
            let family = self.family;
            self.failures
                .push(format!("{family}: {found} {what} instead of {expected}"));
        }
    }

    /// Says how it went, and fails when a case did not go as expected.
    pub(crate) fn settle(self) {
        let mut report = String::new();
        let sum = |count: fn(&Line) -> usize| self.lines.iter().map(count).sum::<usize>();
        for line in &self.lines {
            writeln!(
                report,
                "{} {:<12} {:>4} attacks: {:>5} requests refused; {:>3} controls: {:>4} requests admitted",
                self.world, line.family, line.attacks, line.refused, line.controls, line.admitted
            )
            .unwrap();
        }
        println!(
            "{report}{} attack cases: {} tokens and requests, {} times refused exactly; {} controls, {} times admitted; \
             {} otherwise",
            self.world,
            sum(|line| line.attacks),
            sum(|line| line.refused),
            sum(|line| line.controls),
            sum(|line| line.admitted),
            self.failures.len(),
        );
        let failures = self.failures.join("\n");
        assert!(failures.is_empty(), "{}\n{failures}", self.world);
    }
}

fn is_refused_call(got: &Got) -> bool {
    let mut headers = got.headers.iter();
    headers.any(|line| line.starts_with("grpc-status: ") && line != "grpc-status: 0")
}
