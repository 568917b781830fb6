use obo_testkit::TestAlg;

use super::markdown::{row, table};
use super::versions::named;
use crate::speed::{Cost, OfAlgorithm, Speed};

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
        format!("{}\n{}", table(head, rows), floors.collect::<String>())
    }

    /// For the table in the README.
    pub(super) fn short(&self) -> Vec<Vec<String>> {
        let of = |alg: TestAlg| {
            let found = self.algorithms.iter().find(|of| of.alg == alg);
            found.unwrap()
        };
        let (rs256, es256) = (of(TestAlg::Rs256), of(TestAlg::Es256));
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
                "allocations, new and seen before",
                es256
                    .costs
                    .iter()
                    .map(|[cold, warm]| format!("{}, {}", cold.allocations, warm.allocations)),
            ),
        ]
    }
}

impl OfAlgorithm {
    fn cells(&self, which: usize, cell: impl Fn(&Cost) -> String) -> Vec<String> {
        self.costs.iter().map(|costs| cell(&costs[which])).collect()
    }
}
