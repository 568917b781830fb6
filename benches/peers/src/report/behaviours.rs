use super::markdown::{row, table};
use super::versions::named;
use crate::behaviours::Behaviours;
use crate::peers;

impl Behaviours {
    pub(crate) fn markdown(&self) -> String {
        let rows = self
            .rows
            .iter()
            .map(|of| row(&of.name, of.cells.iter().cloned()));
        let head = std::iter::once(String::new()).chain(named());
        let mut text = table(head, rows);
        text.push_str("\nDeviations, each with the status and challenge of the response:\n\n");
        for (peer, deviations) in peers::all().iter().zip(&self.deviations) {
            let all = match deviations.as_slice() {
                [] => "nothing".to_owned(),
                some => some.join("; "),
            };
            text.push_str(&format!("- **{}**: {all}.\n", peer.name));
        }
        text
    }

    /// For the table in the README.
    pub(super) fn short(&self) -> impl Iterator<Item = Vec<String>> {
        let rows = self.rows.iter();
        rows.filter_map(|of| Some(row(of.short?, of.cells.iter().cloned())))
    }
}
