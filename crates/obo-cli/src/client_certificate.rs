//! What the commands say of `[client] certificate`, the certificate of this service. That its key
//! fits is checked when the file is built.

use std::time::{Duration, SystemTime};

use obo::Issuer;
use obo_core::metadata::ServerMetadata;
use serde_json::Value;

use crate::config::Configured;
use crate::output::Report;
use crate::validity::Validity;
use crate::{position, times};

/// How long before its end a certificate is reported.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

fn check(issuer: &Issuer) -> String {
    format!("client certificate at {issuer}")
}

/// Adds until when the certificates are valid.
pub(crate) fn validity(report: &mut Report, configured: &Configured) {
    let now = times::now();
    let words = |time: SystemTime| {
        let text = humantime::format_rfc3339_seconds(time);
        format!("{text}, {}", times::distance(time, now))
    };
    for (issuer, identity) in &configured.identities {
        let check = check(issuer);
        let Some(Validity { from, until }) = Validity::of_pem(identity.chain()) else {
            report.note(check, "the key fits; when it is valid cannot be read");
            continue;
        };
        if now < from {
            report.wrong(check, format!("not valid before {}", words(from)));
            report.change("correct the clock of this host, or use a certificate that is valid now");
        } else if until < now {
            report.wrong(check, format!("expired at {}", words(until)));
            report.change("renew the certificate and those that issued it in `chain`");
        } else if until <= now + SOON {
            report.note(check, format!("the key fits; valid until {}", words(until)));
            report.change("renew it soon, and those that issued it in `chain`");
        } else {
            report.right(check, format!("the key fits; valid until {}", words(until)));
        }
    }
}

/// Adds whether the servers offer what the certificates are for (RFC 8705), by their metadata.
pub(crate) fn at_servers(report: &mut Report, configured: &Configured) {
    for (issuer, _) in &configured.identities {
        let (Some(metadata), Some(document)) =
            (configured.metadata(issuer), configured.document(issuer))
        else {
            continue;
        };
        if position::of_client(&configured.text, issuer, "tls_client_auth").is_some() {
            authentication(report, issuer, &document);
        }
        endpoint(report, issuer, &metadata);
        let mut calls = configured.calls.iter();
        if calls.any(|it| it.exchange.issuer() == issuer && it.exchange.binds_certificate()) {
            binding(report, issuer, &metadata);
        }
    }
}

fn authentication(report: &mut Report, issuer: &Issuer, document: &[u8]) {
    let document = serde_json::from_slice::<Value>(document).unwrap_or_default();
    let listed = document.get("token_endpoint_auth_methods_supported");
    let Some(listed) = listed.and_then(Value::as_array) else {
        report.note(
            check(issuer),
            "the metadata lists no methods of authentication",
        );
        return;
    };
    let listed = Vec::from_iter(listed.iter().filter_map(Value::as_str));
    let methods = ["tls_client_auth", "self_signed_tls_client_auth"];
    let offered = methods.into_iter().filter(|it| listed.contains(it));
    let offered = Vec::from_iter(offered);
    if offered.is_empty() {
        let seen = format!(
            "the server lists no authentication by certificate, but {}",
            listed.join(", ")
        );
        report.note(check(issuer), seen);
        report
            .change("if the client does not authenticate, let the server offer `tls_client_auth`");
    } else {
        let seen = format!("the server offers {}", offered.join(", "));
        report.right(check(issuer), seen);
    }
}

fn endpoint(report: &mut Report, issuer: &Issuer, metadata: &ServerMetadata) {
    let alias = "mtls_endpoint_aliases.token_endpoint";
    let seen = match &metadata.mtls_token_endpoint {
        Some(url) => format!("presented at {url}, of `mtls_endpoint_aliases`"),
        None if metadata.is_unusable(alias) => {
            report.wrong(check(issuer), metadata.missing(alias));
            report.change("let the server publish a usable URL for mutual TLS");
            return;
        }
        None => "the metadata has no `mtls_endpoint_aliases`: presented at the usual endpoints"
            .to_owned(),
    };
    report.note(check(issuer), seen);
}

fn binding(report: &mut Report, issuer: &Issuer, metadata: &ServerMetadata) {
    if metadata.binds_to_certificates {
        report.right(check(issuer), "the server binds tokens to it");
        return;
    }
    let lacks = "the metadata has no `tls_client_certificate_bound_access_tokens`";
    report.note(check(issuer), lacks);
    report.change(
        "if tokens are not bound, enable tokens that are bound to certificates at the server",
    );
}
