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
