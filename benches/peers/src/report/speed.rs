use obo_testkit::TestAlg;

use super::chart::Panel;
use super::markdown::{row, table};
use super::versions::named;
use crate::speed::{Cost, OfAlgorithm, Proofs, Speed};

impl Speed {
    pub(crate) fn markdown(&self) -> String {
        let rows = self.algorithms.iter().flat_map(|of| {
            let alg = of.alg.as_str();
            [
                row(
                    &format!("cold {alg}, in F"),
                    of.cells(0, ToString::to_string),
                ),
                row(
                    &format!("warm {alg}, in H"),
                    of.cells(1, ToString::to_string),
                ),
                row(
                    &format!("allocations, cold {alg}"),
                    of.cells(0, |cost| cost.allocations.to_string()),
                ),
                row(
                    &format!("allocations, warm {alg}"),
                    of.cells(1, |cost| cost.allocations.to_string()),
                ),
            ]
        });
        let floors = self.algorithms.iter().map(|of| {
            format!(
                "{}: F was {:.1} µs, H {:.2} µs.\n",
                of.alg.as_str(),
                of.verify / 1e3,
                of.hash / 1e3
            )
        });
        let head = std::iter::once(String::new()).chain(named());
        let rows = rows.chain(self.proofs.rows());
        let floors: String = floors.chain([self.proofs.floor()]).collect();
        format!("{}\n{floors}", table(head, rows))
    }

    /// For the chart in the README.
    pub(super) fn panels(&self) -> [Panel; 2] {
        let panel = |alg, which: usize, title: &str, unit| Panel {
            title: title.to_owned(),
            bars: (self.of(alg).costs.iter())
                .map(|costs| {
                    (
                        costs[which].ratio,
                        format!("{:.2} {unit}", costs[which].ratio),
                    )
                })
                .collect(),
            is_logarithmic: which == 1,
        };
        let new = "A new token, RS256. F is one signature verification; shorter is better";
        let seen =
            "A token seen before, ES256. H is one SHA-256 of it, logarithmic; shorter is better";
        [
            panel(TestAlg::Rs256, 0, new, "F"),
            panel(TestAlg::Es256, 1, seen, "H"),
        ]
    }

    fn of(&self, alg: TestAlg) -> &OfAlgorithm {
        self.algorithms.iter().find(|of| of.alg == alg).unwrap()
    }

    /// For the table at the start of the page.
    pub(super) fn short(&self) -> Vec<Vec<String>> {
        let (rs256, es256) = (self.of(TestAlg::Rs256), self.of(TestAlg::Es256));
        let new = rs256.costs.iter().zip(&es256.costs);
        let new = new
            .map(|([rs256, _], [es256, _])| format!("{:.2} F, {:.2} F", rs256.ratio, es256.ratio));
        vec![
            row("a new token, RS256 and ES256", new),
            row(
                "a token seen before, ES256",
                es256.cells(1, |cost| format!("{:.2} H", cost.ratio)),
            ),
            row(
                "… with a proof (DPoP)",
                self.proofs.cells(|cost| format!("{:.2} F", cost.ratio)),
            ),
            row(
                "allocations, new and seen before",
                es256
                    .costs
                    .iter()
                    .map(|[cold, warm]| format!("{}, {}", cold.allocations, warm.allocations)),
            ),
        ]
    }
}

impl Proofs {
    pub(crate) fn markdown(&self) -> String {
        let head = std::iter::once(String::new()).chain(named());
        format!("{}\n{}", table(head, self.rows()), self.floor())
    }

    fn rows(&self) -> [Vec<String>; 2] {
        [
            row(
                "warm ES256 with a proof, in F",
                self.cells(ToString::to_string),
            ),
            row(
                "allocations, warm ES256 with a proof",
                self.cells(|cost| cost.allocations.to_string()),
            ),
        ]
    }

    fn floor(&self) -> String {
        format!("Proofs, ES256: F was {:.1} µs.\n", self.verify / 1e3)
    }

    fn cells(&self, cell: impl Fn(&Cost) -> String) -> Vec<String> {
        let cell = |cost: &Option<Cost>| cost.as_ref().map_or("no DPoP".to_owned(), &cell);
        self.costs.iter().map(cell).collect()
    }
}

impl OfAlgorithm {
    fn cells(&self, which: usize, cell: impl Fn(&Cost) -> String) -> Vec<String> {
        self.costs.iter().map(|costs| cell(&costs[which])).collect()
    }
}
