//! A private key in a file that is replaced while the service runs.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use obo_core::{Algorithm, ConfigError, JwsHeader, Secret, SigningKey, TokenEndpointError};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::assertion::misconfigured;
use super::file::CredentialFile;
use super::reads::{PATIENCE, Reads, blocking};
use crate::observe;

/// Parses a key from a file's text.
pub(super) type ReadKey = fn(Algorithm, &Secret) -> Result<SigningKey, ConfigError>;

/// A file that is read for each attempt; its key is parsed when the text has changed.
///
/// While the file is not usable, such as when it is being written or hangs, the previous key stays
/// in use.
#[derive(Debug)]
pub(super) struct KeyFile {
    source: KeySource,
    /// Empty until the file was usable once.
    loaded: ArcSwapOption<Loaded>,
    /// Why the file was not usable the last time, so that this is reported once.
    problem: Mutex<Option<String>>,
    reads: Reads<()>,
}

/// Where a key is read from, and how.
#[derive(Clone, Debug)]
pub(super) struct KeySource {
    pub(super) file: CredentialFile,
    pub(super) algorithm: Algorithm,
    pub(super) read_key: ReadKey,
    /// The key's name, if the file does not hold it.
    pub(super) kid: Option<String>,
    pub(super) certificate: Option<Certificate>,
}

/// Where the certificate of the key is.
#[derive(Clone, Debug)]
pub(super) enum Certificate {
    Text(Arc<str>),
    File(CredentialFile),
}

#[derive(Debug)]
pub(super) struct Loaded {
    text: Secret,
    certificate: Option<Secret>,
    pub(super) key: SigningKey,
}

impl KeyFile {
    pub(super) fn new(source: KeySource) -> Self {
        Self {
            source,
            loaded: ArcSwapOption::empty(),
            problem: Mutex::default(),
            reads: Reads::new(),
        }
    }

    /// The same file, whose key has a certificate.
    pub(super) fn with_certificate(&self, certificate: Certificate) -> Self {
        Self::new(KeySource {
            certificate: Some(certificate),
            ..self.source.clone()
        })
    }

    /// Reads the files, which must be usable the first time, and loads the key; blocks.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.loaded.load().is_none() {
            let loaded = self.changed()?.map(Arc::new);
            self.loaded.store(loaded);
        }
        Ok(())
    }

    /// The key that was loaded last.
    pub(super) fn loaded(&self) -> Option<Arc<Loaded>> {
        self.loaded.load_full()
    }

    /// The current key.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Loaded>, TokenEndpointError> {
        let is_loaded = self.loaded.load().is_some();
        match is_loaded {
            true => drop(timeout(PATIENCE, self.read_again()).await),
            false => self.read_again().await,
        }
        self.loaded.load_full().ok_or_else(|| {
            misconfigured(format!(
                "the private key in {} is not usable",
                self.source.file
            ))
        })
    }

    /// Reads the files, however long it takes, and loads the key if it has changed.
    pub(super) async fn read_again(self: &Arc<Self>) {
        // A read that is interrupted changes nothing.
        let _ = self.reads.next(|| Arc::clone(self).load()).await;
    }

    async fn load(self: Arc<Self>) {
        let file = Arc::clone(&self);
        let late = || self.take(Err(wrong(format!("not read within {PATIENCE:?}"))));
        let changed = blocking(move || file.changed(), late).await;
        self.take(changed.unwrap_or_else(|| Err(wrong("reading it was interrupted"))));
    }

    fn take(&self, changed: Result<Option<Loaded>, ConfigError>) {
        let file = &self.source.file;
        match changed {
            Ok(loaded) => {
                *self.problem.lock() = None;
                if let Some(loaded) = loaded {
                    self.loaded.store(Some(Arc::new(loaded)));
                    observe::client_key_renewed(file);
                }
            }
            Err(error) => {
                let problem = error.problem();
                // Reported without the lock: a subscriber may use this client.
                let known = self.problem.lock().replace(problem.to_owned());
                if known.as_deref() != Some(problem) {
                    observe::client_key_not_renewed(file, problem);
                }
            }
        }
    }

    /// What the files hold now, if it has changed.
    fn changed(&self) -> Result<Option<Loaded>, ConfigError> {
        let source = &self.source;
        let text = source.file.read_now().map_err(wrong)?;
        let certificate = source.certificate.as_ref().map(Certificate::read);
        let certificate = certificate.transpose()?;
        let is_same =
            |loaded: &Arc<Loaded>| text == loaded.text && certificate == loaded.certificate;
        if self.loaded.load().as_ref().is_some_and(is_same) {
            return Ok(None);
        }
        let key = (source.read_key)(source.algorithm, &text);
        let key = key.map_err(|error| wrong(format!("{}: {}", source.file, error.problem())))?;
        let key = match &source.kid {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        };
        if let Some(certificate) = &certificate {
            // A certificate of another key would name that key.
            JwsHeader::new("", "").with_certificate(certificate.expose(), Some(&key))?;
        }
        Ok(Some(Loaded {
            text,
            certificate,
            key,
        }))
    }
}

impl Loaded {
    /// The header with the names of this key.
    pub(super) fn name(&self, header: JwsHeader) -> Result<JwsHeader, ConfigError> {
        let header = header.with_kid(self.key.kid());
        match &self.certificate {
            Some(certificate) => header.with_certificate(certificate.expose(), None),
            None => Ok(header),
        }
    }
}

impl Certificate {
    pub(super) fn read(&self) -> Result<Secret, ConfigError> {
        match self {
            Self::Text(text) => Ok(Secret::new(&**text)),
            Self::File(file) => {
                let read = file.read_now();
                read.map_err(|problem| ConfigError::new("certificate", problem))
            }
        }
    }
}

fn wrong(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("private_key", problem)
}
