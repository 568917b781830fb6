//! What the methods by a shared secret have in common: where it comes from.

use std::borrow::Cow;
use std::path::PathBuf;

use obo_core::{ConfigError, Secret, TokenEndpointError};

use super::file::CredentialFile;

/// A client secret: one for good, or whatever a file holds at the time of an attempt.
#[derive(Clone, Debug)]
pub(super) enum ClientSecret {
    Fixed(Secret),
    File(CredentialFile),
}

impl ClientSecret {
    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(CredentialFile::new(path))
    }

    /// The secret has to be there, so that a wrong path is found at the start; blocks.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.read_now()?.expose().is_empty() {
            false => Ok(()),
            true => Err(wrong(
                "is empty; was the variable or the file it comes from set?",
            )),
        }
    }

    /// The secret at this time, where nothing else is waited for; blocks.
    pub(super) fn read_now(&self) -> Result<Cow<'_, Secret>, ConfigError> {
        match self {
            Self::Fixed(secret) => Ok(Cow::Borrowed(secret)),
            Self::File(file) => file.read_now().map(Cow::Owned).map_err(wrong),
        }
    }

    pub(super) async fn read(&self) -> Result<Cow<'_, Secret>, TokenEndpointError> {
        match self {
            Self::Fixed(secret) => Ok(Cow::Borrowed(secret)),
            Self::File(file) => file.read().await.map(Cow::Owned),
        }
    }
}

fn wrong(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("client_secret", problem)
}
