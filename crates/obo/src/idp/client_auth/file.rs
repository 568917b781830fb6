//! Files with credentials that are renewed by others: mounted secrets, projected tokens.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use obo_core::{ErrorClass, Secret, TokenEndpointError};
use tokio::time::timeout;

use super::reads::{PATIENCE, Reads, blocking};
use crate::observe;

/// The longest file, in bytes: tokens and keys are shorter.
const MAX: u64 = 64 * 1024;

/// The longest name of a file, in bytes.
const MAX_PATH: usize = 1024;

/// A file that is read each time. Clones share their reads.
#[derive(Clone)]
pub(crate) struct CredentialFile(Arc<Inner>);

struct Inner {
    path: Box<Path>,
    /// What the last read returned, if it was usable.
    last: ArcSwapOption<Secret>,
    reads: Reads<Result<Secret, String>>,
}

/// Whether it looks like a key or a token instead of the name of a file.
fn is_credential(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains(['\n', '\r', '{'])
        || text.contains("-----")
        || text.matches('.').count() >= 2 && text.starts_with("ey")
        || text.len() > MAX_PATH
}

impl CredentialFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            path: path.into().into(),
            last: ArcSwapOption::empty(),
            reads: Reads::new(),
        }))
    }

    /// Reads the file's text without the newline at its end; blocks.
    ///
    /// The error names the file and nothing of its content.
    pub(crate) fn read_now(&self) -> Result<Secret, String> {
        let content = self.content();
        let last = content.as_ref().ok().map(|text| Arc::new(text.clone()));
        self.0.last.store(last);
        content
    }

    fn content(&self) -> Result<Secret, String> {
        let path = &self.0.path;
        if is_credential(path) {
            let problem = "must be the name of a file, not the credential itself; write the credential into a file, or \
                           into an environment variable";
            return Err(problem.to_owned());
        }
        let text = read(path).map_err(|error| format!("{self} cannot be read: {error}"))?;
        if text.expose().is_empty() {
            return Err(format!("{self} is empty"));
        }
        Ok(text)
    }

    /// As [`read_now`](Self::read_now), without blocking the runtime. While a read hangs, returns
    /// the last content.
    pub(crate) async fn read(&self) -> Result<Secret, TokenEndpointError> {
        let reading = self.0.reads.next(|| self.clone().read_in_background());
        let read = match self.0.last.load_full() {
            None => reading.await,
            Some(last) => match timeout(PATIENCE, reading).await {
                Ok(read) => read,
                Err(_) => Some(Ok(Secret::clone(&last))),
            },
        };
        read.unwrap_or_else(|| Err(format!("reading {self} was interrupted")))
            .map_err(|problem| TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem))
    }

    async fn read_in_background(self) -> Result<Secret, String> {
        let file = self.clone();
        let read = blocking(move || file.read_now(), || observe::credential_late(&self));
        let interrupted = || Err(format!("reading {self} was interrupted"));
        read.await.unwrap_or_else(interrupted)
    }
}

/// The file's name, unless it looks like a credential.
impl fmt::Display for CredentialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_credential(&self.0.path) {
            true => f.write_str("(not the name of a file)"),
            false => self.0.path.display().fmt(f),
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
