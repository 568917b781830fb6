use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use obo::{Caller, OnBehalfOf, Secret, error};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::config::{ConfigArgument, Configured, Outgoing};
use crate::output::{Failure, Report};
use crate::verdict::Verdict;
use crate::{curl, input, inspect};

/// Validates the caller's token, exchanges it for one destination, and shows header and claims of
/// the result. The new token itself is not printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Exchange {
    #[command(flatten)]
    config: ConfigArgument,
    /// The destination: its audience, or a URL
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Print the request as a curl command with secrets as variables, and do not send it
    #[arg(long)]
    curl: bool,
    /// The file with the caller's token, or `-` for standard input
    #[arg(default_value = "-", value_name = "TOKEN_FILE")]
    token: String,
}

pub(crate) async fn run(arguments: Exchange) -> Result<Report, Failure> {
    let configured = arguments.config.load()?;
    let token = input::token(&arguments.token)?;
    let mut report = Report::default();
    let verdict = Verdict::of(&configured, token.expose()).await;
    let Ok(caller) = &verdict.outcome else {
        inspect::explain(&mut report, &configured, token.expose(), Some(&verdict));
        return Ok(report);
    };
    inspect::logouts(&mut report, &verdict);
    report.right("caller", inspect::accepted(caller, caller.subject()));
    if arguments.curl {
        configured.tap.hold(token.clone());
    }
    let issued = send(&configured, &arguments.to, caller).await;
    if arguments.curl {
        let calls = configured.tap.calls().into_iter();
        let sent = calls.filter(|call| !call.form.is_empty()).last();
        let Some(call) = sent else {
            return Err(problem(issued));
        };
        let command = curl::command(&call);
        report.text(&command);
        report.fact("curl", command);
        report.note("exchange", "not sent, because of --curl");
        return Ok(report);
    }
    match issued {
        Ok(issued) => {
            inspect::show(&mut report, issued.expose());
            report.right("exchange", format!("a token for {}", arguments.to));
        }
        Err(failed) => failed.add_to(&mut report, &arguments.to),
    }
    Ok(report)
}

fn problem(issued: Result<Secret, Failed>) -> Failure {
    match issued {
        Ok(_) => Failure::unknown("no request was made"),
        Err(Failed { error, .. }) => Failure::wrong(error),
    }
}

/// Why there is no token.
pub(crate) struct Failed {
    pub(crate) error: String,
    pub(crate) change: Option<String>,
    is_temporary: bool,
}

impl Failed {
    fn of(error: String, change: impl Into<String>) -> Self {
        Self {
            error,
            change: Some(change.into()),
            is_temporary: false,
        }
    }

    /// Names what to change by the kind of failure.
    pub(crate) fn new(error: &obo::ExchangeError) -> Self {
        use error::ExchangeErrorKind as Kind;
        let change = match error.kind() {
            Kind::TargetDenied => Some(
                "allow this client to exchange tokens for this audience and these scopes at the authorization server",
            ),
            Kind::SubjectInvalid => Some(
                "the authorization server does not accept the caller's token: it was revoked, has expired, or is not addressed to \
                 this client; get a new one",
            ),
            Kind::ClientMisconfigured if error.oauth_code() == Some("invalid_client") => Some(
                "correct `id` and secret or key in [client], or register them at the authorization server",
            ),
            Kind::ClientMisconfigured => {
                Some("correct [client] and [exchange], or the client at the authorization server")
            }
            Kind::UnknownDestination => Some(ADD),
            Kind::StepUp => Some("the user must sign in again or more strongly"),
            Kind::ResponseUnusable => Some("compare `dialect` in [exchange] with the product"),
            _ => None,
        };
        Self {
            error: error.to_string(),
            change: change.map(str::to_owned),
            is_temporary: error.is_retryable(),
        }
    }

    fn add_to(self, report: &mut Report, to: &str) {
        self.add_as(report, format!("exchange to {to}"));
    }

    /// Adds it to a report as the outcome of a check.
    pub(crate) fn add_as(self, report: &mut Report, check: String) {
        match self.is_temporary {
            true => report.unknown(check, self.error),
            false => report.wrong(check, self.error),
        }
        if let Some(change) = self.change {
            report.change(change);
        }
    }
}

/// Exchanges through the client that a service uses, and returns the token that a call would have.
pub(crate) async fn send(
    configured: &Configured,
    to: &str,
    caller: &Caller,
) -> Result<Secret, Failed> {
    if to.contains("://")
        && let Some((exchange, destinations)) = &configured.destinations
    {
        let layer = exchange.to_destinations(destinations.clone());
        return call(layer, to, caller).await;
    }
    let is_wanted = |call: &&Outgoing| {
        let (uri, target) = (call.uri(), call.target());
        uri == to || target == to || to.contains("://") && to.starts_with(&uri)
    };
    let found = configured.calls.iter().find(is_wanted);
    let Some(found) = found else {
        let known = configured.calls.iter();
        let known = known.map(|call| format!("{} ({})", call.target(), call.uri()));
        let known = match Vec::from_iter(known).join(", ") {
            none if none.is_empty() => "none".to_owned(),
            known => known,
        };
        let error = format!("no destination is named {to:?}; configured: {known}");
        return Err(Failed::of(error, ADD));
    };
    to_destination(found, caller).await
}

/// How a destination gets known.
const ADD: &str = "add it to [[destinations]] (a gateway: to [[routes]]), or write the name or URL of a configured one";

/// Exchanges for one destination.
pub(crate) async fn to_destination(found: &Outgoing, caller: &Caller) -> Result<Secret, Failed> {
    let uri = found.destination.uri();
    if uri.contains('{') {
        let error = format!("{uri} is a template");
        return Err(Failed::of(error, "write the URL of one of its services"));
    }
    let layer = found.exchange.to_destination(found.destination.clone());
    let layer = layer.map_err(|error| Failed::of(error.to_string(), "correct the destination"))?;
    call(layer, &uri, caller).await
}

/// Makes a call whose inner client only keeps the token.
async fn call(
    layer: obo::on_behalf_of::OnBehalfOfLayer,
    uri: &str,
    caller: &Caller,
) -> Result<Secret, Failed> {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let inner = service_fn(move |request: Request<()>| {
        let value = request.headers().get(http::header::AUTHORIZATION);
        let token = value.and_then(|value| value.to_str().ok()?.split_once(' '));
        let token = token.map(|(_, token)| Secret::new(token));
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = token;
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    });
    let service: OnBehalfOf<_> = layer.layer(inner);
    let request = Request::get(uri).body(());
    let request = request.map_err(|error| Failed::of(format!("{uri}: {error}"), "write a URL"))?;
    match service.on_behalf_of(caller).oneshot(request).await {
        Ok(_) => {
            let token = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            token.ok_or_else(|| Failed::of("the call had no token".to_owned(), "report this"))
        }
        Err(obo::CallError::Exchange(error)) => Err(Failed::new(&error)),
        Err(error) => Err(Failed::of(error.to_string(), "report this")),
    }
}
