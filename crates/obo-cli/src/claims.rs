//! Header and claims of a token, not verified, for people.

use std::fmt::Write as _;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::output::Report;
use crate::times;

/// The readable part of a JWT: everything but the signature.
pub(crate) struct View {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

const TIMES: [&str; 5] = ["exp", "iat", "nbf", "auth_time", "updated_at"];

impl View {
    /// Reads a compact JWT; `None` for an opaque token.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let mut segments = token.split('.');
        let mut object = || {
            let json = URL_SAFE_NO_PAD.decode(segments.next()?).ok()?;
            serde_json::from_slice(&json).ok()
        };
        let (header, claims) = (object()?, object()?);
        (segments.count() == 1).then_some(Self { header, claims })
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// The time in a claim, in words.
    pub(crate) fn time(&self, claim: &str, now: SystemTime) -> Option<String> {
        times::in_words(self.claims.get(claim)?.as_f64()?, now)
    }

    /// A claim as text.
    pub(crate) fn written(&self, claim: &str) -> Option<String> {
        self.claims.get(claim).map(written)
    }

    /// Adds header, claims and the chain of actors to a report.
    pub(crate) fn show(&self, report: &mut Report, now: SystemTime) {
        let mut text = String::from("header (not verified)\n");
        for (name, value) in &self.header {
            let _ = writeln!(text, "  {name}  {}", written(value));
        }
        text.push_str("claims (not verified)\n");
        let longest = self
            .claims
            .keys()
            .map(String::len)
            .max()
            .unwrap_or_default();
        for (name, value) in &self.claims {
            let in_words = TIMES
                .contains(&&**name)
                .then(|| self.time(name, now))
                .flatten();
            let value = in_words.unwrap_or_else(|| written(value));
            let _ = writeln!(text, "  {name:longest$}  {value}");
        }
        report.text(&text);
        report.text(&self.drawn_chain());
        if let Some(binding) = self.binding() {
            report.text(&format!("binding (not verified)\n  {binding}\n"));
            report.fact("binding", self.claims.get("cnf").cloned());
        }
        report.fact("header", self.header.clone());
        report.fact("claims", self.claims.clone());
        report.fact("chain", self.chain());
        let times = TIMES
            .iter()
            .filter_map(|name| Some((name.to_string(), self.time(name, now)?.into())));
        report.fact("times", Map::from_iter(times));
    }

    /// To what the token is bound (RFC 9449 section 6.1, RFC 8705 section 3.1).
    pub(crate) fn binding(&self) -> Option<String> {
        let members = self.claims.get("cnf")?.as_object();
        let members = members.into_iter().flatten();
        let named = members.map(|(name, value)| match (&**name, value.as_str()) {
            ("jkt", Some(thumbprint)) => {
                format!("the key {thumbprint} (a proof per request: DPoP)")
            }
            ("x5t#S256", Some(thumbprint)) => format!("the certificate {thumbprint} (mutual TLS)"),
            (name, _) => format!("`{name}`, which no service of obo can check"),
        });
        let named = Vec::from_iter(named);
        Some(match named.is_empty() {
            true => "`cnf` without a key".to_owned(),
            false => named.join(" and "),
        })
    }

    /// The actors, the earliest first.
    fn actors(&self) -> Vec<&Map<String, Value>> {
        let mut actors = Vec::new();
        let mut act = self.claims.get("act").and_then(Value::as_object);
        while let Some(actor) = act {
            actors.push(actor);
            act = actor.get("act").and_then(Value::as_object);
        }
        actors.reverse();
        actors
    }

    fn chain(&self) -> Value {
        let named = |actor: &&Map<String, Value>| Value::from(name_of(actor));
        json!({
            "subject": self.claims.get("sub"),
            "actors": Vec::from_iter(self.actors().iter().map(named)),
            "audience": self.claims.get("aud"),
        })
    }

    /// The subject, the actors before, the current actor, and the audience.
    fn drawn_chain(&self) -> String {
        let subject = self
            .claims
            .get("sub")
            .map_or_else(|| "no subject".to_owned(), written);
        let mut text = format!("chain (not verified)\n  {subject}  the subject\n");
        let actors = self.actors();
        let mut indent = String::from("  ");
        for (i, actor) in actors.iter().enumerate() {
            let role = if i + 1 == actors.len() {
                "acts now"
            } else {
                "acted before"
            };
            let _ = writeln!(text, "{indent}└─ {}  {role}", name_of(actor));
            indent.push_str("   ");
        }
        let audience = self
            .claims
            .get("aud")
            .map_or_else(|| "no audience".to_owned(), written);
        let _ = writeln!(text, "{indent}└─▶ {audience}  the audience");
        text
    }
}

fn name_of(actor: &Map<String, Value>) -> String {
    let name = actor.get("sub").or_else(|| actor.get("client_id"));
    let name = name.map_or_else(|| "without a name".to_owned(), written);
    match actor.get("iss").and_then(Value::as_str) {
        Some(issuer) => format!("{name} of {issuer}"),
        None => name,
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            Vec::from_iter(values.iter().map(written)).join(", ")
        }
        other => other.to_string(),
    }
}
