//! Chains as one page of HTML: no script, no network, light and dark.
//!
//! [`html`] makes the whole page. Another page can use its parts: [`style`] once, and
//! [`chain_html`] for each chain. A page that changes while it is shown has a frame and a script in
//! [`live`].

mod diagram;
pub mod live;
mod table;

use std::fmt::{Display, Write};

use crate::chain::{Chain, Outcome};
use crate::describe;
use crate::printable::printable;

/// The style sheet of all parts, without the `style` element. Its rules concern elements within
/// `.obo` only, so that it fits into other pages. `data-theme` on the root element, `light` or
/// `dark`, overrides the reader's setting.
#[must_use]
pub fn style() -> &'static str {
    include_str!("style.css")
}

/// A page with all chains. Load it from a file, or serve it as `text/html; charset=utf-8`.
#[must_use]
pub fn html(chains: &[Chain]) -> String {
    let title = summary(chains);
    let policy = "<meta http-equiv=\"Content-Security-Policy\" \
                  content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    let mut html = head(&title, policy, style());
    html.push_str("<header>\n<h1>Chains of requests</h1>\n");
    put(
        &mut html,
        format_args!("<p>{title}</p>\n<p>{ALLOWED}</p>\n</header>\n"),
    );
    if chains.len() > 1 {
        html.push_str("<nav aria-label=\"Chains\">\n<ol>\n");
        for (number, chain) in (1..).zip(chains) {
            let (state, title) = (state(chain), title_of(chain));
            put(
                &mut html,
                format_args!(
                    "<li><a href=\"#chain-{number}\"><time>{}</time> <span>{}</span> {}</a></li>\n",
                    chain.root.time,
                    Escaped(&title),
                    badge(state)
                ),
            );
        }
        html.push_str("</ol>\n</nav>\n");
    }
    html.push_str("<main>\n");
    for (number, chain) in (1..).zip(chains) {
        put(&mut html, format_args!("<section id=\"chain-{number}\">\n"));
        html.push_str(&chain_html(chain));
        html.push_str("</section>\n");
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// One chain: a heading, a diagram and the same as a table, as an `article` element. It needs
/// [`style`], within an element of the class `obo`.
#[must_use]
pub fn chain_html(chain: &Chain) -> String {
    article(chain, None)
}

/// As [`chain_html`], with a link on each hop, for a page that shows more of the selected hop.
///
/// `href` returns the address for a hop, by its position in [`Chain::hops`]. The hop at `selected`
/// is marked.
#[must_use]
pub fn linked_chain_html(
    chain: &Chain,
    href: &dyn Fn(usize) -> String,
    selected: Option<usize>,
) -> String {
    article(chain, Some(&Links { href, selected }))
}

/// The links on the hops of a chain.
struct Links<'l> {
    href: &'l dyn Fn(usize) -> String,
    selected: Option<usize>,
}

impl Links<'_> {
    /// Writes the start of the element. The label replaces its content for screen readers.
    fn open(&self, html: &mut String, position: usize, label: &str) {
        let href = (self.href)(position);
        put(html, format_args!("<a href=\"{}\"", Escaped(&href)));
        if !label.is_empty() {
            put(html, format_args!(" aria-label=\"{}\"", Escaped(label)));
        }
        if self.selected == Some(position) {
            html.push_str(" aria-current=\"true\"");
        }
        html.push('>');
    }
}

/// The start of a page, up to its body's start.
fn head(title: &str, more: &str, style: &str) -> String {
    let title = Escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         {more}<title>{title}</title>\n<style>{style}</style>\n</head>\n<body class=\"obo\">\n"
    )
}

fn article(chain: &Chain, links: Option<&Links<'_>>) -> String {
    let mut html = String::from("<article class=\"chain\">\n<header>\n<h2>");
    let root = &chain.root;
    put(&mut html, format_args!("{} ", Escaped(&title_of(chain))));
    put(&mut html, format_args!("{}</h2>\n<p>", badge(state(chain))));
    put(
        &mut html,
        format_args!("<time datetime=\"{0}\">{0}</time>", root.time),
    );
    if let Some(trace) = &chain.trace_id {
        put(
            &mut html,
            format_args!(" · trace <code>{}</code>", Escaped(trace)),
        );
    }
    html.push_str("</p>\n</header>\n");
    diagram::draw(&mut html, chain, links);
    table::write(&mut html, chain, links);
    html.push_str("</article>\n");
    html
}

/// The worst that happened in a chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Allowed,
    Incomplete,
    Refused,
}

fn state(chain: &Chain) -> State {
    let hops = chain.hops().map(|hop| match hop.outcome {
        Outcome::Refused | Outcome::NotMade => State::Refused,
        _ if hop.gap.is_some() => State::Incomplete,
        _ => State::Allowed,
    });
    hops.max().unwrap_or(State::Allowed)
}

fn badge(state: State) -> &'static str {
    match state {
        State::Allowed => "<span class=\"badge good\">all allowed</span>",
        State::Incomplete => "<span class=\"badge odd\">records missing</span>",
        State::Refused => "<span class=\"badge bad\">refused</span>",
    }
}

/// What a record does not say.
const ALLOWED: &str =
    "Allowed means that the service let the request in. Its response is not recorded.";

fn summary(chains: &[Chain]) -> String {
    let count = |wanted| chains.iter().filter(|chain| state(chain) == wanted).count();
    let all = chains.len();
    let noun = if all == 1 { "chain" } else { "chains" };
    let (refused, incomplete) = (count(State::Refused), count(State::Incomplete));
    format!("{all} {noun}: {refused} with a refusal, {incomplete} more with missing records")
}

fn title_of(chain: &Chain) -> String {
    if let Some(title) = &chain.title {
        return title.clone();
    }
    let root = &chain.root;
    let request = describe::request(root);
    let subject = root.subject.as_ref().map(|subject| format!("{subject}: "));
    let subject = subject.unwrap_or_default();
    match request.is_empty() {
        true => format!("{subject}{}", root.service),
        false => format!("{subject}{request} at {}", root.service),
    }
}

fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed | Outcome::Own => "good",
        Outcome::Refused | Outcome::NotMade => "bad",
        Outcome::Unknown => "odd",
    }
}

/// Writes to a string, which cannot fail.
fn put(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = html.write_fmt(arguments);
}

/// Text in HTML, in elements and in quoted attributes.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = printable(self.0);
        for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
            let (plain, special) = match part.char_indices().next_back() {
                Some((at, special)) => (part.get(..at).unwrap_or_default(), special),
                None => continue,
            };
            f.write_str(plain)?;
            match special {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
