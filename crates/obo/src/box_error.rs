use std::error::Error;
use std::iter::successors;

/// An error of any inner service or client.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Iterates over an error and its chain of [sources](Error::source), outermost first.
pub fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

/// The text of an error, followed by those of its [sources](Error::source), with `: ` between.
///
/// A source whose text the one before already ends with is left out: many errors repeat it.
///
/// ```
/// use obo::error::with_causes;
///
/// let inner = std::io::Error::other("connection refused");
/// let error = obo::CallError::Inner(Box::new(inner));
/// assert!(with_causes(&error).ends_with(": connection refused"));
/// ```
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    joined(causes(error))
}

/// As [`with_causes`], without the error itself; `None` if it has no source.
#[cfg(feature = "tracing")]
pub(crate) fn only_causes(error: &(dyn Error + 'static)) -> Option<String> {
    let sources = causes(error).skip(1);
    error.source().map(|_| joined(sources))
}

fn joined<'e>(errors: impl Iterator<Item = &'e (dyn Error + 'static)>) -> String {
    let mut texts: Vec<String> = errors.map(ToString::to_string).collect();
    texts.dedup_by(|later, earlier| earlier.ends_with(&*later));
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as _)
        }
    }

    #[test]
    fn repeated_cause_is_left_out() {
        let chain = |texts: &[&'static str]| {
            let links = texts.iter().rev();
            links.fold(None, |inner, text| Some(Box::new(Link(text, inner))))
        };
        for (texts, expected) in [
            (&["a"][..], "a"),
            (&["a", "b", "c"], "a: b: c"),
            (&["a: b", "b", "c"], "a: b: c"),
            (&["a: b: c", "b: c", "c"], "a: b: c"),
            (&["b a", "b"], "b a: b"),
        ] {
            assert_eq!(with_causes(&*chain(texts).unwrap()), expected);
        }
    }
}
