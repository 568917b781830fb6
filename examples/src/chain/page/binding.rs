//! The part of the panel about what the token is bound to, and whether the sender has proven it.

use obo::Rejection;
use obo::error::TokenError;
use obo_audit::page::live::escaped;

use super::token::put;
use crate::chain::sender::{Proof, Sender};
use crate::chain::watch::{Check, Responded, Sight};
use crate::chain::{Binding, Chain};

/// Writes what the token is bound to, what the sender has shown, and what the service says to it.
pub(super) fn section(html: &mut String, chain: &Chain, sight: &Sight, service: &str) {
    html.push_str("<h3>Bound to</h3>\n<ul class=\"reasons\">\n");
    let mut line = |class, sign, text: String| {
        put(
            html,
            format_args!(
                "<li class=\"{class}\"><b aria-hidden=\"true\">{sign}</b>{}</li>\n",
                escaped(&text)
            ),
        );
    };
    match &sight.bound_to {
        Some(proof) => line("", '•', format!("the {}", chain.named(proof))),
        None if chain.binding == Binding::None => line(
            "bad",
            '•',
            "nothing: a plain bearer token works for everyone who holds it".to_owned(),
        ),
        None => line(
            "",
            '•',
            "not known, because the token was refused".to_owned(),
        ),
    }
    for shown in shown(chain, &sight.sender) {
        line("", '•', shown);
    }
    match (problem(&sight.response), &sight.bound_to) {
        (Some(problem), _) => line("bad", '✗', format!("{service}: {problem}")),
        (None, Some(proof)) if sight.response.rejection.is_none() => {
            let proven = match proof {
                Proof::Key(_) => "the proof is by this key, for this request, and new",
                Proof::Certificate(_) => "the connection has this certificate",
            };
            line("good", '✓', format!("{service}: {proven}"));
        }
        (None, _) => {}
    }
    html.push_str("</ul>\n");
}

/// What the sender has shown, in a chain with bound tokens.
fn shown(chain: &Chain, sender: &Sender) -> Vec<String> {
    let mut lines = Vec::new();
    match (chain.binding, &sender.proof, &sender.certificate) {
        (Binding::None, ..) => {}
        (Binding::Dpop, Some(proof), _) => lines.push(format!(
            "the request has a proof by the {}, for {}, made {} s before",
            chain.named(&proof.key),
            proof.request,
            proof.age
        )),
        (Binding::Dpop, None, _) => lines.push("the request has no proof".to_owned()),
        (Binding::Certificate, _, Some(certificate)) => {
            lines.push(format!(
                "the connection has the {}",
                chain.named(certificate)
            ));
        }
        (Binding::Certificate, _, None) => {
            lines.push("the connection has no certificate".to_owned());
        }
    }
    if sender.has_certificate_header {
        lines.push("the header client-cert does not count: it is not from a proxy".to_owned());
    }
    lines
}

/// Whether the sender has proven the binding. `None` if the request was refused for another reason,
/// because then it was not checked.
pub(super) fn proven(sight: &Sight) -> Option<Check> {
    let problem = problem(&sight.response);
    let is_checked = problem.is_some() || sight.response.rejection.is_none();
    let rule = "proof of the binding".to_owned();
    is_checked.then_some(Check { rule, problem })
}

/// Why the sender has not proven the binding, if that is why the request was refused.
fn problem(response: &Responded) -> Option<String> {
    let rejection = response.rejection.as_ref()?;
    let is_about_binding = match rejection {
        Rejection::Proof { .. } => true,
        Rejection::Token(error) => matches!(
            error,
            TokenError::MissingProof
                | TokenError::NotBoundToKey
                | TokenError::NotBound
                | TokenError::AnotherKey
                | TokenError::MissingCertificate
                | TokenError::AnotherCertificate
        ),
        _ => false,
    };
    is_about_binding.then(|| rejection.to_string())
}
