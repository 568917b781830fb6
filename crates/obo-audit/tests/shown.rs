//! Chains as trees and as a page.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use obo_audit::{Chain, Log, Outcome, Tree, join, page};

const LINES: &str = include_str!("golden/log.jsonl");

fn chains(lines: &str) -> Vec<Chain> {
    let mut log = Log::default();
    log.read("log", lines.as_bytes());
    assert!(log.problems.is_empty(), "{:?}", log.problems);
    join(log.records)
}

/// Compares with a file. With `UPDATE` set, writes it.
fn compare(name: &str, shown: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(path).unwrap());
}

fn trees(tree: impl Fn(&Chain) -> String) -> String {
    chains(LINES)
        .iter()
        .map(tree)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn tree_is_drawn() {
    compare("tree.txt", &trees(|chain| Tree::new(chain).to_string()));
}

#[test]
fn tree_in_ascii_is_ascii() {
    let shown = trees(|chain| Tree::new(chain).ascii(true).detailed(true).to_string());
    compare("ascii.txt", &shown);
    assert!(shown.is_ascii());
}

#[test]
fn narrow_tree_is_wrapped() {
    let shown = trees(|chain| Tree::new(chain).width(50).to_string());
    compare("narrow.txt", &shown);
    for line in shown.lines() {
        assert!(line.chars().count() <= 50, "{line}");
    }
}

#[test]
fn colours_change_no_text() {
    for chain in chains(LINES) {
        let (plain, coloured) = (Tree::new(&chain), Tree::new(&chain).colour(true));
        let mut coloured = coloured.to_string();
        for code in ["0", "1", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, plain.to_string());
    }
}

#[test]
fn page_is_drawn() {
    compare("page.html", &page::html(&chains(LINES)));
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "<script>alert(1)</script>\"'&\u{202e}\u{0}\u{1b}[2J]]>--><style>";
    let json = serde_json::to_string(hostile).unwrap();
    let fields = "method path code reason issuer subject actor prior_actors client_id audience jti";
    let mut line = String::from(r#"{"schema":"obo-audit/1","time":"2026-11-29T12:00:00Z""#);
    for field in fields.split(' ').chain(["service", "trace_id"]) {
        line.push_str(&format!(r#","{field}":{json}"#));
    }
    line.push_str(r#","record":"request","decision":"deny"}"#);
    let chains = chains(&line);
    let page = page::html(&chains);
    assert_eq!(page.matches("<style>").count(), 1);
    assert!(!page.contains("<script") && !page.contains("]]>") && !page.contains("-->"));
    assert!(!page.contains(hostile));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    let tree = Tree::new(&chains[0]).detailed(true).to_string();
    for shown in [page, tree] {
        let hidden = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!shown.contains(hidden));
    }
}

#[test]
fn page_needs_no_network() {
    let page = page::html(&chains(LINES));
    for outside in [
        "src=",
        "http-equiv=\"refresh",
        "@import",
        "url(",
        "<link",
        "<script",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn parts_make_the_page() {
    let chains = chains(LINES);
    let page = page::html(&chains);
    assert!(page.contains(page::style()));
    for chain in &chains {
        assert!(page.contains(&page::chain_html(chain)));
    }
}

#[test]
fn each_hop_has_its_link() {
    for chain in chains(LINES) {
        let hops: Vec<_> = chain.hops().collect();
        let href = |position: usize| format!("?a=<&hop={position}");
        let html = page::linked_chain_html(&chain, &href, Some(1));
        let table = html.split_once("<tbody>").unwrap().1;
        for (position, hop) in hops.iter().enumerate() {
            let selected = if position == 1 {
                " aria-current=\"true\""
            } else {
                ""
            };
            let href = format!("<a href=\"?a=&lt;&amp;hop={position}\"");
            let row = format!("{href}{selected}>{}</a>", hop.service);
            assert!(table.contains(&row), "{row} in {table}");
            // The first column of a service's own calls is that service, without an arrow.
            let is_drawn = hop.outcome != Outcome::Own;
            let named = format!("{href} aria-label=");
            assert_eq!(
                html.matches(&named).count(),
                usize::from(is_drawn),
                "{named}"
            );
        }
        assert!(!html.contains("role=\"img\""), "links inside of an image");
    }
}

#[test]
fn live_page_names_its_events() {
    let html = page::live::html("<live>", "<p>content</p>", "/events");
    assert!(html.contains("<title>&lt;live&gt;</title>"));
    assert!(html.contains("<main data-events=\"/events\"><p>content</p></main>"));
    assert!(html.contains(&format!("<style>{}</style>", page::live::style())));
    assert!(html.contains(&format!("<script>{}</script>", page::live::script())));
    assert!(page::live::style().starts_with(page::style()));
    assert!(!page::live::script().contains("</script"));
}

#[test]
fn caller_without_records_is_drawn_first() {
    let [first, second, ..] = &*chains(LINES) else {
        panic!("two chains are needed");
    };
    assert_eq!(Chain::of_caller("thief", []), None);
    let one = Chain::of_caller("thief", [first.clone(), second.clone()]);
    let mut one = one.unwrap();
    assert_eq!(one.root.outcome, Outcome::Own);
    assert_eq!(one.root.calls, [first.root.clone(), second.root.clone()]);
    one.title = Some("Stolen from a log".to_owned());
    one.root.calls[0].response = Some("401 Bearer error=\"invalid_token\"".to_owned());
    one.root.calls[0].binding = Some("key kPrK_qmx of service-a".to_owned());
    let page = page::chain_html(&one);
    for shown in [
        "<h2>Stolen from a log <span",
        ">thief</text>",
        "<text class=\"response\"",
        "401 Bearer error=&quot;invalid_token&quot;</td>",
        "<tspan>binding</tspan> key kPrK_qmx of</text>",
        ">service-a</text>",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(Tree::new(&one).to_string().contains("invalid_token"));
}
