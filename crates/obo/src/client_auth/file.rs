//! Files with credentials that others renew: mounted secrets, projected tokens.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{ConfigError, ErrorClass, Secret, TokenEndpointError};

/// The longest file, in bytes: no token and no key is longer.
const MAX: u64 = 64 * 1024;

/// The longest name of a file, in bytes.
const MAX_PATH: usize = 1024;

/// A file that is read anew each time.
#[derive(Clone, Debug)]
pub(super) struct CredentialFile(Arc<Path>);

/// Refuses what is a credential itself rather than the name of a file, before anything shows it as such.
pub(super) fn check_path(field: &'static str, path: &Path) -> Result<(), ConfigError> {
    let text = path.to_string_lossy();
    let is_credential = text.contains(['\n', '\r', '{'])
        || text.contains("-----")
        || text.matches('.').count() >= 2 && text.starts_with("ey");
    if is_credential || text.len() > MAX_PATH {
        let problem = "is the name of a file, and what is there is none; write the credential into a \
                       file, or into a variable of the environment";
        return Err(ConfigError::new(field, problem));
    }
    Ok(())
}

impl CredentialFile {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into().into())
    }

    /// The file's text without the newline at its end; blocks.
    ///
    /// The error names the file and nothing of its content.
    pub(super) fn read_now(&self) -> Result<Secret, String> {
        let path = &self.0;
        let text =
            read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        if text.expose().is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        Ok(text)
    }

    /// The same from where waiting for a disk holds up nobody.
    pub(super) async fn read(&self) -> Result<Secret, TokenEndpointError> {
        let file = self.clone();
        let read = tokio::task::spawn_blocking(move || file.read_now()).await;
        read.unwrap_or_else(|_| Err("reading a file was interrupted".to_owned()))
            .map_err(|problem| TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not text"))?;
    let text = Secret::new(text);
    if text.expose().len() as u64 > MAX {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n'])))
}
