//! A log of audit records. A line that begins with `{` is as it is. Any other line is the short
//! form of a record: `service milliseconds kind field=value …`.
//!
//! Each line is a record, a problem, or counted in a note. The order of lines does not matter. Each
//! request and each call is in one chain, and no chain is deep. What is shown has no control
//! characters, and no element that came from the log.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use obo_audit::{Chain, Event, Log, Outcome, Time, Tree, join, page};
use serde_json::{Map, Value};

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(written).collect();
    let (log, reversed) = (read(lines.iter()), read(lines.iter().rev()));
    assert_counts(&lines, &log);
    let (mut requests, mut calls) = (0, 0);
    for record in &log.records {
        match record.event {
            Event::Call(_) => calls += 1,
            Event::Request(_) => requests += 1,
            _ => {}
        }
    }
    let mut twice = log.records.clone();
    twice.extend(log.records.clone());
    let chains = join(log.records);
    assert_eq!(chains, join(reversed.records), "the order does not matter");
    assert_eq!(chains, join(twice), "duplicates do not matter");
    let hops = |of: &[Outcome]| {
        let hops = chains.iter().flat_map(Chain::hops);
        hops.filter(|hop| of.contains(&hop.outcome)).count()
    };
    // A record may occur twice in the log too, and a refusal belongs to an allowed request.
    assert!(hops(&[Outcome::Allowed, Outcome::Refused]) <= requests);
    assert!(hops(&[Outcome::NotMade]) <= calls);
    assert_eq!(requests + calls > 0, hops(ALL_BUT_UNKNOWN) > 0);
    for chain in &chains {
        assert!(depth(&chain.root) <= 66);
        assert_shown(chain);
    }
}

const ALL_BUT_UNKNOWN: &[Outcome] = &[Outcome::Allowed, Outcome::Refused, Outcome::NotMade];

fn depth(hop: &obo_audit::Hop) -> usize {
    1 + hop.calls.iter().map(depth).max().unwrap_or_default()
}

/// The bytes of a line.
fn written(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    let (Some(service), Some(Ok(millis)), Some(kind)) = (
        words.next().filter(|word| !word.starts_with('{')),
        words.next().map(str::parse::<u32>),
        words.next(),
    ) else {
        return line.to_vec();
    };
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis.into());
    let mut record = Map::new();
    for (name, value) in [
        ("schema", "obo-audit/1"),
        ("time", &Time::from(time).to_string()),
        ("service", service),
        ("record", kind),
    ] {
        record.insert(name.to_owned(), value.into());
    }
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            let number = value.parse::<f64>().ok().filter(|_| name == "seconds");
            let value = number.map_or_else(|| value.into(), Value::from);
            record.insert(name.to_owned(), value);
        }
    }
    Value::Object(record).to_string().into_bytes()
}

fn read<'l>(lines: impl Iterator<Item = &'l Vec<u8>>) -> Log {
    let lines: Vec<_> = lines.map(Vec::as_slice).collect();
    let mut log = Log::default();
    log.read("log", &*lines.join(&b'\n'));
    log
}

fn assert_counts(lines: &[Vec<u8>], log: &Log) {
    let lines = lines.iter();
    let is_blank = |line: &&Vec<u8>| line.trim_ascii().is_empty();
    let lines = lines.filter(|line| !is_blank(line)).count();
    let noted: u64 = log.notes.iter().map(|note| note.count).sum();
    let read = log.records.len() + log.problems.len() + noted as usize;
    assert_eq!(read, lines, "each line counts once");
    for problem in &log.problems {
        assert_plain(&problem.to_string());
    }
}

fn assert_shown(chain: &Chain) {
    let (mut wide, mut narrow) = (String::new(), String::new());
    write!(wide, "{}", Tree::new(chain).detailed(true)).unwrap();
    write!(narrow, "{}", Tree::new(chain).width(20).ascii(true)).unwrap();
    assert_plain(&wide);
    assert_plain(&narrow);
    let html = page::chain_html(chain);
    assert_plain(&html);
    let names = html.split('<').skip(1).map(|rest| {
        let name = rest.trim_start_matches('/');
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap()
    });
    for name in names {
        assert!(ELEMENTS.contains(&name), "an element of its own: {name}");
    }
}

const ELEMENTS: [&str; 29] = [
    "article", "b", "br", "circle", "code", "details", "div", "g", "h2", "header", "p", "path",
    "rect", "span", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time",
    "title", "tr", "tspan", "a", "ol", "li",
];

fn assert_plain(text: &str) {
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{200f}']));
}
