use http::Method;
use obo::RuleTable;
use obo::require::RuleMatch;

use crate::bindings;
use crate::client_certificate;
use crate::config::{ConfigArgument, Configured};
use crate::input;
use crate::inspect;
use crate::output::{Failure, Report, State};
use crate::verdict::Verdict;

/// Shows which rule or route meets a request and what it requires; with a token, whether it passes.
/// Always lists rules that never apply or that a more specific one takes requests from.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigArgument,
    /// The method, such as GET
    method: Method,
    /// The path, without the query
    path: String,
    /// The file with a caller's token, or `-` for standard input
    #[arg(long, value_name = "TOKEN_FILE")]
    token: Option<String>,
}

pub(crate) async fn run(arguments: Check) -> Result<Report, Failure> {
    let configured = arguments.config.load_offline()?;
    let (method, path) = (&arguments.method, &*arguments.path);
    let Some(rules) = &configured.rules else {
        let file = configured.path.display();
        return Err(Failure::wrong(format!(
            "{file} has no [[rules]] and no [[routes]] to check"
        )));
    };
    let mut report = Report::default();
    configured.note_unread_secret(&mut report);
    client_certificate::validity(&mut report, &configured);
    let receiver = receivers(&mut report, &configured, method, path);
    let is_open = receiver || find(&mut report, &configured, rules, method, path);
    if let Some(from) = &arguments.token {
        let token = input::token(from)?;
        caller(
            &mut report,
            &configured,
            rules,
            &arguments,
            token.expose(),
            is_open,
        )
        .await;
    }
    for shadow in rules.shadows() {
        let kind = if shadow.is_unreachable {
            "unreachable"
        } else {
            "shadowed"
        };
        report.note(format!("{kind}: {}", shadow.entry), &shadow);
    }
    Ok(report)
}

/// Adds the receivers of logouts and events. Returns whether one of them has the path.
fn receivers(report: &mut Report, configured: &Configured, method: &Method, path: &str) -> bool {
    let mut is_found = false;
    for (name, receiver) in configured.receivers.iter() {
        let own = receiver.path();
        let check = format!("[{name}] {own}");
        let takes = match name {
            "logout" => "logout tokens",
            _ => "security event tokens",
        };
        let seen = format!(
            "takes {takes} for {} by POST, without a bearer token",
            receiver.audience()
        );
        match own == path {
            false => report.note(check, seen),
            true if *method == Method::POST => {
                report.fact("entry", check.clone());
                report.right(check, seen);
                is_found = true;
            }
            true => {
                report.fact("entry", check.clone());
                report.wrong(check, format!("405: {seen}"));
                report.change("send a POST");
                is_found = true;
            }
        }
    }
    is_found
}

/// Adds what decides. Returns whether no token is required.
fn find(
    report: &mut Report,
    configured: &Configured,
    rules: &RuleTable,
    method: &Method,
    path: &str,
) -> bool {
    let (entry, denied) = match configured.entry() {
        "route" => ("route", "404: no route"),
        entry => (entry, "403: denied"),
    };
    let found = rules.find(method, path);
    let (state, check, seen, change) = match &found {
        RuleMatch::Public(pattern) => (
            State::Right,
            format!("{entry} {pattern}"),
            "public: no token is required".to_owned(),
            None,
        ),
        RuleMatch::Rule(pattern, rule) => (
            State::Right,
            format!("{entry} {pattern}"),
            format!("requires {rule}"),
            None,
        ),
        RuleMatch::Otherwise(rule) => (
            State::Right,
            format!("{entry} for all other paths"),
            format!("requires {rule}"),
            None,
        ),
        RuleMatch::OtherMethods(pattern, methods) => {
            let own = Vec::from_iter(methods.iter().map(|method| method.as_str())).join(", ");
            let seen = format!("{denied}: `{pattern}` is listed for {own} only");
            let change = format!("add {method} to the `methods` of `{pattern}`");
            (
                State::Wrong,
                format!("{entry} {pattern}"),
                seen,
                Some(change),
            )
        }
        RuleMatch::Near => {
            let seen = format!(
                "{denied}: some server may read the path as a listed one, from which it differs by letter case, a slash \
                 at the end or an escape"
            );
            (
                State::Wrong,
                entry.to_owned(),
                seen,
                Some("call the listed path, or list this one too".to_owned()),
            )
        }
        RuleMatch::Ambiguous => {
            let seen = format!("{denied}: servers read this path in different ways");
            let change =
                "call it without empty or dot segments, `;`, `\\` and needless escapes".to_owned();
            (State::Wrong, entry.to_owned(), seen, Some(change))
        }
        _ => {
            let seen = format!("{denied}: no {entry} has this path");
            (
                State::Wrong,
                entry.to_owned(),
                seen,
                Some(format!("add a {entry} for {method} {path}")),
            )
        }
    };
    report.fact("entry", check.clone());
    report.add(state, check, seen);
    let call = if state == State::Wrong {
        other_call(method, path)
    } else {
        None
    };
    if let Some(change) = call.or(change) {
        report.change(change);
    }
    let demanding = match &found {
        RuleMatch::Rule(_, rule) | RuleMatch::Otherwise(rule) => {
            bindings::of_request(report, configured, (method, path), rule)
        }
        _ => Vec::new(),
    };
    bindings::settings(report, configured, &demanding);
    upstream(report, configured, &found, path);
    let (RuleMatch::Public(taken) | RuleMatch::Rule(taken, _) | RuleMatch::OtherMethods(taken, _)) =
        &found
    else {
        return false;
    };
    for other in rules.matching(path).filter(|other| other != taken) {
        let seen = format!("matches too, but `{taken}` is more specific");
        report.note(format!("{entry} {other}"), seen);
    }
    matches!(found, RuleMatch::Public(_))
}

/// Adds where the gateway sends the request.
fn upstream(report: &mut Report, configured: &Configured, found: &RuleMatch<'_>, path: &str) {
    let is_routed = matches!(found, RuleMatch::Public(_) | RuleMatch::Rule(..));
    let Some(gateway) = configured.gateway.as_ref().filter(|_| is_routed) else {
        return;
    };
    match gateway.upstream(path) {
        Some(url) => {
            report.fact("upstream", &*url);
            report.note("upstream", format!("the gateway requests {url}"));
        }
        None => report.note(
            "upstream",
            "none: the gateway responds with the claims of the caller",
        ),
    }
}

/// What to write in place of this method or path, if that is the mistake.
fn other_call(method: &Method, path: &str) -> Option<String> {
    let upper = method.as_str().to_ascii_uppercase();
    if upper != method.as_str() && STANDARD.contains(&&*upper) {
        return Some(format!("write {upper}: methods are case-sensitive"));
    }
    let below = path.split_once("://").map_or(path, |(_, rest)| {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    });
    let bare = below.split(['?', '#']).next().unwrap_or_default();
    let listed = format!("/{}", bare.trim_start_matches('/'));
    if path.contains("://") {
        Some(format!("write the path without scheme and host: {listed}"))
    } else if bare != path {
        Some(format!("write the path without the query: {listed}"))
    } else if !path.starts_with('/') {
        Some(format!(
            "write the path with a slash at its start: {listed}"
        ))
    } else {
        None
    }
}

const STANDARD: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// Adds the verdict about a token and every requirement of the rule.
async fn caller(
    report: &mut Report,
    configured: &Configured,
    rules: &RuleTable,
    arguments: &Check,
    token: &str,
    is_open: bool,
) {
    let verdict = Verdict::of(configured, token).await;
    let Ok(caller) = &verdict.outcome else {
        if is_open {
            report.note("token", "is not valid, and the path requires none");
        } else {
            inspect::explain(report, configured, token, Some(&verdict));
        }
        return;
    };
    inspect::logouts(report, &verdict);
    report.right("token", inspect::accepted(caller, caller.subject()));
    let (RuleMatch::Rule(_, rule) | RuleMatch::Otherwise(rule)) =
        rules.find(&arguments.method, &arguments.path)
    else {
        return;
    };
    for (requirement, outcome) in rule.checks(caller) {
        match outcome {
            Ok(()) => report.right(requirement, "the token has it"),
            Err(why) => {
                let has = match requirement.split(' ').next() {
                    Some("actor" | "any" | "no") => match caller.current_actor() {
                        Some(actor) => format!("; the current actor is {}", actor.subject()),
                        None => "; the token has no actor".to_owned(),
                    },
                    Some("scope") => format!("; the token has the scope \"{}\"", caller.scope()),
                    Some("client") => {
                        format!(
                            "; the client is {}",
                            caller.client_id().unwrap_or("not named")
                        )
                    }
                    _ => String::new(),
                };
                report.wrong(requirement, format!("{why}{has}"));
                report.change("change the rule, or call with a token that has it");
            }
        }
    }
}
