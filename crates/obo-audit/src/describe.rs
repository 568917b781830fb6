//! The words for hops, the same in the tree and on the page.

use std::time::Duration;

use crate::chain::{Hop, Obtained};
use crate::record::Source;
use crate::time::Time;

/// What is known of the token of a hop, as pairs of a name and a value.
pub(crate) fn token(hop: &Hop) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |name, value: Option<&String>| {
        facts.extend(value.map(|value| (name, value.clone())));
    };
    fact("subject", hop.subject.as_ref());
    fact("actor", actors(hop).as_ref());
    fact("audience", hop.audience.as_ref());
    fact("binding", hop.binding.as_ref());
    facts
}

/// The current actor, and earlier ones: `service-b (before: service-a)`.
pub(crate) fn actors(hop: &Hop) -> Option<String> {
    let (current, before) = hop.actors.split_first()?;
    Some(match before.is_empty() {
        true => current.clone(),
        false => format!("{current} (before: {})", before.join(", ")),
    })
}

/// Rarer facts of a hop.
pub(crate) fn more(hop: &Hop) -> Vec<(&'static str, String)> {
    let facts = [
        ("client", &hop.client_id),
        ("token", &hop.token_id),
        ("issuer", &hop.issuer),
    ];
    let facts = facts.into_iter();
    facts
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}

/// Method and path.
pub(crate) fn request(hop: &Hop) -> String {
    let parts = [hop.method.as_deref(), hop.path.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How a token was obtained: `exchanged in 21 ms`, `cached`.
pub(crate) fn obtained(obtained: &Obtained) -> String {
    let waited = obtained.waited.map(duration);
    match (obtained.source, waited) {
        (Source::Exchange, Some(waited)) => format!("exchanged in {waited}"),
        (Source::Exchange, None) => "exchanged".to_owned(),
        (Source::Shared, Some(waited)) => format!("shared exchange, {waited}"),
        (Source::Shared, None) => "shared exchange".to_owned(),
        (Source::Cache, _) => "cached".to_owned(),
        (Source::Store, _) => "exchanged by another replica".to_owned(),
    }
}

/// Three digits at most: `0 ms`, `1.25 ms`, `21 ms`, `1.5 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1_000.0;
    let (value, unit) = if millis < 1_000.0 {
        (millis, "ms")
    } else {
        (millis / 1_000.0, "s")
    };
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} {unit}")
}

/// How much later or, if clocks differ, earlier than the start: `+21 ms`, `-3 ms`.
pub(crate) fn offset(start: Time, time: Time) -> String {
    match time >= start {
        true => format!("+{}", duration(time.since(start))),
        false => format!("-{}", duration(start.since(time))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (micros, expected) in [
            (0, "0 ms"),
            (1_254, "1.25 ms"),
            (21_300, "21.3 ms"),
            (100_000, "100 ms"),
            (1_500_000, "1.5 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), expected);
        }
    }
}
