//! What the commands say of bound tokens: settings that build and still refuse each request or have
//! no effect, and what the authorization servers support.

use std::net::{IpAddr, SocketAddr};

use http::{Method, Uri};
use obo::{Issuer, Rule};
use obo_config::BindingConfig;
use obo_core::metadata::ServerMetadata;

use crate::config::{Configured, Outgoing};
use crate::output::Report;

/// Everything in the file that demands a bound token.
pub(crate) fn demanding(configured: &Configured) -> Vec<String> {
    let kind = configured.entry();
    let rules = configured.rules.iter().flat_map(|rules| rules.entries());
    let rules = rules.filter(|(_, rule)| rule.is_some_and(Rule::requires_bound));
    let rules = rules.map(|(entry, _)| format!("{kind} {entry}"));
    let issuers = configured.server.bound_issuers();
    let issuers = issuers.map(|issuer| format!("issuer {issuer}"));
    issuers.chain(rules).collect()
}

/// Adds mistakes in the settings. `demanding` demand a bound token.
pub(crate) fn settings(report: &mut Report, configured: &Configured, demanding: &[String]) {
    let binding = configured.binding.as_ref();
    let accepts = |it: &BindingConfig| it.accepts_dpop() || it.accepts_certificates();
    if !demanding.is_empty() && !binding.is_some_and(accepts) {
        report.wrong(
            "binding",
            format!(
                "a bound token is required by {}, and none is accepted: each request is refused with 401",
                demanding.join(", ")
            ),
        );
        report.change(match binding {
            None => "add [binding] with `base_url` and `dpop = \"accept\"`, or with `certificate`",
            Some(_) => "write `base_url` and `dpop = \"accept\"` into [binding], or `certificate`",
        });
    }
    let Some(binding) = binding else { return };
    if !binding.accepts_dpop() {
        let keys = [
            ("base_url", binding.base_url().is_some()),
            ("nonce", binding.demands_nonce()),
        ];
        for (key, _) in keys.iter().filter(|(_, is_set)| *is_set) {
            let seen = format!(
                "`{key}` has no effect, because `dpop` is \"off\": tokens that are bound to a key are refused"
            );
            report.note("binding", seen);
            report.change(format!("write `dpop = \"accept\"`, or remove `{key}`"));
        }
        return;
    }
    if let Some((base, listen)) = binding.base_url().zip(configured.listen) {
        listener(report, base, listen);
    }
    if configured.shared.is_none() {
        let seen = match binding.demands_nonce() {
            true => "used proofs and nonces",
            false => "used proofs",
        };
        let seen = format!(
            "{seen} are known to one process: without [shared], replicas do not share them"
        );
        report.note("binding", seen);
        report
            .change("with several replicas, add [shared]: else a proof works once at each of them");
    }
}

/// Compares the URL that clients call with the address of the gateway.
fn listener(report: &mut Report, base: &str, listen: SocketAddr) {
    let Ok(uri) = base.parse::<Uri>() else { return };
    let own = format!("http://{listen}");
    if uri.scheme_str() == Some("https") {
        let seen = format!("`base_url` is {base}, and the gateway listens on {own}");
        report.note("binding", seen);
        report.change(format!(
            "a proxy with TLS must be in front and keep the paths: proofs for {own} are refused"
        ));
        return;
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_other_host = match host.parse::<IpAddr>() {
        Ok(ip) => !listen.ip().is_unspecified() && listen.ip() != ip,
        Err(_) => false,
    };
    // Port 0 is any port.
    let is_other_port = listen.port() != 0 && uri.port_u16().unwrap_or(80) != listen.port();
    if is_other_host || is_other_port {
        let seen = format!("`base_url` is {base}, but the gateway listens on {own}");
        report.note("binding", seen);
        report.change("write the URL that clients call: proofs for any other one are refused");
    }
}

/// Adds whether a request needs a bound token, and what its proof has. Returns who demands it.
pub(crate) fn of_request(
    report: &mut Report,
    configured: &Configured,
    (method, path): (&Method, &str),
    rule: &Rule,
) -> Vec<String> {
    let issuers: Vec<&Issuer> = configured.server.bound_issuers().collect();
    let is_each = issuers.len() == configured.server.issuers().count();
    let own = rule.requires_bound();
    let own = own.then(|| format!("this {}", configured.entry()));
    let binding = configured.binding.as_ref();
    let dpop = binding.is_some_and(BindingConfig::requires_dpop);
    let dpop = dpop.then(|| "`dpop = \"require\"`".to_owned());
    let named = issuers.iter().map(|issuer| format!("issuer {issuer}"));
    let by: Vec<_> = own.into_iter().chain(dpop).chain(named).collect();
    if binding.is_none() && by.is_empty() {
        return by;
    }
    let is_required = by.len() > issuers.len() || is_each;
    report.fact("requires_bound", is_required);
    report.note(
        "bound token",
        match by.is_empty() {
            true => "not required".to_owned(),
            false => format!("required by {}", by.join(", ")),
        },
    );
    if let Some(htu) = binding.and_then(|binding| binding.htu(path)) {
        report.fact("htu", &*htu);
        report.note("proof", format!("`htm` is {method}, and `htu` is {htu}"));
    }
    match is_required {
        true => by,
        false => Vec::new(),
    }
}

/// Adds whether the metadata of an issuer says that it binds tokens as they are accepted.
pub(crate) fn of_issuer(
    report: &mut Report,
    configured: &Configured,
    issuer: &Issuer,
    metadata: &ServerMetadata,
) {
    let Some(binding) = &configured.binding else {
        return;
    };
    let lacking = [
        (
            binding.accepts_dpop() && metadata.dpop_algorithms.is_none(),
            "dpop_signing_alg_values_supported",
            "enable DPoP at the authorization server, if it has it: else no client gets a token that is bound to a key",
        ),
        (
            binding.accepts_certificates() && !metadata.binds_to_certificates,
            "tls_client_certificate_bound_access_tokens",
            "enable tokens that are bound to certificates at the authorization server: else no client gets one",
        ),
    ];
    for (_, member, change) in lacking.iter().filter(|(is_lacking, ..)| *is_lacking) {
        report.note(
            format!("{issuer} binding"),
            format!("the metadata has no `{member}`"),
        );
        report.change(*change);
    }
}

/// Adds the key for proofs of the clients whose calls are bound.
pub(crate) fn of_calls(report: &mut Report, configured: &Configured) {
    let mut seen: Vec<&Issuer> = Vec::new();
    for call in &configured.calls {
        let issuer = call.exchange.issuer();
        let Some(algorithm) = call.exchange.proof_algorithm() else {
            continue;
        };
        if seen.contains(&issuer) {
            continue;
        }
        seen.push(issuer);
        let check = format!("client key for DPoP at {issuer}");
        let is_bound = |it: &Outgoing| it.exchange.issuer() == issuer && it.destination.is_bound();
        if !configured.calls.iter().any(is_bound) {
            report.note(check, "has no effect: no destination has `bind = \"dpop\"`");
            report.change("write `bind = \"dpop\"` into a destination, or remove `dpop_key`");
            continue;
        }
        let algorithm = algorithm.name();
        let metadata = configured.metadata(issuer);
        match metadata.as_ref().map(|it| it.dpop_algorithms.as_deref()) {
            None => report.right(check, format!("usable, for {algorithm}")),
            Some(None) => {
                let lacks = "the metadata has no `dpop_signing_alg_values_supported`";
                report.note(check, format!("usable, for {algorithm}; {lacks}"));
                report.change("if tokens are not bound, enable DPoP at the authorization server");
            }
            Some(Some(listed)) if listed.iter().any(|it| it == algorithm) => {
                let seen = format!("usable, for {algorithm}, which the server accepts");
                report.right(check, seen);
            }
            Some(Some(listed)) => {
                let listed = listed.join(", ");
                report.wrong(
                    check,
                    format!("is for {algorithm}, and the server accepts proofs with {listed}"),
                );
                report.change("use a `dpop_key` for one of these algorithms");
            }
        }
    }
}
