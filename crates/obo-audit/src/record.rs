//! The schema of audit records. `docs/audit-records.md` describes each field.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// The version of the schema that this crate writes and reads.
pub const SCHEMA: &str = "obo-audit/1";

/// One audit record of one service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    schema: Schema,
    /// When the service recorded it, by the clock of the service.
    pub time: Time,
    /// The name of the service.
    pub service: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    /// A record of the current schema.
    pub fn new(time: Time, service: impl Into<String>, event: Event) -> Self {
        let (schema, service) = (Schema::V1, service.into());
        Self {
            schema,
            time,
            service,
            event,
        }
    }

    /// The trace that the record belongs to.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        match &self.event {
            Event::Request(request) => request.trace_id.as_deref(),
            Event::Token(token) => token.trace_id.as_deref(),
            Event::Call(call) => call.trace_id.as_deref(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Schema {
    #[serde(rename = "obo-audit/1")]
    V1,
}

/// What happened, by the field `record`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event {
    /// `request`: a service received a request, and allowed or refused it.
    Request(ReceivedRequest),
    /// `token`: a service obtained a token for a call.
    Token(ObtainedToken),
    /// `call`: a service did not make a call.
    Call(UnmadeCall),
}

/// Whether a request was allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The request passed.
    Allow,
    /// The request was refused.
    #[default]
    Deny,
}

/// Where a token for a call came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The call requested it from the authorization server.
    #[default]
    Exchange,
    /// The call waited for the exchange of another call.
    Shared,
    /// The token was cached.
    Cache,
    /// Another replica exchanged it.
    Store,
}

/// Makes a struct with fields of its own and fields of optional text.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$own:meta])* $field:ident: $kind:ty,)*
            $(;$(#[$about:meta])* $text:ident)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$own])* pub $field: $kind,)*
            $(
                $(#[$about])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $text: Option<String>,
            )*
        }
    };
}

record! {
    /// A request that a service received.
    ReceivedRequest {
        /// Whether it was allowed.
        decision: Decision,
        ; /// The stable name of the reason.
        code
        ; /// The reason, for people.
        reason
        ; /// The HTTP method.
        method
        ; /// The path, without the query.
        path
        ; /// The issuer of the token.
        issuer
        ; /// The user: a pseudonym, unless configured otherwise.
        subject
        ; /// The service that acts for the user.
        actor
        ; /// The issuer of the actor.
        actor_issuer
        ; /// Earlier actors, the latest first, separated by spaces.
        prior_actors
        ; /// The client that requested the token.
        client_id
        ; /// The audiences of the token, separated by spaces.
        audience
        ; /// The identifier of the token.
        jti
        ; /// A keyed digest of a token that has no `jti` of its own.
        token_digest
        ; /// What the token is bound to: `dpop:` and the start of the key's thumbprint,
          /// `certificate`, or both, separated by spaces.
        binding
        ; /// The trace of the request.
        trace_id
    }
}

record! {
    /// A token that a service obtained for a call.
    ObtainedToken {
        /// Where the token came from.
        source: Source,
        /// How long the call waited for the token.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
        seconds: Option<Duration>,
        ; /// The audience or the resource that was requested.
        target_audience
        ; /// The issuer of the caller's token.
        issuer
        ; /// The user: a pseudonym, unless configured otherwise.
        subject
        ; /// The service that acted for the user when it called this service.
        actor
        ; /// The issuer of the actor.
        actor_issuer
        ; /// The identifier of this service as a client of the authorization server.
        client_id
        ; /// The identifier of the caller's token.
        caller_jti
        ; /// A keyed digest of the caller's token, if it has no `jti` of its own.
        caller_digest
        ; /// The identifier of the obtained token.
        issued_jti
        ; /// A keyed digest of the obtained token, if it has no `jti`.
        issued_digest
        ; /// What the obtained token is bound to, as in a request.
        binding
        ; /// The trace of the call.
        trace_id
    }
}

record! {
    /// A call that a service did not make.
    UnmadeCall {
        ; /// The stable name of the reason.
        code
        ; /// The reason, for people.
        reason
        ; /// The errors behind the reason.
        cause
        ; /// The audience or the resource of the call.
        target_audience
        ; /// The issuer of the caller's token.
        issuer
        ; /// The user: a pseudonym, unless configured otherwise.
        subject
        ; /// The identifier of the caller's token.
        caller_jti
        ; /// A keyed digest of the caller's token, if it has no `jti` of its own.
        caller_digest
        ; /// The trace of the call.
        trace_id
    }
}

/// A duration as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_f64(duration.as_secs_f64()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        let duration = seconds.map(Duration::try_from_secs_f64).transpose();
        duration.map_err(|_| D::Error::custom("`seconds` is not a duration"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::{Map, Value, json};

    use super::*;

    const PAGE: &str = include_str!("../../../docs/audit-records.md");

    /// The kinds of records that a field occurs in.
    type Fields = BTreeMap<String, BTreeSet<String>>;

    /// The table of the page: `field | in | meaning`.
    fn documented() -> Fields {
        let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
        let rows = rows.map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let kinds = match cells[2] {
                "all" => "request, token, call",
                some => some,
            };
            let kinds = kinds.split(", ").map(str::to_owned).collect();
            (cells[1].trim_matches('`').to_owned(), kinds)
        });
        rows.collect()
    }

    /// A record of this kind with all fields of the page.
    fn full(kind: &str) -> Map<String, Value> {
        let fields = documented().into_iter();
        let fields = fields.filter(|(_, kinds)| kinds.contains(kind));
        let values = fields.map(|(name, _)| {
            let value = match &*name {
                "schema" => json!(SCHEMA),
                "record" => json!(kind),
                "time" => json!("2026-11-29T12:00:00.000100Z"),
                "decision" => json!("allow"),
                "source" => json!("shared"),
                "seconds" => json!(0.25),
                _ => json!(format!("<{name}>")),
            };
            (name, value)
        });
        values.collect()
    }

    #[test]
    fn page_has_fields_of_all_types() {
        for kind in ["request", "token", "call"] {
            let full = Value::Object(full(kind));
            let record: Record = serde_json::from_value(full.clone()).unwrap();
            assert_eq!(serde_json::to_value(&record).unwrap(), full, "{kind}");
            let debug = format!("{record:?}");
            assert!(!debug.contains("None"), "not on the page: {debug}");
        }
    }

    #[test]
    fn lines_of_the_page_are_records() {
        let lines = PAGE.lines().filter(|line| line.starts_with('{'));
        let records: Vec<Record> = lines.map(|it| serde_json::from_str(it).unwrap()).collect();
        assert_eq!(records.len(), 4);
    }
}
