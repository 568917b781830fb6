//! The hops of a chain as a table.

use super::{Escaped, Links, class_of, put};
use crate::chain::{Chain, Hop};
use crate::describe;

pub(super) fn write(html: &mut String, chain: &Chain, links: Option<&Links<'_>>) {
    html.push_str("<details>\n<summary>The same as a table</summary>\n");
    html.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of hops\">\n",
    );
    html.push_str("<table>\n<thead><tr>");
    for name in [
        "From", "To", "Request", "Outcome", "Subject", "Actor", "Audience", "Token", "Binding",
        "Obtained", "Client", "Time",
    ] {
        put(html, format_args!("<th scope=\"col\">{name}</th>"));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let mut table = Table {
        chain,
        links,
        hops: 0,
    };
    table.row(html, None, &chain.root);
    html.push_str("</tbody>\n</table>\n</div>\n</details>\n");
}

struct Table<'c> {
    chain: &'c Chain,
    links: Option<&'c Links<'c>>,
    /// The number of rows so far.
    hops: usize,
}

impl Table<'_> {
    fn row(&mut self, html: &mut String, from: Option<&str>, hop: &Hop) {
        put(
            html,
            format_args!("<tr class=\"{}\">", class_of(hop.outcome)),
        );
        put(
            html,
            format_args!("<td>{}</td>", Escaped(from.unwrap_or("—"))),
        );
        let position = self.hops;
        self.hops += 1;
        html.push_str("<th scope=\"row\">");
        if let Some(links) = self.links {
            links.open(html, position, "");
        }
        let end = if self.links.is_some() { "</a>" } else { "" };
        put(html, format_args!("{}{end}</th>", Escaped(&hop.service)));
        cell(html, Some(describe::request(hop)));
        put(html, format_args!("<td><b>{}</b>", hop.outcome));
        let texts = [hop.why(), hop.missing(), hop.response.clone()];
        for text in texts.into_iter().flatten() {
            put(html, format_args!("<br>{}", Escaped(&text)));
        }
        html.push_str("</td>");
        cell(html, hop.subject.clone());
        cell(html, describe::actors(hop));
        cell(html, hop.audience.clone());
        cell(html, hop.token_id.clone());
        cell(html, hop.binding.clone());
        cell(html, hop.obtained.as_ref().map(describe::obtained));
        cell(html, hop.client_id.clone());
        let offset = describe::offset(self.chain.root.time, hop.time);
        let time = hop.time;
        put(
            html,
            format_args!("<td><time datetime=\"{time}\">{offset}</time></td></tr>\n"),
        );
        for call in &hop.calls {
            self.row(html, Some(&hop.service), call);
        }
    }
}

fn cell(html: &mut String, text: Option<String>) {
    let text = text.unwrap_or_default();
    put(html, format_args!("<td>{}</td>", Escaped(&text)));
}
