#![allow(clippy::print_stderr, reason = "progress")]

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use obo::dialect::product_of;
use obo::error::ExchangeErrorKind;
use obo::token_endpoint::ErrorClass;
use obo::{Caller, ExchangeError, Issuer, Policy};
use obo_core::KeySet;
use obo_core::metadata::ServerMetadata;

use crate::bindings;
use crate::client_certificate;
use crate::config::{ConfigArgument, Configured, Outgoing};
use crate::doctor_shared::shared;
use crate::exchange::{self, Failed};
use crate::output::{Failure, Report};
use crate::verdict::Verdict;
use crate::{input, inspect, position, times};

/// Checks a configuration against its authorization servers. Per issuer: discovery, keys,
/// algorithms, clock. Per client: whether it authenticates. Per destination: one exchange, if there
/// is a token. Of `[shared]`: the key ring and the store.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    config: ConfigArgument,
    /// The file with a caller's token, or `-` for standard input: exchanges it for each destination
    #[arg(long, value_name = "TOKEN_FILE")]
    token: Option<String>,
}

/// The clock difference that is reported as wrong: half of the default leeway.
const MOST_OFF: Duration = Duration::from_secs(30);

pub(crate) async fn run(arguments: Doctor, json: bool) -> Result<Report, Failure> {
    let configured = arguments.config.load()?;
    let token = arguments.token.as_deref().map(input::token).transpose()?;
    let mut report = Report::default();
    let progress = Progress::new(json);
    progress.show("keys of the issuers");
    // The status of each issuer has its outcome.
    let _ = configured.server.ready().await;
    for (i, policy) in configured.server.policies().enumerate() {
        issuer(&mut report, &configured, i, policy);
    }
    progress.show("introspection");
    introspection(&mut report, &configured).await;
    let caller = match &token {
        None => None,
        Some(token) => {
            progress.show("the token");
            let verdict = Verdict::of(&configured, token.expose()).await;
            report.within("token ");
            inspect::explain(&mut report, &configured, token.expose(), Some(&verdict));
            report.within("");
            verdict.outcome.ok()
        }
    };
    let mut clients: Vec<&Issuer> = Vec::new();
    for call in &configured.calls {
        progress.show(&format!("exchange to {}", call.target()));
        let own = call
            .exchange
            .app_only_token(call.destination.target().clone())
            .await;
        let own = own.map(drop);
        if !clients.contains(&call.exchange.issuer()) {
            clients.push(call.exchange.issuer());
            client(&mut report, &configured, call, &own);
        }
        destination(&mut report, call, caller.as_ref(), token.is_some(), &own).await;
    }
    if configured.calls.is_empty() {
        report.note("destinations", "none are configured");
    }
    client_certificate::validity(&mut report, &configured);
    client_certificate::at_servers(&mut report, &configured);
    bindings::of_calls(&mut report, &configured);
    bindings::settings(&mut report, &configured, &bindings::demanding(&configured));
    progress.show("the shared store");
    shared(&mut report, &configured).await;
    Ok(report)
}

/// Adds what is known about an issuer.
fn issuer(report: &mut Report, configured: &Configured, index: usize, policy: &Policy) {
    let issuer = policy.issuer();
    let name = |what: &str| format!("{issuer} {what}");
    let status = configured
        .server
        .key_status()
        .find(|status| status.issuer() == issuer);
    let urls = issuer.well_known_urls();
    let document = configured
        .tap
        .document(|url| urls.iter().any(|known| known == url));
    let metadata = document
        .as_ref()
        .and_then(|(_, json)| ServerMetadata::parse(issuer, json).ok());
    let problem = status.as_ref().and_then(|status| status.problem());
    match (&metadata, &document) {
        (Some(_), Some((url, _))) => report.right(
            name("discovery"),
            format!("the issuer is spelled as in {url}"),
        ),
        _ if status.is_none() => {
            report.note(name("discovery"), "not needed: each token is introspected")
        }
        _ if problem.is_none() => {
            report.note(name("discovery"), "not used: the file has `jwks_uri`")
        }
        _ => {}
    }
    let has_responded = configured
        .tap
        .calls()
        .iter()
        .any(|call| call.dates.is_some() && origin(&call.url) == origin(issuer.as_str()));
    let what = if metadata.is_some() {
        "keys"
    } else {
        "discovery"
    };
    match (problem, &status) {
        (Some(problem), _) if has_responded => {
            report.wrong(name(what), problem);
            if let Some(change) = change_for(problem) {
                report.change(change);
            }
        }
        (Some(problem), _) => {
            report.unknown(name(what), problem);
            report.change("is the issuer spelled right, and can this host reach it?");
        }
        (None, Some(status)) if status.keys() == 0 => {
            report.wrong(
                name("keys"),
                "the key set is empty: the issuer has withdrawn all keys",
            );
            report.change("let the issuer publish its keys");
        }
        (None, Some(_)) => keys(report, configured, policy, metadata.as_ref()),
        (None, None) => {}
    }
    clock(report, configured, issuer);
    if let Some(metadata) = &metadata {
        bindings::of_issuer(report, configured, issuer, metadata);
    }
    product(
        report,
        configured,
        index,
        issuer,
        document.as_ref().map(|(_, json)| &**json),
    );
}

fn change_for(problem: &str) -> Option<&'static str> {
    const PUBLISH: &str =
        "publish a signing key that this library supports: RS256 to PS512, ES256, ES384, EdDSA";
    let changes = [
        (
            "differ only in the slash",
            "write the issuer in the file as the server spells it",
        ),
        ("none is usable", PUBLISH),
        ("it is not usable", PUBLISH),
        (
            "no discovery document",
            "correct the issuer: open one of these URLs in a browser",
        ),
    ];
    changes
        .into_iter()
        .find(|(part, _)| problem.contains(part))
        .map(|(_, change)| change)
}

/// Adds the keys of the fetched set, and whether one fits the accepted algorithms.
fn keys(
    report: &mut Report,
    configured: &Configured,
    policy: &Policy,
    metadata: Option<&ServerMetadata>,
) {
    let issuer = policy.issuer();
    let uri = metadata.and_then(|metadata| metadata.jwks_uri.clone());
    let document = configured.tap.document(|url| match &uri {
        Some(uri) => uri == url,
        None => origin(url) == origin(issuer.as_str()) && !url.contains("/.well-known/"),
    });
    let Some(Ok(set)) = document.map(|(_, json)| KeySet::parse(&json)) else {
        report.right(format!("{issuer} keys"), "usable");
        return;
    };
    let named = set.iter().map(|key| {
        let algorithms = Vec::from_iter(key.algorithms().map(|it| it.name())).join("/");
        format!("{} {algorithms}", key.kid().unwrap_or("without kid"))
    });
    let named = Vec::from_iter(named).join(", ");
    report.right(
        format!("{issuer} keys"),
        format!("{} usable: {named}", set.len()),
    );
    for skipped in set.first_skipped() {
        report.note(format!("{issuer} keys"), format!("skipped: {skipped}"));
    }
    let is_allowed = set
        .iter()
        .any(|key| key.algorithms().any(|it| policy.allows(it)));
    match is_allowed {
        true => report.right(
            format!("{issuer} algorithms"),
            "a key fits the accepted algorithms",
        ),
        false => {
            report.wrong(
                format!("{issuer} algorithms"),
                "no key fits the accepted algorithms",
            );
            report.change("add the algorithm of its keys to `algorithms`, or remove `algorithms`");
        }
    }
}

/// Compares the `Date` of the responses with this host's clock.
fn clock(report: &mut Report, configured: &Configured, issuer: &Issuer) {
    let calls = configured.tap.calls();
    let mut own = calls
        .iter()
        .filter(|call| origin(&call.url) == origin(issuer.as_str()));
    let Some((here, there)) = own.find_map(|call| call.dates) else {
        return;
    };
    let (off, direction) = match here.duration_since(there) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let check = format!("{issuer} clock");
    // `Date` has whole seconds.
    if off < Duration::from_secs(2) {
        report.right(check, "no difference");
    } else if off < MOST_OFF {
        report.right(
            check,
            format!("this host is {} {direction} the server", times::length(off)),
        );
    } else {
        report.wrong(
            check,
            format!("this host is {} {direction} the server", times::length(off)),
        );
        report
            .change("correct the clock that is wrong (NTP); tokens are refused beyond the leeway");
    }
}

/// Names the product, and whether the file has its profile and dialect.
fn product(
    report: &mut Report,
    configured: &Configured,
    index: usize,
    issuer: &Issuer,
    document: Option<&[u8]>,
) {
    let Some(product) = product_of(issuer, document.unwrap_or_default()) else {
        return;
    };
    let text = &configured.text;
    let is_of = |name: &str| name == product || name.starts_with(&format!("{product}-"));
    let issuers = ["resource_server", "issuers"];
    let profile = position::text_at(text, &issuers, index, "profile");
    let mut advice = Vec::new();
    let is_known =
        |mut names: Box<dyn Iterator<Item = &'static str>>| names.any(|name| name == product);
    if profile.is_none() && is_known(Box::new(obo::Profile::names())) {
        advice.push(format!("`profile = \"{product}\"` at the issuer"));
    }
    let exchanged = position::text_at(text, &["exchange"], 0, "issuer");
    let dialect = position::text_at(text, &["exchange"], 0, "dialect");
    let is_exchange = exchanged.as_deref() == Some(issuer.as_str());
    if is_exchange && dialect.is_none() && is_known(Box::new(obo::dialect::names())) {
        advice.push(format!("`dialect = \"{product}\"` in [exchange]"));
    }
    let other = profile.into_iter().chain(dialect.filter(|_| is_exchange));
    let other = other.filter(|name| name != "a table" && !is_of(name));
    let other = Vec::from_iter(other).join(" and ");
    report.note(
        format!("{issuer} product"),
        match &*other {
            "" => format!("looks like {product}"),
            other => format!("looks like {product}, and the file has {other}"),
        },
    );
    if !advice.is_empty() {
        report.change(format!(
            "if tokens are refused, write {}",
            advice.join(" and ")
        ));
    }
}

/// Adds whether the introspection endpoint of each issuer that has one accepts this client.
async fn introspection(report: &mut Report, configured: &Configured) {
    for (issuer, outcome) in configured.server.probe_introspection().await {
        let check = format!("{issuer} introspection");
        let Err(error) = outcome else {
            report.right(check, "the endpoint responds to this client");
            continue;
        };
        let change = match error.class() {
            ErrorClass::Transient | ErrorClass::Throttled => {
                report.unknown(check, error);
                "can this host reach the introspection endpoint? Then try again"
            }
            ErrorClass::ClientMisconfigured => {
                report.wrong(check, error);
                "compare `id` and secret or key of the client (`introspection.client`, or else [client]) with the \
                 registration there, and let the client introspect tokens"
            }
            _ => {
                report.wrong(check, error);
                "correct `introspection.endpoint`, or do not use this issuer for introspection"
            }
        };
        report.change(change);
    }
}

/// Adds whether the client authenticates. An error other than `invalid_client` comes after that.
fn client(
    report: &mut Report,
    configured: &Configured,
    call: &Outgoing,
    own: &Result<(), ExchangeError>,
) {
    let issuer = call.exchange.issuer();
    let id = position::of_client(&configured.text, issuer, "id").unwrap_or_default();
    let check = format!("client {id} at {issuer}");
    match own {
        Ok(()) => report.right(check, "authenticates"),
        Err(error) if error.is_retryable() => report.unknown(check, error),
        Err(error) => match error.oauth_code() {
            Some("invalid_client") => Failed::new(error).add_as(report, check),
            Some(code) => {
                report.right(
                    check,
                    format!("authenticates; its own token is refused with `{code}`"),
                );
            }
            None if error.kind() == ExchangeErrorKind::ClientMisconfigured => {
                Failed::new(error).add_as(report, check);
            }
            None => report.unknown(check, error),
        },
    }
}

/// Adds one exchange, or why none was made.
async fn destination(
    report: &mut Report,
    call: &Outgoing,
    caller: Option<&Caller>,
    has_token: bool,
    own: &Result<(), ExchangeError>,
) {
    let (uri, target) = (call.uri(), call.target());
    let check = format!("destination {target} ({uri})");
    let Some(caller) = caller else {
        let own = if own.is_ok() {
            "the client gets its own token for it; "
        } else {
            ""
        };
        let seen = match has_token {
            true => format!("{own}not exchanged, because the token is not accepted"),
            false => format!("{own}no exchange was tried"),
        };
        report.note(check, seen);
        if !has_token {
            report.change("give the token of a caller with --token to try one");
        }
        return;
    };
    if uri.contains('{') {
        report.note(
            check,
            "a template: try one of its services with `obo exchange --to URL`",
        );
        return;
    }
    match exchange::to_destination(call, caller).await {
        Ok(_) => report.right(check, "the caller's token was exchanged"),
        Err(failed) => failed.add_as(report, check),
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find('/'));
    url.get(..end.map_or(url.len(), |end| host + end))
        .unwrap_or(url)
}

/// What the command waits for, on standard error, if that is a terminal.
struct Progress(bool);

impl Progress {
    fn new(json: bool) -> Self {
        Self(!json && std::io::stderr().is_terminal())
    }

    fn show(&self, what: &str) {
        if self.0 {
            eprint!("\r\x1b[Kchecking {} …", crate::output::cleaned(what));
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0 {
            eprint!("\r\x1b[K");
        }
    }
}
