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
    pub(super) fn fixed(secret: Secret) -> Result<Self, ConfigError> {
        if secret.expose().is_empty() {
            return Err(wrong(
                "is empty; was the variable or the file it comes from set?",
            ));
        }
        Ok(Self::Fixed(secret))
    }

    /// The file must be there already, so that a wrong path is found at the start.
    pub(super) fn file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let file = CredentialFile::new(path);
        file.read_now().map_err(wrong)?;
        Ok(Self::File(file))
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
