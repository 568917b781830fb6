//! What the services do with stolen tokens.

use std::fmt::Write as _;

use super::hop::Seen;
use super::theft::Theft;
use crate::chain::Binding;
use crate::chain::refusals::Expectation;

/// A theft at one service.
#[derive(Debug)]
pub struct Tried {
    /// The service.
    pub service: &'static str,
    /// The trace of the request.
    pub trace_id: String,
    /// How it responded.
    pub seen: Seen,
    /// Whether it responded as expected and, if it refused, called no other service.
    pub is_met: bool,
}

/// A theft at each service. Without a theft, the owners call with the same tokens.
#[derive(Debug)]
pub struct Row {
    /// What the tokens are bound to.
    pub(super) binding: Binding,
    /// The theft.
    pub theft: Option<&'static Theft>,
    /// What the services did.
    pub tried: [Tried; 3],
}

impl Row {
    /// Each service does what is expected.
    pub fn expectation(&self) -> Expectation {
        let is_met = self.tried.iter().all(|tried| tried.is_met);
        let [Tried { seen, .. }, ..] = &self.tried;
        let seen = match is_met {
            true => seen.challenges.join(" "),
            false => format!("{:?}", self.tried),
        };
        let what = match self.theft {
            Some(theft) => theft.outcome(),
            None => format!("the owner, {}: accepted by each", self.binding.of_owner()),
        };
        Expectation::new(what, is_met, seen)
    }

    /// The short response of each service, such as `service-a 401 invalid_token`.
    pub fn responses(&self) -> String {
        let all = self.tried.iter();
        let all = all.map(|it| format!("{} {}", it.service, it.seen.short()));
        all.collect::<Vec<_>>().join(", ")
    }
}

/// A line for each theft, with a column for each service.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::new();
    let mut line = |what: &str, [a, b, c]: [&str; 3]| {
        // A string takes all that is written to it.
        let _ = writeln!(table, "  {what:<45}{a:<28}{b:<28}{c}");
    };
    if let Some(first) = rows.first() {
        line("", first.tried.each_ref().map(|it| it.service));
    }
    for row in rows {
        let Row { theft, tried, .. } = row;
        let owner = format!("the owner, {}", row.binding.of_owner());
        let what = theft.map_or(&*owner, |theft| theft.sends);
        let seen = tried.each_ref().map(|it| it.seen.short());
        line(what, seen.each_ref().map(String::as_str));
    }
    table
}
