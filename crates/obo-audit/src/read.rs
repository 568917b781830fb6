//! Reads records from logs.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde_json::Value;

use crate::printable::{cut, printable};
use crate::record::{Record, SCHEMA};

/// Longer lines are not read. A record is shorter than 4 KiB unless its texts are long.
const MAX_LINE: u64 = 64 * 1024;
/// As many problems of a source are kept. The rest is counted.
const MAX_PROBLEMS: usize = 100;
/// The target of audit events, for lines that another layer has written.
const TARGET: &str = "obo::audit";

/// What was read from logs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Log {
    /// The records, in the order of the lines.
    pub records: Vec<Record>,
    /// Lines that look like records but cannot be read.
    pub problems: Vec<Problem>,
    /// Lines that are not records, one note for each source that has some.
    pub notes: Vec<Note>,
}

impl Log {
    /// Reads a log. Each line is one record, or something else: a line that is not a record does
    /// not stop the reading.
    ///
    /// `source` names the log in problems and notes, for example by its path.
    pub fn read(&mut self, source: &str, mut log: impl BufRead) {
        let mut line = Vec::new();
        let (mut others, mut more) = (0, 0);
        let problems = self.problems.len();
        for number in 1.. {
            let read = next_line(&mut log, &mut line);
            let outcome = match read {
                Ok(false) => break,
                Ok(true) => record(&line),
                Err(ref error) => Err(Some(mistake(
                    &format!("the log cannot be read on: {error}"),
                    "a readable log",
                ))),
            };
            match outcome {
                Ok(record) => self.records.extend(record),
                Err(None) => others += 1,
                Err(Some(_)) if self.problems.len() - problems >= MAX_PROBLEMS => more += 1,
                Err(Some((seen, expected))) => self.problems.push(Problem {
                    source: source.to_owned(),
                    line: number,
                    seen,
                    expected,
                }),
            }
            if read.is_err() {
                break;
            }
        }
        for (count, what) in [(more, What::Problems), (others, What::Others)] {
            if count > 0 {
                let source = source.to_owned();
                let note = Note {
                    source,
                    count,
                    what,
                };
                self.notes.push(note);
            }
        }
    }
}

/// A line that looks like a record but cannot be read. Its text is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The name of the log.
    pub source: String,
    /// The number of the line, from 1 on.
    pub line: u64,
    /// What was seen.
    pub seen: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = printable(&self.source);
        let Self {
            line,
            seen,
            expected,
            ..
        } = self;
        write!(f, "{source}:{line}: {seen}; expected {expected}")
    }
}

/// What is said once about many lines of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The name of the log.
    pub source: String,
    /// The number of lines.
    pub count: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Others,
    Problems,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, count) = (printable(&self.source), self.count);
        let lines = if count == 1 { "line" } else { "lines" };
        match self.what {
            What::Others => write!(f, "{source}: {count} other {lines}, not audit records"),
            What::Problems => write!(f, "{source}: {count} more {lines} with problems"),
        }
    }
}

/// Reads a line without its end, at most `MAX_LINE` bytes and one more of it. Returns `false` at
/// the end of the log.
fn next_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if log.by_ref().take(MAX_LINE + 1).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.ends_with(b"\n") {
        line.pop();
    } else if line.len() as u64 > MAX_LINE {
        log.skip_until(b'\n')?;
    }
    Ok(true)
}

/// The record of a line; `None` for an empty line. Fails with what was seen and expected, or
/// without it if the line does not look like a record.
fn record(line: &[u8]) -> Result<Option<Record>, Option<(String, String)>> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    if line.len() as u64 > MAX_LINE {
        let seen = format!("a line of more than {MAX_LINE} bytes");
        let text = String::from_utf8_lossy(line);
        return Err(looks_like_record(&text).then(|| mistake(&seen, "shorter records")));
    }
    match serde_json::from_slice(line) {
        Ok(record) => Ok(Some(record)),
        Err(error) => Err(problem(line, &error)),
    }
}

/// What is wrong with a line that is not a record, if it looks like one.
fn problem(line: &[u8], error: &serde_json::Error) -> Option<(String, String)> {
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => value,
        Err(error) => {
            let is_record = looks_like_record(&String::from_utf8_lossy(line));
            let seen = format!("not JSON: {} at column {}", text_of(&error), error.column());
            return is_record.then(|| mistake(&seen, "one JSON object in one line"));
        }
    };
    let text = |name| value.get(name).and_then(Value::as_str);
    match text("schema") {
        Some(SCHEMA) => {
            let expected = format!("a record of the schema `{SCHEMA}`");
            Some(mistake(&text_of(error), &expected))
        }
        Some(schema) if schema.starts_with("obo-audit/") => Some(mistake(
            &format!("the schema `{}`", cut(schema, 40)),
            &format!("`{SCHEMA}`; read it with a program of its version"),
        )),
        _ if text("target") == Some(TARGET) => Some(mistake(
            "an audit event that another layer has written",
            &format!("a line of `JsonLines`, with the schema `{SCHEMA}`"),
        )),
        _ if matches!(text("record"), Some("request" | "token" | "call")) => Some(mistake(
            "an audit record without `schema`",
            &format!("`\"schema\": \"{SCHEMA}\"`"),
        )),
        _ => None,
    }
}

/// The error without its place, which would name the line of the record, always 1.
fn text_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn looks_like_record(text: &str) -> bool {
    text.contains("obo-audit/") || text.contains(TARGET)
}

fn mistake(seen: &str, expected: &str) -> (String, String) {
    (cut(&printable(seen), 200).into_owned(), expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"schema":"obo-audit/1","time":"2026-11-29T21:41:57Z","service":"a","record":"call","code":"no_subject","new_field":[1]}"#;

    fn read(text: &str) -> Log {
        let mut log = Log::default();
        log.read("a.jsonl", text.as_bytes());
        log
    }

    fn problem_of(line: &str) -> String {
        let log = read(&format!("{RECORD}\n{line}\n{RECORD}"));
        assert_eq!(log.records.len(), 2, "{line}");
        assert_eq!(log.problems.len(), 1, "{line}");
        assert!(log.notes.is_empty());
        log.problems[0].to_string()
    }

    #[test]
    fn unknown_fields_are_tolerated() {
        let log = read(RECORD);
        assert!(log.problems.is_empty(), "{:?}", log.problems);
        assert_eq!(log.records[0].service, "a");
    }

    #[test]
    fn problem_names_line_seen_and_expected() {
        let wrong = |from, to| RECORD.replace(from, to);
        for (line, expected) in [
            (
                wrong("audit/1", "audit/2"),
                "a.jsonl:2: the schema `obo-audit/2`; expected `obo-audit/1`; read it with a program of its version",
            ),
            (
                wrong("\"time\"", "\"at\""),
                "a.jsonl:2: missing field `time`; expected a record of the schema `obo-audit/1`",
            ),
            (
                wrong("\"call\"", "\"cal\""),
                "a.jsonl:2: unknown variant `cal`, expected one of `request`, `token`, `call`; expected a record of the schema `obo-audit/1`",
            ),
            (
                wrong("29T", "30"),
                "a.jsonl:2: `time` is not RFC 3339 in UTC: timestamp format is invalid; expected a record of the schema `obo-audit/1`",
            ),
            (
                RECORD[..40].to_owned(),
                "a.jsonl:2: not JSON: EOF while parsing a string at column 40; expected one JSON object in one line",
            ),
            (
                r#"{"record":"token"}"#.to_owned(),
                "a.jsonl:2: an audit record without `schema`; expected `\"schema\": \"obo-audit/1\"`",
            ),
            (
                r#"{"target":"obo::audit","fields":{}}"#.to_owned(),
                "a.jsonl:2: an audit event that another layer has written; expected a line of `JsonLines`, with the schema `obo-audit/1`",
            ),
            (
                wrong("[1]", &format!("\"{}\"", "x".repeat(70_000))),
                "a.jsonl:2: a line of more than 65536 bytes; expected shorter records",
            ),
            (
                wrong("[1]", "[1],\"seconds\":-1").replace("call", "token"),
                "a.jsonl:2: `seconds` is not a duration; expected a record of the schema `obo-audit/1`",
            ),
        ] {
            assert_eq!(problem_of(&line), expected);
        }
    }

    #[test]
    fn other_lines_are_one_note() {
        let long = "x".repeat(70_000);
        let others = format!("started\n{{\"level\":\"INFO\"}}\n\n[1,2]\n{long}\n\"x\"\n");
        let log = read(&format!("{others}{RECORD}\r\n{others}"));
        assert_eq!(log.records.len(), 1);
        assert!(log.problems.is_empty(), "{:?}", log.problems);
        let notes: Vec<_> = log.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, ["a.jsonl: 10 other lines, not audit records"]);
    }

    #[test]
    fn problems_are_bounded() {
        let log = read(&format!("obo-audit/\u{1b}\n{RECORD}\n").repeat(250));
        assert_eq!((log.records.len(), log.problems.len()), (250, 100));
        let note = log.notes[0].to_string();
        assert_eq!(note, "a.jsonl: 150 more lines with problems");
    }

    #[test]
    fn broken_log_keeps_what_was_read() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk gone"))
            }
        }
        let mut log = Log::default();
        let text = format!("{RECORD}\n{RECORD}\n");
        log.read("a.jsonl", io::BufReader::new(text.as_bytes().chain(Broken)));
        assert_eq!(log.records.len(), 2);
        let problem = log.problems[0].to_string();
        assert_eq!(
            problem,
            "a.jsonl:3: the log cannot be read on: disk gone; expected a readable log"
        );
    }
}
