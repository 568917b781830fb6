//! Shared by the methods with a secret: where it comes from.

use std::borrow::Cow;
use std::path::PathBuf;

use obo_core::{ConfigError, Secret, TokenEndpointError};

use super::file::CredentialFile;

/// A client secret: a fixed one, or the content of a file, read for each attempt.
#[derive(Clone, Debug)]
pub(super) enum ClientSecret {
    Fixed(Secret),
    File(CredentialFile),
}

impl ClientSecret {
    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(CredentialFile::new(path))
    }

    /// Checks that there is a secret, so that a wrong path is found at startup; blocks.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.read_now()?.expose().is_empty() {
            false => Ok(()),
            true => Err(wrong(
                "is empty; set the variable or the file that it comes from",
            )),
        }
    }

    /// Reads the secret; blocks.
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
