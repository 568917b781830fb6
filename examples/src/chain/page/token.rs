//! The panel about the token of the selected call.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use obo_audit::page::live::escaped;
use obo_audit::{Hop, Outcome, Time};
use serde_json::Value;

use super::binding;
use crate::chain::Chain;
use crate::chain::watch::{Check, Sight, Verdict};

/// Claims in the order in which people read them. Others follow.
const ORDER: [&str; 13] = [
    "alg",
    "typ",
    "kid",
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "act",
    "iat",
    "nbf",
    "exp",
    "jti",
];

/// Writes the panel. `from` is the service that made the call, `None` for a user's app.
pub(super) fn panel(
    html: &mut String,
    chain: &Chain,
    trace_id: Option<&str>,
    from: Option<&str>,
    hop: &Hop,
) {
    let caller = from.or(hop.subject.as_deref()).unwrap_or("a caller");
    let (class, verdict) = match hop.outcome {
        Outcome::Allowed => ("good", "accepts it"),
        Outcome::Refused => ("bad", "refuses it"),
        Outcome::NotMade => ("bad", "is not called"),
        Outcome::Unknown | Outcome::Own => ("odd", "has no record of it"),
    };
    put(
        html,
        format_args!("<h2>{} → {}</h2>\n", escaped(caller), escaped(&hop.service)),
    );
    let service = escaped(&hop.service);
    put(
        html,
        format_args!("<p class=\"verdict {class}\"><b>{service} {verdict}</b></p>\n"),
    );
    if let Some(why) = hop.why().filter(|_| hop.outcome != Outcome::Allowed) {
        put(html, format_args!("<p>{}</p>\n", escaped(&why)));
    }
    // A call that was not made has no token of its own. It is the caller's token that could not be
    // exchanged.
    let is_made = hop.outcome != Outcome::NotMade;
    let receiver = if is_made { Some(&*hop.service) } else { from };
    let sight = trace_id.zip(receiver);
    let Some(sight) = sight.and_then(|(trace_id, it)| chain.watch.sight(trace_id, it)) else {
        html.push_str("<p class=\"dim\">No service has seen a token of this call.</p>\n");
        return;
    };
    if let (false, Some(from)) = (is_made, from) {
        let from = escaped(from);
        put(
            html,
            format_args!("<p>This is the token that {from} received, and did not exchange:</p>\n"),
        );
    }
    if is_made {
        response(html, &sight);
    }
    actors(html, &sight, hop);
    let receiver = receiver.unwrap_or_default();
    binding::section(html, chain, &sight, receiver);
    verdicts(html, &sight, receiver);
    match &sight.token {
        Some([header, claims]) => {
            html.push_str("<h3>Header</h3>\n");
            json(html, header);
            html.push_str("<h3>Claims</h3>\n");
            json(html, claims);
            times(html, claims);
            html.push_str("<p class=\"dim\">The signature is not shown.</p>\n");
        }
        None => html.push_str(
            "<h3>Claims</h3>\n<p>The token is opaque: only the authorization server knows its claims, and the \
             service introspects it.</p>\n",
        ),
    }
    html.push_str("<p class=\"dim\">Tokens never leave this process.</p>\n");
}

/// The status and the challenges, if the service did not respond with success.
fn response(html: &mut String, sight: &Sight) {
    let Some(status) = &sight.response.status else {
        return;
    };
    put(html, format_args!("<p>{}", escaped(status)));
    for challenge in &sight.response.challenges {
        put(html, format_args!(" <code>{}</code>", escaped(challenge)));
    }
    html.push_str("</p>\n");
}

/// Draws the user, the services that act for the user, the first one first, and the audience.
fn actors(html: &mut String, sight: &Sight, hop: &Hop) {
    let claims = sight.token.as_ref().map(|[_, claims]| claims);
    let text = |name| claims.and_then(|it: &Value| it.get(name)?.as_str());
    let subject = text("sub").or(hop.subject.as_deref());
    let audience = match claims.and_then(|claims| claims.get("aud")) {
        Some(Value::String(one)) => Some(one.clone()),
        Some(Value::Array(many)) => {
            let many = many.iter().filter_map(Value::as_str);
            Some(many.collect::<Vec<_>>().join(", "))
        }
        _ => hop.audience.clone(),
    };
    let mut acting = Vec::new();
    let mut actor = claims.and_then(|claims| claims.get("act"));
    while let Some(act) = actor {
        acting.extend(act.get("sub").and_then(Value::as_str));
        actor = act.get("act");
    }
    if claims.is_none() {
        acting.extend(hop.actors.iter().map(String::as_str));
    }
    html.push_str("<h3>User, actors, audience</h3>\n<ul class=\"actors\">\n");
    let mut chip = |name: &str, role| {
        put(
            html,
            format_args!(
                "<li><div>{}<small>{role}</small></div></li>\n",
                escaped(name)
            ),
        );
    };
    chip(subject.unwrap_or("no known user"), "user");
    for (at, actor) in acting.iter().enumerate().rev() {
        chip(actor, if at == 0 { "acts now" } else { "before" });
    }
    chip(audience.as_deref().unwrap_or("unknown"), "audience");
    html.push_str("</ul>\n");
}

/// What each service says to the token: a row for each rule.
fn verdicts(html: &mut String, sight: &Sight, receiver: &str) {
    html.push_str("<h3>What each service says to this token</h3>\n<table>\n<thead><tr><th scope=\"col\">Rule</th>");
    for verdict in &sight.verdicts {
        let class = if verdict.service == receiver {
            "here"
        } else {
            ""
        };
        put(
            html,
            format_args!(
                "<th scope=\"col\" class=\"{class}\">{}</th>",
                escaped(verdict.service)
            ),
        );
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let mut rules: Vec<&str> = Vec::new();
    for check in sight.verdicts.iter().flat_map(|verdict| &verdict.token) {
        if !rules.contains(&&*check.rule) {
            rules.push(&check.rule);
        }
    }
    for rule in rules {
        put(
            html,
            format_args!("<tr><th scope=\"row\">{}</th>", escaped(rule)),
        );
        for verdict in &sight.verdicts {
            let found: Vec<_> = verdict.token.iter().filter(|it| it.rule == rule).collect();
            mark(html, &found);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("<tr><th scope=\"row\">rule of the route</th>");
    for verdict in &sight.verdicts {
        let found = verdict.caller.iter().flatten();
        mark(html, &found.collect::<Vec<_>>());
    }
    html.push_str("</tr>\n");
    if sight.bound_to.is_some() {
        html.push_str("<tr><th scope=\"row\">proof of the binding</th>");
        for verdict in &sight.verdicts {
            let proven = binding::proven(sight).filter(|_| verdict.service == receiver);
            mark(html, &proven.iter().collect::<Vec<_>>());
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n<ul class=\"reasons\">\n");
    for verdict in sight.verdicts.iter().filter(|it| it.service == receiver) {
        reasons(html, verdict);
    }
    html.push_str("</ul>\n");
}

fn mark(html: &mut String, checks: &[&Check]) {
    let problems = checks.iter().filter_map(|check| check.problem.as_deref());
    let problems = problems.collect::<Vec<_>>().join("; ");
    let (class, sign, word) = match (checks.is_empty(), problems.is_empty()) {
        (true, _) => ("odd", '–', "not checked"),
        (_, true) => ("good", '✓', "kept"),
        (_, false) => ("bad", '✗', "broken"),
    };
    let title = escaped(if problems.is_empty() { word } else { &problems });
    put(
        html,
        format_args!(
            "<td class=\"mark {class}\" title=\"{title}\"><span aria-hidden=\"true\">{sign}</span>\
             <span class=\"hidden\">{word}</span></td>"
        ),
    );
}

/// How the rules of the service that received the token are broken, and what its rule for callers
/// asks for.
fn reasons(html: &mut String, verdict: &Verdict) {
    let service = escaped(verdict.service);
    let broken = verdict.token.iter();
    for (rule, problem) in broken.filter_map(|it| Some((&it.rule, it.problem.as_ref()?))) {
        put(
            html,
            format_args!(
                "<li class=\"bad\"><b aria-hidden=\"true\">✗</b>{service}, {}: {}</li>\n",
                escaped(rule),
                escaped(problem)
            ),
        );
    }
    for check in verdict.caller.iter().flatten() {
        let rule = escaped(&check.rule);
        match &check.problem {
            None => put(
                html,
                format_args!(
                    "<li class=\"good\"><b aria-hidden=\"true\">✓</b>{service} requires: {rule}</li>\n"
                ),
            ),
            Some(problem) => put(
                html,
                format_args!(
                    "<li class=\"bad\"><b aria-hidden=\"true\">✗</b>{service} requires: {rule}; {}</li>\n",
                    escaped(problem)
                ),
            ),
        }
    }
}

/// The members of an object, one in a line.
fn json(html: &mut String, value: &Value) {
    let Some(members) = value.as_object() else {
        return;
    };
    let rank = |name: &str| {
        ORDER
            .iter()
            .position(|it| *it == name)
            .unwrap_or(ORDER.len())
    };
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| rank(name));
    let members = members
        .into_iter()
        .map(|(name, value)| format!("  {name:?}: {value}"));
    let text = members.collect::<Vec<_>>().join(",\n");
    html.push_str("<pre class=\"json\" tabindex=\"0\">{");
    for line in text.lines() {
        put(html, format_args!("\n{}", escaped(line)));
    }
    html.push_str("\n}</pre>\n");
}

/// The times of a token in words.
fn times(html: &mut String, claims: &Value) {
    let seconds = |name| claims.get(name).and_then(Value::as_u64);
    if let (Some(issued), Some(expires)) = (seconds("iat"), seconds("exp")) {
        let time = Time::from(UNIX_EPOCH + Duration::from_secs(issued)).to_string();
        let time = time.replace(".000000Z", "Z").replace('T', " ");
        let lifetime = expires.saturating_sub(issued);
        put(
            html,
            format_args!("<p>Issued {time}, expires {lifetime} s later.</p>\n"),
        );
    }
}

/// Writes to a string, which cannot fail.
pub(super) fn put(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = html.write_fmt(arguments);
}
