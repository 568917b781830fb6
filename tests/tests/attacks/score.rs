//! The outcomes of the cases.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::io::Write as _;

use obo_tests::expected::Got;

use crate::case::Case;

/// Counts of one world, and unexpected outcomes.
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
    /// How many tokens were rejected for each reason, which the response does not reveal.
    reasons: BTreeMap<&'static str, usize>,
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

    /// Starts a family.
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
            assert_eq!(
                *times, 1,
                "{}: two cases are named {}",
                self.family, case.name
            );
            match case.expected {
                Some(_) => self.line().attacks += 1,
                None => self.line().controls += 1,
            }
        }
    }

    /// Records a response, and the code of its rejection where that is known.
    pub(crate) fn response(
        &mut self,
        case: &Case,
        place: &str,
        grpc: Option<&str>,
        (got, code): (Got, Option<&'static str>),
    ) {
        let got = got.masked();
        let is_expected = match &case.expected {
            Some(refusal) => got == refusal.response(grpc),
            None => got.status == 200 && !is_refused_call(&got),
        };
        let is_expected = is_expected && (code.is_none() || [None, code].contains(&case.code));
        if let (Some(code), Some(_)) = (code, case.code) {
            *self.line().reasons.entry(code).or_default() += 1;
        }
        match (is_expected, &case.expected) {
            (true, Some(_)) => self.line().refused += 1,
            (true, None) => self.line().admitted += 1,
            (false, expected) => {
                let expected = expected.map_or("200", |refusal| refusal.reason);
                let (family, name, because) = (self.family, &case.name, case.code);
                let failure = format!(
                    "{family}: {name}: {place}: expected {expected} {because:?}, got {code:?} {got:?}"
                );
                self.failures.push(failure);
            }
        }
    }

    /// Records why the token of a case is rejected. A token that only the rule refuses is valid.
    pub(crate) fn reason(&mut self, case: &Case, code: Option<&'static str>) {
        let is_refused = case.expected.is_some_and(|refusal| refusal.status != 403);
        if is_refused != code.is_some() {
            let failure = format!("{}: {}: rejected for {code:?}", self.family, case.name);
            self.failures.push(failure);
        }
        if let Some(code) = code {
            *self.line().reasons.entry(code).or_default() += 1;
        }
    }

    pub(crate) fn expect(&mut self, what: &str, expected: usize, found: usize) {
        if expected != found {
            let family = self.family;
            self.failures.push(format!(
                "{family}: {what}: expected {expected}, got {found}"
            ));
        }
    }

    /// Expects each of these reasons at least once.
    pub(crate) fn expect_reasons(&mut self, reasons: &[&'static str]) {
        for reason in reasons {
            if !self
                .lines
                .iter()
                .any(|line| line.reasons.contains_key(reason))
            {
                self.failures
                    .push(format!("no token was rejected for {reason}"));
            }
        }
    }

    /// Prints the report, and fails if an outcome was unexpected.
    pub(crate) fn settle(self) {
        let world = self.world;
        let mut report = String::new();
        let mut sum = Line::default();
        for line in &self.lines {
            writeln!(report, "{world} {:<12} {line}", line.family).unwrap();
            let reasons = line
                .reasons
                .iter()
                .map(|(code, times)| format!("{code} {times}"));
            writeln!(report, "    {}", reasons.collect::<Vec<_>>().join(", ")).unwrap();
            sum.attacks += line.attacks;
            sum.refused += line.refused;
            sum.controls += line.controls;
            sum.admitted += line.admitted;
        }
        // Not with `println`, whose output is hidden for a test that passes.
        let mut out = std::io::stdout();
        let unexpected = self.failures.len();
        writeln!(
            out,
            "{report}{world} attack cases: {sum}; {unexpected} unexpected"
        )
        .unwrap();
        let failures = self.failures.join("\n");
        assert!(failures.is_empty(), "{world}\n{failures}");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>4} attacks, refused exactly in {:>5} requests; {:>3} controls, admitted in {:>4}",
            self.attacks, self.refused, self.controls, self.admitted
        )
    }
}

fn is_refused_call(got: &Got) -> bool {
    let mut headers = got.headers.iter();
    headers.any(|line| line.starts_with("grpc-status: ") && line != "grpc-status: 0")
}
