//! The plots, readable on light and dark.

use std::fmt::Write as _;

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.name { text-anchor: end; }
.own { fill: #1f883d; }
.other { fill: #8c959f; }
.line { fill: none; stroke: #1f883d; stroke-width: 2; }
.away { fill: #8c959f; opacity: 0.25; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .own { fill: #3fb950; }
  .other { fill: #6e7681; }
  .line { stroke: #3fb950; }
}
</style>
";

/// Exchanges per pair of user and service.
pub(crate) fn bars(rows: &[(String, f64, bool)]) -> String {
    let height = 50 + rows.len() * 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"exchanges per pair of user \
         and service\">\n{STYLE}<text class=\"title\" x=\"10\" y=\"22\">Exchanges per pair of user and service; 1 is the least \
         possible</text>\n"
    );
    let most = rows.iter().map(|row| row.1).fold(1.0, f64::max);
    for (number, (name, ratio, is_shared)) in rows.iter().enumerate() {
        let (y, width) = (45 + number * 20, ratio / most * 420.0);
        let class = if *is_shared { "own" } else { "other" };
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"330\" y=\"{y}\">{name}</text>\n<rect class=\"{class}\" x=\"340\" y=\"{}\" width=\"{width:.0}\" \
             height=\"14\" rx=\"2\"/>\n<text x=\"{:.0}\" y=\"{y}\">{ratio:.2}</text>",
            y - 11,
            346.0 + width,
        );
    }
    svg + "</svg>\n"
}

/// p99 by time, with both outages.
pub(crate) fn timeline(points: &[(f64, f64)]) -> String {
    let most = points.iter().map(|point| point.1).fold(1.0, f64::max);
    let last = points.last().map_or(1.0, |point| point.0);
    let x = |seconds: f64| 60.0 + seconds / last * 800.0;
    let y = |millis: f64| 230.0 - millis / most * 180.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 270\" role=\"img\" aria-label=\"p99 of a call while the store is \
         away\">\n{STYLE}<text class=\"title\" x=\"10\" y=\"22\">p99 of a call in ms, by seconds; grey: the store hangs, then is \
         stopped</text>\n"
    );
    for (from, to) in [(3.0, 5.0), (6.0, 8.0)] {
        let _ = writeln!(
            svg,
            "<rect class=\"away\" x=\"{:.0}\" y=\"40\" width=\"{:.0}\" height=\"190\"/>",
            x(from),
            x(to) - x(from)
        );
    }
    let line: Vec<_> = points
        .iter()
        .map(|(at, p99)| format!("{:.1},{:.1}", x(*at), y(*p99)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline class=\"line\" points=\"{}\"/>",
        line.join(" ")
    );
    for tick in [0.0, most / 2.0, most] {
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"52\" y=\"{:.0}\">{tick:.0}</text>",
            y(tick) + 4.0
        );
    }
    for second in (0..=last as u32).step_by(2) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"252\">{second}</text>",
            x(f64::from(second)) - 4.0
        );
    }
    svg + "</svg>\n"
}
