//! A chain as a diagram: services are columns, and each call is an arrow, from top to bottom.

use std::iter;

use super::{Escaped, Links, class_of, put};
use crate::chain::{Chain, Hop, Outcome};
use crate::describe;
use crate::printable::cut;
use crate::record::Source;

/// The distance of two columns.
const COLUMN: usize = 204;
/// The width of the box with the name of a service.
const BOX: usize = 164;
/// The width of the times, left of the columns.
const TIMES: usize = 66;
/// Where the first row begins.
const TOP: usize = 78;
/// The height of a line of text.
const LINE: usize = 17;
/// The width of a character of small text, on average.
const CHARACTER: usize = 7;

pub(super) fn draw(html: &mut String, chain: &Chain, links: Option<&Links<'_>>) {
    let drawing = Drawing::new(chain);
    let label = label(chain, &drawing);
    let (width, height) = (drawing.width(), drawing.bottom + 14);
    // What is inside of an image cannot be reached.
    let role = if links.is_some() { "group" } else { "img" };
    html.push_str("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Diagram\">\n");
    put(
        html,
        format_args!(
            "<svg role=\"{role}\" aria-label=\"{}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n",
            Escaped(&label)
        ),
    );
    drawing.columns(html);
    for row in &drawing.rows {
        drawing.row(html, row, links);
    }
    html.push_str("</svg>\n</div>\n");
}

fn label(chain: &Chain, drawing: &Drawing<'_>) -> String {
    let hops = chain.hops().count();
    let services = drawing.columns.len().saturating_sub(1);
    format!("Diagram of {hops} requests to {services} services. The table has the same content.")
}

struct Drawing<'c> {
    chain: &'c Chain,
    /// The caller, then the services in the order in which they were called.
    columns: Vec<Column<'c>>,
    rows: Vec<Row<'c>>,
    bottom: usize,
    /// The number of hops so far.
    hops: usize,
}

struct Column<'c> {
    name: &'c str,
    /// The first column, unless a service made calls of its own accord.
    is_caller: bool,
    /// Whether a service of this name recorded anything.
    is_known: bool,
    /// From where to where it was active.
    active: Vec<(usize, usize)>,
}

struct Row<'c> {
    hop: &'c Hop,
    /// Its position in [`Chain::hops`].
    position: usize,
    from: usize,
    to: usize,
    y: usize,
    /// What stands below the arrow.
    lines: Vec<(&'static str, String)>,
}

impl<'c> Drawing<'c> {
    fn new(chain: &'c Chain) -> Self {
        let root = &chain.root;
        let caller = root.subject.as_ref().or(root.client_id.as_ref());
        let caller = caller.map_or("caller", String::as_str);
        let is_own = root.outcome == Outcome::Own;
        let mut drawing = Self {
            chain,
            columns: vec![Column {
                name: if is_own { &root.service } else { caller },
                is_caller: !is_own,
                is_known: true,
                active: Vec::new(),
            }],
            rows: Vec::new(),
            bottom: TOP,
            hops: 0,
        };
        match root.outcome {
            // The first column is the service itself.
            Outcome::Own => {
                drawing.hops = 1;
                drawing.calls(root, 0);
            }
            _ => drawing.add(root, 0),
        }
        drawing
    }

    /// Adds a hop and its calls, each below the one before it.
    fn add(&mut self, hop: &'c Hop, from: usize) {
        let is_made = hop.outcome != Outcome::NotMade;
        let to = if is_made {
            self.column(&hop.service)
        } else {
            from + 2
        };
        let y = self.bottom + 30;
        let lines = self.lines(hop, from, to);
        self.bottom = y + 12 + lines.len() * LINE;
        let position = self.hops;
        self.hops += 1;
        self.rows.push(Row {
            hop,
            position,
            from,
            to,
            y,
            lines,
        });
        if is_made {
            self.calls(hop, to);
        }
        let end = self.bottom.saturating_sub(4);
        let is_known = is_made && hop.outcome != Outcome::Unknown;
        if let Some(column) = self.columns.get_mut(to).filter(|_| is_made) {
            column.is_known |= is_known;
            if is_known || !hop.calls.is_empty() {
                column.active.push((y, end));
            }
        }
    }

    fn calls(&mut self, hop: &'c Hop, from: usize) {
        for call in &hop.calls {
            self.add(call, from);
        }
    }

    /// The column of a service, which is new if this is its first request.
    fn column(&mut self, service: &'c str) -> usize {
        let columns = self.columns.iter();
        // The caller may have the name of a service.
        let mut same = columns.map(|it| !it.is_caller && it.name == service);
        if let Some(found) = same.position(|is_same| is_same) {
            return found;
        }
        self.columns.push(Column {
            name: service,
            is_caller: false,
            is_known: false,
            active: Vec::new(),
        });
        self.columns.len() - 1
    }

    /// The text below an arrow, wrapped.
    fn lines(&self, hop: &Hop, from: usize, to: usize) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let span = from.abs_diff(to).max(1);
        let width = (span * COLUMN - 34) / CHARACTER;
        let mut all = |class, text: &str| {
            let text = cut(text, 400);
            lines.extend(wrapped(&text, width).into_iter().map(|line| (class, line)));
        };
        if let Some(reason) = hop.why().filter(|_| hop.outcome != Outcome::Allowed) {
            all("bad", &reason);
        }
        if let Some(missing) = hop.missing() {
            all("odd", &missing);
        }
        if let Some(response) = &hop.response {
            // Not broken within `error="invalid_dpop_proof"`.
            let response = wrapped(&cut(response, 400), width + 2);
            lines.extend(response.into_iter().map(|line| ("response", line)));
        }
        let mut fact = |name: &'static str, value: &str| {
            let value = cut(value, width.saturating_sub(name.len() + 1).max(8));
            lines.push((name, value.into_owned()));
        };
        for (name, value) in describe::token(hop) {
            match (name, hop.actors.split_first()) {
                ("actor", Some((current, before))) if !before.is_empty() => {
                    fact("actor", current);
                    fact("before", &before.join(", "));
                }
                // What it is bound to, and perhaps whose that is.
                ("binding", _) => {
                    let width = width.saturating_sub("binding ".len()).max(8);
                    let parts = wrapped(&cut(&value, 100), width).into_iter();
                    let names = ["binding"].into_iter().chain(iter::repeat("of"));
                    names.zip(parts).for_each(|(name, part)| fact(name, &part));
                }
                _ => fact(name, &value),
            }
        }
        if let Some(obtained) = &hop.obtained {
            let is_cached = obtained.source == Source::Cache;
            let class = if is_cached { "cached" } else { "exchanged" };
            lines.push((class, describe::obtained(obtained)));
        }
        lines
    }

    fn x(column: usize) -> usize {
        TIMES + BOX / 2 + column * COLUMN
    }

    fn width(&self) -> usize {
        // A call that is not made has no column. Its text is as wide as two.
        let last = self.rows.iter().map(|row| row.to).max();
        let last = last.unwrap_or_default().max(self.columns.len() - 1);
        Self::x(last) + BOX / 2 + 10
    }

    fn columns(&self, html: &mut String) {
        for (at, column) in self.columns.iter().enumerate() {
            let (x, bottom) = (Self::x(at), self.bottom + 6);
            let left = x - BOX / 2;
            let class = match (column.is_caller, column.is_known) {
                (true, _) => "column caller",
                (_, true) => "column",
                (_, false) => "column unknown",
            };
            put(
                html,
                format_args!(
                    "<g class=\"{class}\"><title>{}</title>",
                    Escaped(column.name)
                ),
            );
            put(
                html,
                format_args!("<path class=\"life\" d=\"M{x} 52V{bottom}\"/>"),
            );
            put(
                html,
                format_args!(
                    "<rect x=\"{left}\" y=\"14\" width=\"{BOX}\" height=\"38\" rx=\"10\"/>"
                ),
            );
            let name = cut(column.name, BOX / 9);
            put(
                html,
                format_args!("<text x=\"{x}\" y=\"38\">{}</text>", Escaped(&name)),
            );
            for (from, to) in &column.active {
                let (left, height) = (x - 4, to.saturating_sub(*from));
                put(
                    html,
                    format_args!(
                        "<rect class=\"active\" x=\"{left}\" y=\"{from}\" width=\"8\" height=\"{height}\" rx=\"4\"/>"
                    ),
                );
            }
            html.push_str("</g>\n");
        }
    }

    fn row(&self, html: &mut String, row: &Row<'_>, links: Option<&Links<'_>>) {
        let (hop, y) = (row.hop, row.y);
        if let Some(links) = links {
            let label = format!("{} to {}: {}", title(hop), hop.service, hop.outcome);
            links.open(html, row.position, &label);
        }
        let (from, to) = (Self::x(row.from), Self::x(row.to));
        let class = class_of(hop.outcome);
        let dashed = matches!(hop.outcome, Outcome::NotMade | Outcome::Unknown);
        let dashed = if dashed { " dashed" } else { "" };
        put(html, format_args!("<g class=\"call {class}{dashed}\">"));
        put(
            html,
            format_args!("<title>{}</title>", Escaped(&tooltip(hop))),
        );
        if links.is_some() {
            let (left, top) = (from.min(to) + 9, y - 26);
            let width = from.abs_diff(to).max(COLUMN) - 18;
            let height = 38 + row.lines.len() * LINE;
            put(
                html,
                format_args!(
                    "<rect class=\"area\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
                ),
            );
        }
        let (start, end) = match from.cmp(&to) {
            std::cmp::Ordering::Less => (from + 4, to - 6),
            std::cmp::Ordering::Greater => (from - 4, to + 6),
            std::cmp::Ordering::Equal => (from + 4, to + 6),
        };
        let offset = describe::offset(self.chain.root.time, hop.time);
        put(
            html,
            format_args!(
                "<text class=\"time\" x=\"{}\" y=\"{}\">{offset}</text>",
                TIMES - 8,
                y + 4
            ),
        );
        // A service that calls itself.
        let end = if hop.outcome == Outcome::NotMade {
            end - COLUMN - 30
        } else {
            end
        };
        let is_loop = from == to;
        let end_y = if is_loop { y + 12 } else { y };
        match is_loop {
            true => put(html, format_args!("<path d=\"M{start} {y}h36v12H{end}\"/>")),
            false => put(html, format_args!("<path d=\"M{start} {y}H{end}\"/>")),
        }
        end_mark(html, hop.outcome, end, end_y, !is_loop && end > start);
        let left = from.min(to) + 16;
        let width = from.abs_diff(to).max(COLUMN) - 30;
        let title = title(hop);
        let title = cut(&title, width / (CHARACTER + 2));
        let above = y - 9;
        put(
            html,
            format_args!(
                "<text class=\"request\" x=\"{left}\" y=\"{above}\">{}</text>",
                Escaped(&title)
            ),
        );
        let mut below = end_y + 6;
        for (class, text) in &row.lines {
            below += LINE;
            put(
                html,
                format_args!("<text class=\"{class}\" x=\"{left}\" y=\"{below}\">"),
            );
            match *class {
                "subject" | "actor" | "before" | "audience" | "binding" => {
                    put(
                        html,
                        format_args!("<tspan>{class}</tspan> {}", Escaped(text)),
                    );
                }
                _ => put(html, format_args!("{}", Escaped(text))),
            }
            html.push_str("</text>");
        }
        html.push_str(if links.is_some() {
            "</g></a>\n"
        } else {
            "</g>\n"
        });
    }
}

/// The text above an arrow.
fn title(hop: &Hop) -> String {
    match hop.outcome {
        Outcome::NotMade => format!("not made: {}", hop.service),
        outcome if hop.method.is_none() && hop.path.is_none() => outcome.to_string(),
        _ => describe::request(hop),
    }
}

/// An arrow's head, or a cross where it was refused or not made.
fn end_mark(html: &mut String, outcome: Outcome, x: usize, y: usize, is_right: bool) {
    match outcome {
        Outcome::Refused | Outcome::NotMade => {
            let x = if is_right { x - 3 } else { x + 3 };
            put(
                html,
                format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"8\"/>"),
            );
            let (left, top) = (x - 3, y - 3);
            put(
                html,
                format_args!("<path class=\"cross\" d=\"M{left} {top}l6 6m0 -6l-6 6\"/>"),
            );
        }
        _ => {
            let back = if is_right { x - 9 } else { x + 9 };
            let (top, bottom) = (y - 5, y + 5);
            put(
                html,
                format_args!("<path class=\"head\" d=\"M{x} {y}L{back} {top}V{bottom}z\"/>"),
            );
        }
    }
}

fn tooltip(hop: &Hop) -> String {
    let mut lines = vec![format!("{}: {}", hop.service, hop.outcome)];
    lines.push(describe::request(hop));
    lines.extend(hop.why());
    lines.extend(hop.missing());
    lines.extend(hop.response.clone());
    let facts = describe::token(hop).into_iter().chain(describe::more(hop));
    lines.extend(facts.map(|(name, value)| format!("{name} {value}")));
    lines.push(hop.time.to_string());
    lines.retain(|line| !line.is_empty());
    lines.join(" · ")
}

/// Lines of at most this many characters, broken at spaces where possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let mut word = word;
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + length <= width => {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            _ => {}
        }
        // A word that is longer than a line.
        while let Some((end, _)) = word.char_indices().nth(width.max(8)) {
            let (line, rest) = word.split_at(end);
            lines.push(line.to_owned());
            word = rest;
        }
        lines.push(word.to_owned());
    }
    lines
}
