use std::fmt;

use obo_core::ConfigError;

use super::is_unambiguous;

/// An entry of a path table: `/orders`, `/orders/{id}`, or `/orders/{*rest}` for everything below
/// `/orders`.
///
/// Fixed segments are compared byte by byte. A parameter `{id}` matches one whole segment that all
/// servers read alike (see [`is_unambiguous`]): any text with the escapes that it needs, in any
/// letter case. It never matches an empty segment, a slash, `;`, a backslash, `.` or `..`, plain or
/// escaped. `{*rest}` matches one or more such segments, and a slash at the end after them. Two
/// patterns are equal if they differ only in the names of their parameters.
///
/// ```
/// use obo::path::PathPattern;
///
/// let pattern = PathPattern::new("/orders/{id}")?;
/// assert_eq!(pattern, PathPattern::new("/orders/{order}")?);
/// assert!(PathPattern::new("/orders/:id").is_err());
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PathPattern(String);

/// One segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment<'p> {
    Fixed(&'p str),
    Parameter,
    /// All segments that are left, at least one.
    Rest,
}

impl<'p> Segment<'p> {
    /// Classifies a segment of a pattern that was checked.
    fn of(segment: &'p str) -> Self {
        match segment.as_bytes() {
            [b'{', b'*', ..] => Self::Rest,
            [b'{', ..] => Self::Parameter,
            [] | [_, ..] => Self::Fixed(segment),
        }
    }
}

/// Whether the segment looks like a parameter of some router but is not one here.
fn is_odd(segment: &str) -> bool {
    let braced = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
    match braced.map(|name| name.strip_prefix('*').unwrap_or(name)) {
        Some(name) => !is_name(name),
        None => segment.starts_with(':') || segment.contains(['{', '}', '*']),
    }
}

impl PathPattern {
    /// Parses a pattern. A parameter is a whole segment.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a path, or if servers read it in different ways: it has an escape,
    /// a query, an empty segment, a dot segment, or a parameter of another form such as `:id` or
    /// `{id}.json`.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let not_a_path = |problem: String| Err(ConfigError::new("path", problem));
        if let Some(segment) = text.split('/').find(|segment| is_odd(segment)) {
            return not_a_path(format!(
                "{text:?} has the segment {segment:?}, which is not a parameter; write \"{{id}}\" for one whole \
                 segment, or \"{{*rest}}\" at the end for all that is below"
            ));
        }
        let mut segments = text.split('/');
        let rest = segments.find(|segment| Segment::of(segment) == Segment::Rest);
        if let Some(rest) = rest.filter(|_| segments.next().is_some()) {
            return not_a_path(format!(
                "{text:?} has the segment {rest:?} before its end; it stands for all that is below, so move it to the end"
            ));
        }
        let is_written_out = text.bytes().all(|b| b.is_ascii_graphic() && b != b'%');
        if !is_written_out || text.contains(['?', '#']) || !is_unambiguous(text) {
            if !text.starts_with('/')
                && let Ok(rooted) = Self::new(&format!("/{text}"))
            {
                return not_a_path(format!(
                    "{text:?} is not a path: it has no slash at the start; write \"{rooted}\""
                ));
            }
            return not_a_path(format!(
                "{text:?} is not a path that all servers read alike; write one like \"/orders\", \"/orders/{{id}}\" or \
                 \"/orders/{{*rest}}\", without query, escape, empty or dot segment"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Parses a path without parameters.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). Also fails if there is a parameter.
    pub fn exact(text: &str) -> Result<Self, ConfigError> {
        let path = Self::new(text)?;
        if path.is_exact() {
            return Ok(path);
        }
        let problem = "has a parameter, and only exact paths go here; write it out";
        Err(ConfigError::new("path", format!("{text:?} {problem}")))
    }

    /// Whether it has no parameter, so that it matches a single path.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('{')
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text before the first parameter, without a slash at its end: `/orders` for
    /// `/orders/{id}`. For an exact path it is the whole path.
    pub fn fixed_start(&self) -> &str {
        self.0.split("/{").next().unwrap_or_default()
    }

    /// Whether each path that `other` matches is matched by this pattern too.
    pub fn covers(&self, other: &Self) -> bool {
        let mut others = other.segments();
        for own in self.segments() {
            match (own, others.next()) {
                (_, None) => return false,
                (Segment::Rest, Some(other)) => return other != Segment::Fixed(""),
                (_, Some(Segment::Rest)) => return false,
                (Segment::Parameter, Some(other)) => {
                    if other == Segment::Fixed("") {
                        return false;
                    }
                }
                (own @ Segment::Fixed(_), Some(other)) => {
                    if own != other {
                        return false;
                    }
                }
            }
        }
        others.next().is_none()
    }

    /// Whether it matches this path, which must be unambiguous. Compares byte by byte.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let mut path = path.split('/').skip(1);
        for own in self.segments() {
            match (own, path.next()) {
                (_, None) | (Segment::Parameter | Segment::Rest, Some("")) => return false,
                (Segment::Rest, Some(_)) => return true,
                (Segment::Parameter, Some(_)) => {}
                (Segment::Fixed(fixed), Some(segment)) if fixed == segment => {}
                (Segment::Fixed(_), Some(_)) => return false,
            }
        }
        path.next().is_none()
    }

    /// The text after each slash; empty after a slash at the end.
    fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.0.split('/').skip(1).map(Segment::of)
    }

    /// The segments without a slash at the end, as [`folded_path`](super::folded_path) leaves them.
    pub(super) fn shape(&self) -> Vec<Segment<'_>> {
        let mut shape: Vec<_> = self.segments().collect();
        shape.pop_if(|last| *last == Segment::Fixed(""));
        shape
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.segments().eq(other.segments())
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits the path before its next slash.
pub(super) fn first_segment(path: &str) -> (&str, &str) {
    let slash = path.bytes().position(|b| b == b'/');
    path.split_at(slash.unwrap_or(path.len()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BT-22
    #[test]
    fn listed_path_is_written_out() {
        for good in [
            "/",
            "/healthz",
            "/a/",
            "/p.S/M",
            "/a-b_c~d/e:f@g",
            "/v1/orders:cancel",
        ] {
            PathPattern::exact(good).unwrap();
        }
        for bad in [
            "",
            "healthz",
            "*",
            "/a/*",
            "/a/{id}",
            "/a/:id",
            "/:a/b",
            "//a",
            "/a//b",
            "/a/../b",
            "/a/.",
            "/a?b",
            "/a#b",
            "/a b",
            "/a%20b",
            "/%61",
            "/ä",
            "/a;b",
            "/a\\b",
            "https://h/a",
        ] {
            let error = PathPattern::exact(bad).unwrap_err();
            assert_eq!(error.field(), "path", "{bad}");
        }
    }

    #[test]
    fn parameters_are_whole_segments() {
        for (pattern, start) in [
            ("/orders/{id}", "/orders"),
            ("/orders/{id}/", "/orders"),
            ("/{tenant}/orders/{order_id}/lines/{*rest}", ""),
            ("/{*rest}", ""),
            ("/pkg.Service/{method}", "/pkg.Service"),
        ] {
            let pattern = PathPattern::new(pattern).unwrap();
            assert!(!pattern.is_exact());
            assert_eq!(pattern.fixed_start(), start);
        }
        for (bad, segment) in [
            ("/orders/:id", ":id"),
            ("/:tenant/orders", ":tenant"),
            ("/orders/{id}.json", "{id}.json"),
            ("/orders/v{id}", "v{id}"),
            ("/orders/{a}{b}", "{a}{b}"),
            ("/orders/{}", "{}"),
            ("/orders/{*}", "{*}"),
            ("/orders/{a-b}", "{a-b}"),
            ("/orders/{{id}}", "{{id}}"),
            ("/orders/{id", "{id"),
            ("/orders/*", "*"),
            ("/a/{*rest}/b", "{*rest}"),
            ("/a/{*rest}/", "{*rest}"),
            ("/{*a}/x/{*a}", "{*a}"),
        ] {
            let error = PathPattern::new(bad).unwrap_err();
            assert_eq!(error.field(), "path", "{bad}");
            let named = format!("{bad:?} has the segment {segment:?}");
            assert!(error.problem().contains(&named), "{error}");
        }
    }

    #[test]
    fn mistake_says_what_to_write() {
        for (bad, fix) in [
            ("docs", "write \"/docs\""),
            ("orders/{id}", "write \"/orders/{id}\""),
            ("/a/{*rest}/b", "move it to the end"),
            ("/a/{*rest}/", "move it to the end"),
            ("https://h/a", "write one like \"/orders\""),
            ("", "write \"/\""),
        ] {
            let error = PathPattern::new(bad).unwrap_err();
            assert!(error.problem().contains(fix), "{error}");
        }
    }

    #[test]
    fn exact_path_has_no_parameter() {
        for path in ["/orders/{id}/lines", "/orders/{*rest}"] {
            let error = PathPattern::exact(path).unwrap_err().to_string();
            assert!(error.contains(path), "{error}");
            assert!(error.contains("exact"), "{error}");
        }
    }

    #[test]
    fn wider_pattern_covers_narrower_one() {
        let pattern = |text| PathPattern::new(text).unwrap();
        for (wide, narrow) in [
            ("/{*rest}", "/a"),
            ("/{*rest}", "/a/{id}"),
            ("/a/{*rest}", "/a/{id}"),
            ("/a/{*rest}", "/a/b/{*rest}"),
            ("/a/{id}", "/a/b"),
            ("/a/{id}/c", "/a/b/c"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
            assert!(!pattern(narrow).covers(&pattern(wide)), "{narrow} {wide}");
        }
        for (one, other) in [("/{*rest}", "/"), ("/a/{*rest}", "/a"), ("/a/{id}", "/a/")] {
            assert!(!pattern(one).covers(&pattern(other)), "{one} {other}");
        }
        assert!(pattern("/a/{b}").covers(&pattern("/a/{c}")));
    }

    #[test]
    fn parameter_names_do_not_matter() {
        let pattern = |text| PathPattern::new(text).unwrap();
        assert_eq!(pattern("/a/{b}"), pattern("/a/{c}"));
        assert_eq!(pattern("/a/{*b}"), pattern("/a/{*c}"));
        for other in ["/a/{b}/", "/A/{b}", "/a/{*b}", "/a/b", "/a"] {
            assert_ne!(pattern("/a/{b}"), pattern(other), "{other}");
        }
    }
}
