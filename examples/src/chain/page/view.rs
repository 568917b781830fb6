//! The content of the page.

use obo_audit::page::linked_chain_html;
use obo_audit::page::live::escaped;
use obo_audit::{Hop, Outcome};

use super::action::{Group, Users};
use super::shown::{self, Shown};
use super::token::{self, put};
use crate::chain::{Binding, Chain, Tokens};

/// The call that is selected by the page's address: `?call=KEY&hop=NUMBER`.
#[derive(Debug, Default)]
pub(super) struct Selection {
    call: Option<String>,
    hop: Option<usize>,
}

impl Selection {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let mut selection = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("call", call)) => selection.call = Some(call.to_owned()),
                Some(("hop", hop)) => selection.hop = hop.parse().ok(),
                _ => {}
            }
        }
        selection
    }
}

pub(super) fn main(
    chain: &Chain,
    users: &Users,
    chains: Vec<obo_audit::Chain>,
    selection: &Selection,
) -> String {
    let mut html = String::new();
    put(
        &mut html,
        format_args!(
            "<header>\n<h1>On behalf of: the chain, live</h1>\n<p class=\"lead\">Alice's app calls service-a, which calls \
             service-b, which calls service-c. Each service exchanges the token that it received for one that is addressed \
             to the next service alone. {}</p>\n</header>\n",
            lead(chain.binding)
        ),
    );
    facts(&mut html, chain, users);
    controls(&mut html, chain, users);
    status(&mut html, users);
    let shown = shown::latest(chains, users, &chain.watch, &|proof| chain.named(proof));
    if shown.is_empty() {
        html.push_str("<p class=\"empty\">No calls yet. Press “Call as alice”.</p>\n");
        return html;
    }
    let is_wanted = |it: &Shown| selection.call.as_ref() == Some(&it.key);
    let wanted = shown.iter().position(is_wanted);
    let selected = wanted.unwrap_or_else(|| first(&shown, users));
    html.push_str("<div class=\"columns\">\n<div class=\"calls\">\n<h2 class=\"hidden\">Calls, the latest first</h2>\n");
    let mut panel = String::new();
    for (at, shown) in shown.iter().enumerate() {
        let key = &shown.key;
        let hops: Vec<_> = with_callers(&shown.chain.root, None).collect();
        let hop = selection.hop.filter(|_| wanted.is_some());
        let is_request = |(_, hop): &(Option<&str>, &Hop)| hop.outcome != Outcome::Own;
        let hop = hop.filter(|hop| hops.get(*hop).is_some_and(is_request));
        let hop = hop.unwrap_or_else(|| telling(&hops));
        let is_selected = at == selected;
        let href = |hop: usize| format!("?call={key}&hop={hop}");
        let chain_html = linked_chain_html(&shown.chain, &href, is_selected.then_some(hop));
        let key = escaped(key);
        put(
            &mut html,
            format_args!("<section id=\"call-{key}\">\n{chain_html}</section>\n"),
        );
        if let (true, Some((from, to))) = (is_selected, hops.get(hop)) {
            // Another call has another panel, which is scrolled to its start.
            put(
                &mut panel,
                format_args!(
                    "<section class=\"panel\" id=\"panel-{key}-{hop}\" tabindex=\"0\" \
                     aria-label=\"The token of the selected call\">\n"
                ),
            );
            token::panel(&mut panel, chain, shown.trace_of(hop), *from, to);
            panel.push_str("</section>\n");
        }
    }
    html.push_str("</div>\n");
    html.push_str(&panel);
    html.push_str("</div>\n");
    html
}

/// What binds the tokens, and what a thief can do with them.
fn lead(binding: Binding) -> &'static str {
    match binding {
        Binding::None => {
            "<strong>Nothing binds these tokens</strong>: each works for everyone who holds it, at the service that it is \
             addressed to. Start the chain with <code>--dpop</code> or <code>--mtls</code> to see stolen ones refused."
        }
        Binding::Dpop => {
            "Each token is <strong>bound to a key of its sender</strong> (DPoP), which signs a proof for each request: a \
             stolen token is refused."
        }
        Binding::Certificate => {
            "Each token is <strong>bound to the certificate of its sender</strong> (mutual TLS), which each connection \
             shows: a stolen token is refused."
        }
    }
}

/// The chain whose panel is shown if none is selected: the latest one, or after a theft the latest
/// one of a thief.
fn first(shown: &[Shown], users: &Users) -> usize {
    let is_theft = users.last.as_ref().is_some_and(|done| done.is_theft);
    let theft = shown.iter().position(|it| it.is_theft);
    theft.filter(|_| is_theft).unwrap_or(0)
}

/// The hops in the order of `Chain::hops`, each with the service that called it.
fn with_callers<'c>(
    hop: &'c Hop,
    from: Option<&'c str>,
) -> Box<dyn Iterator<Item = (Option<&'c str>, &'c Hop)> + 'c> {
    let calls = hop.calls.iter();
    let calls = calls.flat_map(move |call| with_callers(call, Some(&hop.service)));
    Box::new(std::iter::once((from, hop)).chain(calls))
}

/// The hop to show first: one that was refused or not made, or else the last.
fn telling(hops: &[(Option<&str>, &Hop)]) -> usize {
    let bad = |(_, hop): &(Option<&str>, &Hop)| {
        matches!(hop.outcome, Outcome::Refused | Outcome::NotMade)
    };
    let refused = hops.iter().rposition(bad);
    refused.unwrap_or(hops.len().saturating_sub(1))
}

fn facts(html: &mut String, chain: &Chain, users: &Users) {
    let server = match users.is_server_stopped {
        false => "class=\"good\"><span>authorization server</span> <b>running</b>",
        true => "class=\"bad\"><span>authorization server</span> <b>stopped</b>",
    };
    let alice = match users.is_alice_revoked {
        false => "class=\"good\"><span>alice</span> <b>signed in</b>",
        true => "class=\"bad\"><span>alice</span> <b>revoked</b>",
    };
    let tokens = match chain.tokens {
        Tokens::Jwts => "JWTs",
        Tokens::Opaque => "opaque, introspected",
    };
    let bound_to = match chain.binding {
        Binding::None => "class=\"bad\"><span>bound to</span> <b>nothing</b>",
        Binding::Dpop => "class=\"good\"><span>bound to</span> <b>keys</b>",
        Binding::Certificate => "class=\"good\"><span>bound to</span> <b>certificates</b>",
    };
    let (kid, idp) = (chain.idp.kid(), &chain.idp);
    let (exchanges, keys) = (idp.token_requests(), idp.jwks_requests());
    put(
        html,
        format_args!(
            "<ul class=\"facts\" aria-label=\"State\">\n<li {server}</li>\n<li {alice}</li>\n\
             <li><span>signing key</span> <b>{}</b></li>\n<li><span>tokens</span> <b>{tokens}</b></li>\n<li {bound_to}</li>\n\
             <li><span>exchanges</span> <b>{exchanges}</b></li>\n<li><span>key fetches</span> <b>{keys}</b></li>\n</ul>\n",
            escaped(&kid)
        ),
    );
}

fn controls(html: &mut String, chain: &Chain, users: &Users) {
    html.push_str(
        "<form class=\"controls\" method=\"post\" action=\"/\" aria-label=\"Actions\">\n",
    );
    for group in Group::ALL {
        let (name, class) = (group.name(chain.binding), group.class());
        put(
            html,
            format_args!(
                "<div role=\"group\" aria-label=\"{name}\">\n<span aria-hidden=\"true\">{name}</span>\n"
            ),
        );
        for action in users.actions().filter(|action| action.group() == group) {
            let (name, label) = (action.name(), escaped(action.label()));
            put(
                html,
                format_args!(
                    "<button id=\"{name}\" class=\"{class}\" formaction=\"/actions/{name}\">{label}</button>\n"
                ),
            );
        }
        html.push_str("</div>\n");
    }
    html.push_str("</form>\n");
}

/// What was done last. Screen readers read it when it changes.
fn status(html: &mut String, users: &Users) {
    html.push_str("<div class=\"status\" id=\"status\" role=\"status\" aria-live=\"polite\">");
    let done = users.last.as_ref();
    let text = done.map_or("Press a button to make a call.", |done| &done.what);
    put(html, format_args!("{}", escaped(text)));
    for seen in done.map(|done| &*done.seen).unwrap_or_default() {
        let (class, word) = match (seen.is_met, users.is_server_stopped) {
            (true, _) if seen.is_harm => ("odd", "as expected without a binding"),
            (true, _) => ("good", "as expected"),
            (false, true) => ("odd", "not without the authorization server"),
            (false, false) => ("bad", "not as expected"),
        };
        let what = escaped(&seen.what);
        put(
            html,
            format_args!("<div class=\"verdict {class}\">{word}: {what}</div>"),
        );
        if !seen.seen.is_empty() {
            put(
                html,
                format_args!("<ul><li>{}</li></ul>", escaped(&seen.seen)),
            );
        }
    }
    html.push_str("</div>\n");
}
