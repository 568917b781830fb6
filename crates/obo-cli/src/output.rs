//! Reports: text and a table on a terminal, one JSON object with `--json`, and the exit code.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints its result"
)]

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The outcome of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Right,
    Wrong,
    /// It is not known, so the exit code is not 0.
    Unknown,
    /// For information; the exit code does not depend on it.
    Note,
}

impl State {
    fn mark(self) -> char {
        match self {
            Self::Right => '✓',
            Self::Wrong => '✗',
            Self::Unknown => '?',
            Self::Note => '·',
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Right => AnsiColor::Green.on_default(),
            Self::Wrong => AnsiColor::Red.on_default().bold(),
            Self::Unknown => AnsiColor::Yellow.on_default(),
            Self::Note => AnsiColor::Cyan.on_default(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Check {
    check: String,
    state: State,
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<String>,
}

/// What a command has found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
    facts: Map<String, Value>,
    checks: Vec<Check>,
    within: &'static str,
}

impl Report {
    /// Writes this before the name of each check that follows.
    pub(crate) fn within(&mut self, place: &'static str) {
        self.within = place;
    }

    /// Adds a check and its outcome.
    pub(crate) fn add(&mut self, state: State, check: impl Into<String>, seen: impl ToString) {
        self.checks.push(Check {
            check: self.within.to_owned() + &check.into(),
            state,
            seen: seen.to_string(),
            change: None,
        });
    }

    pub(crate) fn right(&mut self, check: impl Into<String>, seen: impl ToString) {
        self.add(State::Right, check, seen);
    }

    pub(crate) fn wrong(&mut self, check: impl Into<String>, seen: impl ToString) {
        self.add(State::Wrong, check, seen);
    }

    pub(crate) fn unknown(&mut self, check: impl Into<String>, seen: impl ToString) {
        self.add(State::Unknown, check, seen);
    }

    pub(crate) fn note(&mut self, check: impl Into<String>, seen: impl ToString) {
        self.add(State::Note, check, seen);
    }

    /// Says what to change, for the last check.
    pub(crate) fn change(&mut self, change: impl Into<String>) {
        if let Some(check) = self.checks.last_mut() {
            check.change = Some(change.into());
        }
    }

    /// Adds lines before the checks. They are not part of the JSON.
    pub(crate) fn text(&mut self, text: &str) {
        self.drawn(&cleaned(text));
    }

    /// As [`text`](Self::text), with colours. It has no foreign control characters.
    pub(crate) fn drawn(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// The lines so far.
    pub(crate) fn shown(&self) -> &str {
        &self.text
    }

    /// Adds a member of the JSON. It is not part of the text.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    pub(crate) fn has(&self, state: State) -> bool {
        self.checks.iter().any(|check| check.state == state)
    }

    fn code(&self) -> u8 {
        match (self.has(State::Wrong), self.has(State::Unknown)) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }

    pub(crate) fn print(mut self, json: bool) -> ExitCode {
        let code = self.code();
        let is_empty = self.text.is_empty() && self.facts.is_empty() && self.checks.is_empty();
        if json && !is_empty {
            self.fact("exit_code", code);
            let checks = serde_json::to_value(&self.checks);
            self.fact("checks", checks.unwrap_or_default());
            anstream::println!("{}", cleaned(&Value::Object(self.facts).to_string()));
        } else if !is_empty {
            // A gateway prints nothing here: its log may hold a standard output that stalls.
            anstream::print!("{}{}", self.text, table(&self.checks));
        }
        ExitCode::from(code)
    }
}

/// One row for each check, and below what it has seen what to change.
fn table(checks: &[Check]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(width) = width() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    for check in checks {
        let mut seen = cleaned(&check.seen);
        if let Some(change) = &check.change {
            let _ = write!(seen, "\n→ {}", cleaned(change));
        }
        table.add_row([check.state.mark().to_string(), cleaned(&check.check), seen]);
    }
    let mut text = String::new();
    for line in table.lines() {
        let line = line.trim_end();
        let line = line.strip_prefix(' ').unwrap_or(line);
        let states = [State::Right, State::Wrong, State::Unknown, State::Note];
        let state = states
            .into_iter()
            .find(|state| line.starts_with(state.mark()));
        let _ = match state {
            Some(state) => {
                let (mark, style) = (state.mark(), state.style());
                let rest = line.trim_start_matches(mark);
                writeln!(text, "{style}{mark}{style:#}{rest}")
            }
            None => writeln!(text, "{line}"),
        };
    }
    text
}

/// The width of the terminal, if the output goes to one.
pub(crate) fn width() -> Option<u16> {
    let (width, _) = terminal_size::terminal_size()?;
    std::io::stdout().is_terminal().then_some(width.0.max(60))
}

/// Without control characters, which could change the terminal: claims are foreign text.
pub(crate) fn cleaned(text: &str) -> String {
    let is_safe = |c: char| c == '\n' || !c.is_control() && !is_reordering(c);
    text.chars()
        .map(|c| if is_safe(c) { c } else { '\u{fffd}' })
        .collect()
}

/// Whether it changes the direction of the text around it.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Why a command has no report.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    problem: String,
    /// The problem at its place in a file, drawn.
    drawn: Option<String>,
    place: Option<String>,
}

impl Failure {
    /// It is wrong.
    pub(crate) fn wrong(problem: impl ToString) -> Self {
        Self {
            code: 1,
            problem: problem.to_string(),
            drawn: None,
            place: None,
        }
    }

    /// It is not known.
    pub(crate) fn unknown(problem: impl ToString) -> Self {
        Self {
            code: 2,
            ..Self::wrong(problem)
        }
    }

    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// With the place in a file, such as `service.toml:7:1`, and a picture of it.
    pub(crate) fn at(self, place: String, drawn: String) -> Self {
        Self {
            drawn: Some(drawn),
            place: Some(place),
            ..self
        }
    }

    pub(crate) fn print(self, json: bool) -> ExitCode {
        if json {
            let error =
                json!({ "exit_code": self.code, "error": self.problem, "place": self.place });
            println!("{}", cleaned(&error.to_string()));
        } else if let Some(drawn) = self.drawn {
            anstream::eprintln!("{drawn}");
        } else {
            let style = AnsiColor::Red.on_default().bold();
            anstream::eprintln!("{style}error{style:#}: {}", cleaned(&self.problem));
        }
        ExitCode::from(self.code)
    }
}
