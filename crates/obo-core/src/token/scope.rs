use std::fmt;

use crate::error::ConfigError;

/// A set of scope values (RFC 6749 section 3.3): case-sensitive and without order. It may be empty.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope(
    /// The values, sorted, each once, separated by one space.
    Box<str>,
);

impl Scope {
    /// Makes a scope of these values.
    ///
    /// # Errors
    ///
    /// Fails if a value is empty or is not a scope-token: it has a space, a quote, a backslash, a
    /// control or a non-ASCII character.
    pub fn new<V: AsRef<str>>(values: impl IntoIterator<Item = V>) -> Result<Self, ConfigError> {
        let values: Vec<V> = values.into_iter().collect();
        for value in &values {
            let value = value.as_ref();
            if value.is_empty() {
                return Err(ConfigError::new(
                    "scope",
                    "a scope value is empty; remove it, or name a scope",
                ));
            }
            if !value.bytes().all(is_scope_char) {
                return Err(ConfigError::new(
                    "scope",
                    format!(
                        "{value:?} must be visible ASCII without space, quote and backslash; give several values separately"
                    ),
                ));
            }
        }
        Ok(Self::of(values.iter().map(AsRef::as_ref).collect()))
    }

    fn of(mut values: Vec<&str>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self(values.join(" ").into())
    }

    /// Reads the `scope` string of a claim or a response (RFC 8693 section 4.2); `None` if a value
    /// is not a scope-token.
    pub fn parse(scope: &str) -> Option<Self> {
        if !scope.bytes().all(|b| b == b' ' || is_scope_char(b)) {
            return None;
        }
        if is_sorted(scope) {
            return Some(Self(scope.into()));
        }
        let values = scope.split(' ').filter(|value| !value.is_empty());
        Some(Self::of(values.collect()))
    }

    /// Whether `value` is one of the values, compared completely.
    pub fn contains(&self, value: &str) -> bool {
        self.iter().any(|own| own == value)
    }

    /// Whether all values of `other` are in this set.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|value| self.contains(value))
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in one string, sorted.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The values, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|value| !value.is_empty())
    }
}

/// Whether the text is in the form of [`Scope`] already.
fn is_sorted(scope: &str) -> bool {
    // An empty value is not greater than the one before.
    let values = scope.as_bytes().split(|b| *b == b' ');
    scope.is_empty() || (!scope.starts_with(' ') && values.is_sorted_by(|a, b| a < b))
}

fn is_scope_char(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TX-34
    #[test]
    fn scope_is_a_case_sensitive_set() {
        let scope = Scope::parse("orders:read  b a").unwrap();
        assert!(scope.contains("orders:read"));
        assert!(!scope.contains("orders") && !scope.contains("Orders:read") && !scope.contains(""));
        assert_eq!(scope, Scope::new(["a", "b", "orders:read"]).unwrap());
        assert_eq!(Scope::parse("").unwrap(), Scope::default());
        assert!(Scope::parse("a\"b").is_none());
        let [a, ab] = [["a", "a"], ["a", "b"]].map(|values| Scope::new(values).unwrap());
        for same in ["a", " a", "a ", "a a", " a  a "] {
            assert_eq!(Scope::parse(same).unwrap(), a, "{same:?}");
        }
        for same in ["a b", "b a", " a b", "a  b", "a b ", "a b a"] {
            assert_eq!(Scope::parse(same).unwrap(), ab, "{same:?}");
        }
    }

    #[test]
    fn invalid_scope_values_are_rejected() {
        for bad in ["", "a b", "a\"", "ü", "a\n"] {
            assert_eq!(Scope::new([bad]).unwrap_err().field(), "scope");
        }
    }
}
