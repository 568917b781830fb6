//! A chain as a tree, for terminals.

use std::fmt;

use crate::chain::{Chain, Hop, Outcome};
use crate::describe;
use crate::printable::printable;

/// Shows a chain as a tree of lines.
///
/// ```text
/// 2026-11-29T12:00:00.000100Z
/// ✓ service-a  GET /orders
/// │    subject p-8c1f  audience service-a
/// └─ ✗ service-b  GET /stock  refused  exchanged in 21 ms  +22.9 ms
///         insufficient_scope: required scopes: stock:read
///         subject p-8c1f  actor service-a  audience service-b
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Tree<'c> {
    chain: &'c Chain,
    width: usize,
    has_colour: bool,
    is_ascii: bool,
    is_detailed: bool,
}

impl<'c> Tree<'c> {
    /// A tree without colours, of any width.
    pub fn new(chain: &'c Chain) -> Self {
        Self {
            chain,
            width: usize::MAX,
            has_colour: false,
            is_ascii: false,
            is_detailed: false,
        }
    }

    /// Wraps lines at this number of characters.
    pub fn width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// Uses the colours of ANSI terminals.
    pub fn colour(mut self, has_colour: bool) -> Self {
        self.has_colour = has_colour;
        self
    }

    /// Draws with ASCII only. Names and reasons stay as they are.
    pub fn ascii(mut self, is_ascii: bool) -> Self {
        self.is_ascii = is_ascii;
        self
    }

    /// Shows issuers, clients and identifiers of tokens too.
    pub fn detailed(mut self, is_detailed: bool) -> Self {
        self.is_detailed = is_detailed;
        self
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = vec![(Style::Bold, self.chain.root.time.to_string())];
        if let Some(trace) = &self.chain.trace_id {
            first.push((Style::Dim, format!("trace {trace}")));
        }
        self.line(f, ["", ""], &first)?;
        self.hop(f, &self.chain.root, "", Branch::Root)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Root,
    Middle,
    Last,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Odd,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
            Self::Odd => "\u{1b}[33m",
        }
    }
}

type Line = Vec<(Style, String)>;

impl Tree<'_> {
    fn hop(
        &self,
        f: &mut fmt::Formatter<'_>,
        hop: &Hop,
        indent: &str,
        branch: Branch,
    ) -> fmt::Result {
        let (middle, last, down) = match self.is_ascii {
            true => ("|- ", "`- ", "|  "),
            false => ("├─ ", "└─ ", "│  "),
        };
        let (own, below) = match branch {
            Branch::Root => (indent.to_owned(), indent.to_owned()),
            Branch::Middle => (format!("{indent}{middle}"), format!("{indent}{down}")),
            Branch::Last => (format!("{indent}{last}"), format!("{indent}   ")),
        };
        let rest = match hop.calls.is_empty() {
            true => format!("{below}     "),
            false => format!("{below}{down}  "),
        };
        self.line(f, [&own, &rest], &self.head(hop, branch))?;
        let (_, style) = mark(hop.outcome);
        for (style, text) in [
            (style, hop.why().filter(|_| hop.outcome != Outcome::Allowed)),
            (Style::Odd, hop.missing()),
            (style, hop.response.clone()),
        ] {
            if let Some(text) = text {
                let words = text.split(' ').map(|word| (style, word.to_owned()));
                self.words(f, &rest, words.collect())?;
            }
        }
        let mut facts = describe::token(hop);
        if self.is_detailed {
            facts.extend(describe::more(hop));
        }
        if !facts.is_empty() {
            let facts = facts.into_iter();
            let facts = facts.map(|(name, value)| (Style::Dim, format!("{name} {value}")));
            self.line(f, [&rest, &rest], &facts.collect::<Line>())?;
        }
        for (at, call) in (1..).zip(&hop.calls) {
            let is_last = at == hop.calls.len();
            let branch = if is_last {
                Branch::Last
            } else {
                Branch::Middle
            };
            self.hop(f, call, &below, branch)?;
        }
        Ok(())
    }

    fn head(&self, hop: &Hop, branch: Branch) -> Line {
        let ([mark, ascii], style) = mark(hop.outcome);
        let mark = if self.is_ascii { ascii } else { mark };
        let mut line = vec![(style, format!("{mark} {}", hop.service))];
        let request = describe::request(hop);
        if !request.is_empty() {
            line.push((Style::Plain, request));
        }
        if hop.outcome != Outcome::Allowed {
            line.push((style, hop.outcome.to_string()));
        }
        if let Some(obtained) = &hop.obtained {
            line.push((Style::Plain, describe::obtained(obtained)));
        }
        if branch != Branch::Root {
            let offset = describe::offset(self.chain.root.time, hop.time);
            line.push((Style::Dim, offset));
        }
        line
    }

    /// Writes parts of a line, two spaces apart.
    fn line(&self, f: &mut fmt::Formatter<'_>, indents: [&str; 2], parts: &Line) -> fmt::Result {
        self.wrap(f, indents, parts, "  ")
    }

    fn words(&self, f: &mut fmt::Formatter<'_>, indent: &str, words: Line) -> fmt::Result {
        self.wrap(f, [indent, indent], &words, " ")
    }

    fn wrap(
        &self,
        f: &mut fmt::Formatter<'_>,
        [first, next]: [&str; 2],
        parts: &Line,
        gap: &str,
    ) -> fmt::Result {
        self.styled(f, Style::Dim, first)?;
        let mut used = first.chars().count();
        for (at, (style, text)) in parts.iter().enumerate() {
            let mut text = &*printable(text);
            let width = text.chars().count();
            if at > 0 && used + gap.len() + width > self.width {
                f.write_str("\n")?;
                self.styled(f, Style::Dim, next)?;
                used = next.chars().count();
            } else if at > 0 {
                f.write_str(gap)?;
                used += gap.len();
            }
            // Longer than a line.
            while let Some((end, _)) =
                (text.char_indices()).nth(self.width.saturating_sub(used).max(8))
            {
                let (line, rest) = text.split_at(end);
                self.styled(f, *style, line)?;
                f.write_str("\n")?;
                self.styled(f, Style::Dim, next)?;
                used = next.chars().count();
                text = rest;
            }
            self.styled(f, *style, text)?;
            used += text.chars().count();
        }
        f.write_str("\n")
    }

    fn styled(&self, f: &mut fmt::Formatter<'_>, style: Style, text: &str) -> fmt::Result {
        match self.has_colour && style != Style::Plain && !text.is_empty() {
            true => write!(f, "{}{text}\u{1b}[0m", style.code()),
            false => f.write_str(text),
        }
    }
}

fn mark(outcome: Outcome) -> ([&'static str; 2], Style) {
    match outcome {
        Outcome::Allowed => (["✓", "+"], Style::Good),
        Outcome::Refused => (["✗", "x"], Style::Bad),
        Outcome::NotMade => (["⊘", "-"], Style::Bad),
        Outcome::Unknown => (["?", "?"], Style::Odd),
        Outcome::Own => (["•", "*"], Style::Plain),
    }
}
