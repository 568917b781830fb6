//! The comparison as a bar chart, an SVG that is readable on light and dark pages.

/// One measure, with a bar for each library.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Each bar's length, and the figure at its end.
    pub(crate) bars: Vec<(f64, String)>,
    /// For figures of different magnitudes.
    pub(crate) is_logarithmic: bool,
}

const WIDTH: usize = 900;
const LABEL: usize = 275;
const LONGEST: f64 = 500.0;
const ROW: usize = 20;

pub(crate) fn chart(names: &[String], panels: &[Panel]) -> String {
    let mut body = String::new();
    let mut y = 10;
    for panel in panels {
        y += 22;
        body += &format!(
            "<text class=\"title\" x=\"10\" y=\"{y}\">{}</text>\n",
            panel.title
        );
        y += 8;
        for (name, (value, figure)) in names.iter().zip(&panel.bars) {
            let (text, length) = (y + 14, panel.length(*value));
            let class = if name.starts_with("obo ") {
                "own"
            } else {
                "other"
            };
            let end = LABEL as f64 + length + 6.0;
            body += &format!(
                "<text class=\"name\" x=\"{}\" y=\"{text}\">{name}</text>\n\
                 <rect class=\"{class}\" x=\"{LABEL}\" y=\"{}\" width=\"{length:.0}\" height=\"14\" rx=\"2\"/>\n\
                 <text x=\"{end:.0}\" y=\"{text}\">{figure}</text>\n",
                LABEL - 8,
                y + 3,
            );
            y += ROW;
        }
    }
    y += 10;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" \
         aria-label=\"obo and other libraries: cost and refusals\">\n{STYLE}{body}</svg>\n"
    )
}

impl Panel {
    fn length(&self, value: f64) -> f64 {
        let scaled = |value: f64| match self.is_logarithmic {
            true => (value * 10.0).log10().max(0.0),
            false => value,
        };
        let longest = self.bars.iter().map(|(value, _)| scaled(*value));
        let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
        (LONGEST * scaled(value) / longest).max(2.0)
    }
}

const STYLE: &str = "\
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.name { text-anchor: end; }
.own { fill: #1f883d; }
.other { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .own { fill: #3fb950; }
  .other { fill: #6e7681; }
}
</style>
";
