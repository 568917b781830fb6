use obo::error::TokenError;
use obo::resource_server::TokenCheck;
use obo::{Caller, Rejection};
use obo_config::BindingConfig;

use crate::claims::View;
use crate::config;
use crate::config::Configured;
use crate::damage;
use crate::input;
use crate::output::{Failure, Report, State};
use crate::times;
use crate::verdict::Verdict;

/// Without a configuration, shows header, claims, times in words and the chain of actors. With one,
/// also shows every rule that the token keeps or breaks.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// A configuration file to check the token by
    #[arg(short, long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Fetch keys, introspect, and check the rules of the file
    #[arg(long, requires = "config")]
    online: bool,
    /// The file with the token, or `-` for standard input
    #[arg(default_value = "-", value_name = "TOKEN_FILE")]
    token: String,
}

pub(crate) async fn run(arguments: Inspect) -> Result<Report, Failure> {
    let configured = arguments.config.as_deref().map(config::load_offline);
    let configured = configured.transpose()?;
    let token = input::token(&arguments.token)?;
    let mut report = Report::default();
    show(&mut report, token.expose());
    let Some(configured) = configured else {
        match damage::of(token.expose()) {
            Some(problem) => report.wrong("form", format!("a damaged JWT: {problem}")),
            None if View::of(token.expose()).is_none() => {
                report.note("form", "the token is opaque; only its issuer can read it");
            }
            None => {}
        }
        return Ok(report);
    };
    configured.note_unread_secret(&mut report);
    let caller = match arguments.online {
        true => Some(Verdict::of(&configured, token.expose()).await),
        false => None,
    };
    explain(&mut report, &configured, token.expose(), caller.as_ref());
    let caller = caller.and_then(|verdict| verdict.outcome.ok());
    if let (Some(caller), Some(rules)) = (&caller, &configured.rules) {
        for (entry, rule) in rules.entries() {
            match rule.map(|rule| (rule, rule.check(caller))) {
                None => report.note(format!("rule {entry}"), "public: no token is required"),
                Some((rule, Ok(()))) => {
                    report.note(format!("rule {entry}"), format!("passes: {rule}"))
                }
                Some((_, Err(why))) => {
                    report.note(format!("rule {entry}"), format!("refused: {why}"))
                }
            }
        }
    }
    Ok(report)
}

/// Shows header, claims and chain.
pub(crate) fn show(report: &mut Report, token: &str) {
    match View::of(token) {
        Some(view) => view.show(report, times::now()),
        // The check of the form says what is wrong.
        None if damage::of(token).is_some() => {}
        None => {
            let size = token.len();
            report.text(&format!(
                "an opaque token of {size} characters, which only its issuer can read\n"
            ));
            report.fact("opaque", true);
        }
    }
}

/// Adds every rule, and the verdict if the token was validated.
pub(crate) fn explain(
    report: &mut Report,
    configured: &Configured,
    token: &str,
    verdict: Option<&Verdict>,
) {
    let view = View::of(token);
    let checks = configured.server.checks(token);
    let is_routed = checks.iter().any(|check| check.rule == "audience");
    let has_signature = checks
        .iter()
        .any(|check| matches!(check.rule, "signature" | "key"));
    for TokenCheck { rule, outcome, .. } in checks {
        match outcome {
            Ok(()) => match damage::of(token).filter(|_| rule == "form") {
                Some(problem) => {
                    report.note(
                        rule,
                        format!("looks like a damaged JWT: {problem}; its issuer introspects it"),
                    );
                }
                None => report.right(rule, seen(rule, view.as_ref())),
            },
            Err(error) if rule == "form" && damage::of(token).is_some() => {
                let problem = damage::of(token).unwrap_or_default();
                report.wrong(rule, format!("{error}: {problem}"));
            }
            Err(error) => {
                report.wrong(rule, &error);
                if let Some(advice) = advice(&error, view.as_ref(), configured) {
                    report.change(advice);
                }
            }
        }
    }
    if let Some(verdict) = verdict {
        logouts(report, verdict);
    }
    match verdict.map(|verdict| &verdict.outcome) {
        None if view.is_none() && !report.has(State::Wrong) => {
            report.unknown("verdict", "only the issuer knows the token");
            report.change("add --online, which introspects it");
        }
        None if !report.has(State::Wrong) || is_routed && !has_signature => {
            report.unknown("signature", "not checked, because no keys were fetched");
            report.change("add --online");
        }
        None => {}
        Some(Ok(caller)) => {
            let kind = format!("{:?}", caller.kind()).to_lowercase();
            let name = format!("the {kind} {}", caller.subject());
            report.right("verdict", accepted(caller, &name));
        }
        Some(Err(Rejection::Token(error))) if !report.has(State::Wrong) => {
            report.wrong("verdict", error);
            if let Some(advice) = advice(error, view.as_ref(), configured) {
                report.change(advice);
            }
        }
        // A rule above has it already.
        Some(Err(Rejection::Token(_))) => {}
        Some(Err(
            error @ (Rejection::Unavailable { .. } | Rejection::IntrospectionUnavailable { .. }),
        )) => {
            report.unknown("verdict", error);
            report.change("run `obo doctor` with the same file");
        }
        Some(Err(error)) => report.wrong("verdict", error),
    }
}

/// Adds whether the logouts of `[shared]` were read.
pub(crate) fn logouts(report: &mut Report, verdict: &Verdict) {
    match &verdict.logouts {
        None => {}
        Some(Ok(())) => report.right("logouts", "the log of [shared] was read"),
        Some(Err(problem)) => {
            report.unknown("logouts", problem);
            report.change("run `obo doctor` with the same file where the service runs");
        }
    }
}

/// What is known of an accepted token. Only a request of its sender can prove a binding.
pub(crate) fn accepted(caller: &Caller, name: &str) -> String {
    let binding = caller.binding();
    let proof = match (&binding.jkt, &binding.certificate) {
        (None, None) => return format!("accepted, for {name}"),
        (Some(_), None) => "a proof (DPoP)",
        (None, Some(_)) => "its certificate (mutual TLS)",
        (Some(_), Some(_)) => "a proof (DPoP) and its certificate (mutual TLS)",
    };
    format!(
        "accepted, for {name}, from a sender that proves the binding by {proof}, which was not checked here"
    )
}

/// What the token has for a rule.
fn seen(rule: &str, view: Option<&View>) -> String {
    let Some(view) = view else {
        return match rule {
            "form" => "opaque: its issuer introspects it".to_owned(),
            _ => String::new(),
        };
    };
    let now = times::now();
    let header = |name: &str| {
        let value = view.header.get(name).and_then(|value| value.as_str());
        value.map_or_else(|| "none".to_owned(), str::to_owned)
    };
    let claim = |name: &str| view.written(name).unwrap_or_else(|| "none".to_owned());
    match rule {
        "form" => "a JWT".to_owned(),
        "algorithm" => header("alg"),
        "type" => header("typ"),
        "issuer" => claim("iss"),
        "audience" => claim("aud"),
        "subject" => claim("sub"),
        "expiry" => view.time("exp", now).unwrap_or_default(),
        "issued at" => view.time("iat", now).unwrap_or_else(|| "none".to_owned()),
        "not before" => view.time("nbf", now).unwrap_or_else(|| "none".to_owned()),
        "client" => ["client_id", "azp", "appid", "cid"]
            .iter()
            .find_map(|name| view.written(name))
            .unwrap_or_else(|| "none".to_owned()),
        "scope" => ["scope", "scp"]
            .iter()
            .find_map(|name| view.written(name))
            .unwrap_or_else(|| "none".to_owned()),
        "kind" => "an access token".to_owned(),
        "binding" => view.binding().unwrap_or_else(|| "none".to_owned()),
        "signature" => format!("verified by the key {}", header("kid")),
        _ => "as expected".to_owned(),
    }
}

/// What to change, beyond what the error says.
fn advice(error: &TokenError, view: Option<&View>, configured: &Configured) -> Option<String> {
    let file = configured.path.display();
    Some(match error {
        TokenError::UnknownIssuer { .. } => {
            let issuer = view?.text("iss")?;
            let bare = issuer.trim_end_matches('/');
            let mut known = configured.server.issuers();
            match known.find(|known| known.as_str().trim_end_matches('/') == bare) {
                Some(_) => format!("write the issuer in {file} as the token has it: {issuer:?}"),
                None => format!("the token has {issuer:?}; add it to the issuers of {file} if you trust it"),
            }
        }
        TokenError::NotYetValid { .. } | TokenError::IssuedInFuture { .. } => {
            "`obo doctor` compares the clocks".to_owned()
        }
        TokenError::UnknownKey | TokenError::Signature => {
            "it was signed with a key that the issuer does not publish: forged, or of another environment; `obo doctor` \
             lists the keys"
                .to_owned()
        }
        TokenError::NotBound => {
            let binding = configured.binding.as_ref();
            let key = match binding.is_some_and(BindingConfig::requires_dpop) {
                true => "`dpop = \"require\"` in [binding]",
                false => "`require_bound` of the issuer",
            };
            format!("{key} demands it: let the client request a bound token, or change {key}")
        }
        TokenError::Revoked => "the user has logged out since the token was issued, which the log of [shared] has; \
                                get a new one after the next sign-in"
            .to_owned(),
        TokenError::Binding => format!("add a table [binding] to {file}, which accepts bound tokens with a proof"),
        TokenError::Inactive => "the token was revoked, or its session has ended; get a new one".to_owned(),
        _ => return None,
    })
}
