//! Pages of the log, a stream of Redis.

use bytes::Bytes;
use obo::fleet::Page;
use redis::{Cmd, cmd};

/// The most records of a page.
const MOST: usize = 1000;
/// A server that took over may have a clock that is behind by this many milliseconds, and then
/// gives records ids before the last one that was read.
const OVERLAP: u64 = 10_000;

/// A record: its id, then names and values in turn.
pub(crate) type Record = (String, Vec<Bytes>);

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position<'p> {
    Start,
    /// Behind the last record of a full page.
    Behind(&'p str),
    /// A little before the last record of the log as it was.
    Before(&'p str),
}

impl<'p> Position<'p> {
    /// Reads a position of an earlier page. Anything else is the start.
    pub(crate) fn parse(text: Option<&'p str>) -> Self {
        let Some(text) = text else {
            return Self::Start;
        };
        let (id, position): (_, fn(&'p str) -> Self) = match text.strip_prefix('>') {
            Some(id) => (id, Self::Behind),
            None => (text, Self::Before),
        };
        match milliseconds(id) {
            Some(_) => position(id),
            None => Self::Start,
        }
    }

    /// The command that reads the page.
    pub(crate) fn command(self, log: &str) -> Cmd {
        let start = match self {
            Self::Start => "-".to_owned(),
            Self::Behind(id) => format!("({id}"),
            Self::Before(id) => {
                let last = milliseconds(id).unwrap_or_default();
                last.saturating_sub(OVERLAP).to_string()
            }
        };
        let mut command = cmd("XRANGE");
        command.arg(log).arg(start).arg("+").arg("COUNT").arg(MOST);
        command
    }

    pub(crate) fn page(self, read: Vec<Record>) -> Page {
        let last = read.last().map(|(id, _)| id.clone());
        let is_full = read.len() >= MOST;
        let (position, is_last) = match (self, last) {
            (_, Some(last)) if is_full => (Some(format!(">{last}")), false),
            // The log was lost, and its new ids may be earlier ones. It is read from its start.
            (Self::Before(id), _) if !read.iter().any(|(other, _)| other == id) => {
                return Page::default();
            }
            (Self::Behind(id), None) => (Some(id.to_owned()), true),
            (_, last) => (last, true),
        };
        let records = read.into_iter().filter_map(|(_, fields)| record(&fields));
        Page {
            records: records.collect(),
            position,
            is_last,
        }
    }
}

/// The value of the field `r`. Other records are not ours.
fn record(fields: &[Bytes]) -> Option<Bytes> {
    let mut fields = fields.chunks_exact(2);
    fields.find_map(|field| match field {
        [name, value] if name == "r" => Some(value.clone()),
        _ => None,
    })
}

/// The first part of an id such as `1526919030474-55`.
fn milliseconds(id: &str) -> Option<u64> {
    let (milliseconds, number) = id.split_once('-')?;
    number.parse::<u64>().ok()?;
    milliseconds.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ids: impl IntoIterator<Item = u64>) -> Vec<Record> {
        let record = |id| (format!("{id}-0"), vec!["r".into(), format!("{id}").into()]);
        ids.into_iter().map(record).collect()
    }

    fn started(position: Position<'_>) -> String {
        let command = position.command("log").get_packed_command();
        let command = String::from_utf8(command).unwrap();
        command.split("\r\n").nth(6).unwrap().to_owned()
    }

    #[test]
    fn page_starts_before_the_last_record() {
        assert_eq!(started(Position::parse(None)), "-");
        let page = Position::Start.page(read([20_000, 30_500]));
        assert_eq!(page.records, ["20000", "30500"]);
        assert!(page.is_last);
        let position = page.position.unwrap();
        assert_eq!(started(Position::parse(Some(&position))), "20500");
        assert_eq!(started(Position::parse(Some("5-1"))), "0");
    }

    #[test]
    fn full_page_is_continued_behind_it() {
        let position = Position::Before("7-0");
        let page = position.page(read(1..=1000));
        assert!(!page.is_last);
        let next = page.position.unwrap();
        assert_eq!(started(Position::parse(Some(&next))), "(1000-0");
        let page = Position::parse(Some(&next)).page(Vec::new());
        assert_eq!(
            (page.position.as_deref(), page.is_last),
            (Some("1000-0"), true)
        );
    }

    #[test]
    fn lost_log_is_read_from_start() {
        let position = Position::Before("50000-0");
        for read in [read([]), read([45_000, 51_000])] {
            let page = position.page(read);
            assert_eq!((page.position, page.is_last), (None, false));
        }
        let page = Position::Start.page(Vec::new());
        assert_eq!((page.position, page.is_last), (None, true));
    }

    #[test]
    fn foreign_record_is_left_out() {
        let other = |fields: &[&'static str]| {
            let fields = fields
                .iter()
                .map(|field| Bytes::from_static(field.as_bytes()));
            ("9-0".to_owned(), fields.collect())
        };
        let read = vec![
            other(&["x", "1"]),
            other(&["r"]),
            other(&[]),
            other(&["x", "1", "r", "2"]),
        ];
        let page = Position::Start.page(read);
        assert_eq!(page.records, ["2"]);
        assert_eq!(page.position.as_deref(), Some("9-0"));
    }

    #[test]
    fn unknown_position_is_the_start() {
        for text in [
            "",
            ">",
            "-",
            "17",
            "1-",
            "-1",
            ">x-1",
            "1-2-3",
            "99999999999999999999-0",
        ] {
            assert_eq!(Position::parse(Some(text)), Position::Start, "{text}");
        }
    }
}
