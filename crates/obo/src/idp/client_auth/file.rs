//! Files with credentials that are renewed by others: mounted secrets, projected tokens.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use obo_core::{ErrorClass, Secret, TokenEndpointError};

/// The longest file, in bytes: tokens and keys are shorter.
const MAX: u64 = 64 * 1024;

/// The longest name of a file, in bytes.
const MAX_PATH: usize = 1024;

/// A file that is read each time.
#[derive(Clone)]
pub(super) struct CredentialFile(Arc<Path>);

/// Whether it looks like a key or a token instead of the name of a file.
fn is_credential(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains(['\n', '\r', '{'])
        || text.contains("-----")
        || text.matches('.').count() >= 2 && text.starts_with("ey")
        || text.len() > MAX_PATH
}

impl CredentialFile {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into().into())
    }

    /// Reads the file's text without the newline at its end; blocks.
    ///
    /// The error names the file and nothing of its content.
    pub(super) fn read_now(&self) -> Result<Secret, String> {
        if is_credential(&self.0) {
            let problem = "must be the name of a file, not the credential itself; write the credential into a file, or \
                           into an environment variable";
            return Err(problem.to_owned());
        }
        let text = read(&self.0).map_err(|error| format!("{self} cannot be read: {error}"))?;
        if text.expose().is_empty() {
            return Err(format!("{self} is empty"));
        }
        Ok(text)
    }

    /// As [`read_now`](Self::read_now), without blocking the runtime.
    pub(super) async fn read(&self) -> Result<Secret, TokenEndpointError> {
        let file = self.clone();
        let read = tokio::task::spawn_blocking(move || file.read_now()).await;
        read.unwrap_or_else(|_| Err("reading a file was interrupted".to_owned()))
            .map_err(|problem| TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem))
    }
}

/// The file's name, unless it looks like a credential.
impl fmt::Display for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_credential(&self.0) {
            true => f.write_str("(not the name of a file)"),
            false => self.0.display().fmt(f),
        }
    }
}

impl fmt::Debug for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialFile({self})")
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))?;
    let text = Secret::new(text);
    if text.expose().len() as u64 > MAX {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n'])))
}
