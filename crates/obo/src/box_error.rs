/// An error of a service that is not this project's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
