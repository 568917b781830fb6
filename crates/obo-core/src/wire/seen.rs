//! Values from other parties in errors, for logs only: shortened, and without characters that could
//! break a line.

use std::fmt::Write as _;

/// How many characters of a value an error shows.
const MAX_VALUE: usize = 48;
/// How many values of a list an error shows.
const MAX_VALUES: usize = 3;

/// Keeps letters of any language and printable ASCII: no line breaks, no direction marks, no
/// escapes.
pub(crate) fn printable(text: &str, most: usize) -> String {
    text.chars()
        .filter(|c| matches!(c, ' '..='~') || c.is_alphanumeric())
        .take(most)
        .collect()
}

/// Quotes one value.
pub(crate) fn seen(value: &str) -> String {
    format!("{:?}", printable(value, MAX_VALUE))
}

/// Quotes the values of a list; `none` if it is empty.
pub(crate) fn all_seen<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values = values.into_iter();
    let shown: Vec<_> = values.by_ref().take(MAX_VALUES).map(seen).collect();
    if shown.is_empty() {
        return "none".to_owned();
    }
    let mut text = shown.join(", ");
    let more = values.count();
    if more > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut() {
        assert_eq!(seen("a\r\nb\u{202e}\"c"), r#""ab\"c""#);
        assert_eq!(seen(&"x".repeat(1000)).len(), MAX_VALUE + 2);
        assert_eq!(all_seen([]), "none");
        let many = ["a"; 10];
        assert_eq!(all_seen(many), r#""a", "a", "a" and 7 more"#);
    }
}
