use std::error::Error;
use std::iter::successors;

/// An error of a service that is not this project's.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The error, its cause, the cause of that, and so on.
pub fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}
