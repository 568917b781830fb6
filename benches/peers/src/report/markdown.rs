use std::fmt::Write as _;

/// A table whose first column names the rows.
pub(super) fn table(
    head: impl IntoIterator<Item = String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let head: Vec<_> = head.into_iter().collect();
    let mut text = line(&head);
    text.push_str(&line(&vec!["---".to_owned(); head.len()]));
    for row in rows {
        text.push_str(&line(&row));
    }
    text
}

fn line(cells: &[String]) -> String {
    let mut text = String::from("|");
    for cell in cells {
        write!(text, " {cell} |").unwrap();
    }
    text.push('\n');
    text
}

/// A row: its name, then its cells.
pub(super) fn row(name: &str, cells: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(cells).collect()
}
