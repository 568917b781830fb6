use super::chart::Panel;
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

    /// For the chart in the README: the number of bad requests refused as the RFC requires.
    pub(super) fn panel(&self) -> Panel {
        let mut rows = self.rows.iter();
        let row = rows.find(|of| of.short.is_some_and(|short| short.contains("challenge")));
        let count = |cell: &String| cell.split(' ').next().and_then(|count| count.parse().ok());
        let bar = |cell: &String| (count(cell).unwrap(), cell.clone());
        Panel {
            title: "Bad requests refused with the right status and challenge; longer is better"
                .to_owned(),
            bars: row.unwrap().cells.iter().map(bar).collect(),
            is_logarithmic: false,
        }
    }

    /// For the table at the start of the page.
    pub(super) fn short(&self) -> impl Iterator<Item = Vec<String>> {
        let rows = self.rows.iter();
        rows.filter_map(|of| Some(row(of.short?, of.cells.iter().cloned())))
    }
}
