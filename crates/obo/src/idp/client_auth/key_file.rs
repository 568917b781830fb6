//! A private key in a file that others replace while the service runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use obo_core::{Algorithm, ConfigError, JwsHeader, Secret, SigningKey};

use super::file::CredentialFile;
use crate::observe;

/// How a key is read from a file's text.
pub(super) type ReadKey = fn(Algorithm, &Secret) -> Result<SigningKey, ConfigError>;

/// A file that is read at each attempt; its key is parsed when the text has changed.
///
/// A file that cannot be used for a moment, such as one that is being written, leaves the key as it was.
pub(super) struct KeyFile {
    file: CredentialFile,
    algorithm: Algorithm,
    read_key: ReadKey,
    /// The key's name, where the file does not give it.
    kid: Option<String>,
    certificate: Option<Certificate>,
    loaded: ArcSwap<Loaded>,
    /// Why the file could not be used the last time, so that it is reported once.
    problem: Mutex<Option<String>>,
}

/// Where the certificate of the key is.
#[derive(Clone)]
pub(super) enum Certificate {
    Text(Arc<str>),
    File(CredentialFile),
}

pub(super) struct Loaded {
    text: Secret,
    certificate: Option<Secret>,
    pub(super) key: SigningKey,
}

impl KeyFile {
    /// Reads the file for the first time; blocks.
    pub(super) fn open(
        file: CredentialFile,
        algorithm: Algorithm,
        read_key: ReadKey,
        kid: Option<String>,
    ) -> Result<Self, ConfigError> {
        let text = file.read_now().map_err(wrong)?;
        let key = named(read_key(algorithm, &text), kid.as_deref());
        let key = key.map_err(|error| wrong(format!("{file}: {}", error.problem())))?;
        let loaded = Loaded {
            text,
            certificate: None,
            key,
        };
        Ok(Self {
            file,
            algorithm,
            read_key,
            kid,
            certificate: None,
            loaded: ArcSwap::from_pointee(loaded),
            problem: Mutex::default(),
        })
    }

    /// The same file, whose key has a certificate; blocks.
    pub(super) fn with_certificate(&self, certificate: Certificate) -> Result<Self, ConfigError> {
        let loaded = self.loaded.load();
        let text = certificate
            .read()
            .map_err(|problem| ConfigError::new("certificate", problem))?;
        check(&text, &loaded.key)?;
        let loaded = Loaded {
            text: loaded.text.clone(),
            certificate: Some(text),
            key: loaded.key.clone(),
        };
        Ok(Self {
            file: self.file.clone(),
            algorithm: self.algorithm,
            read_key: self.read_key,
            kid: self.kid.clone(),
            certificate: Some(certificate),
            loaded: ArcSwap::from_pointee(loaded),
            problem: Mutex::default(),
        })
    }

    /// The key of this moment.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<Loaded> {
        let file = Arc::clone(self);
        let changed = tokio::task::spawn_blocking(move || file.changed()).await;
        self.take(changed.unwrap_or_else(|_| Err("reading it was interrupted".to_owned())));
        self.loaded.load_full()
    }

    fn take(&self, changed: Result<Option<Loaded>, String>) {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match changed {
            Ok(None) => None,
            Ok(Some(loaded)) => {
                self.loaded.store(Arc::new(loaded));
                observe::client_key_renewed(&self.file);
                None
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem
            .as_deref()
            .filter(|new| known.as_deref() != Some(new))
        {
            observe::client_key_not_renewed(&self.file, problem);
        }
        *known = problem;
    }

    /// What the files hold now, if it is something else than before.
    fn changed(&self) -> Result<Option<Loaded>, String> {
        let text = self.file.read_now()?;
        let certificate = self.certificate.as_ref().map(Certificate::read);
        let certificate = certificate.transpose()?;
        let loaded = self.loaded.load();
        if text == loaded.text && certificate == loaded.certificate {
            return Ok(None);
        }
        let key = named((self.read_key)(self.algorithm, &text), self.kid.as_deref());
        let key = key.map_err(|error| error.problem().to_owned())?;
        if let Some(certificate) = &certificate {
            check(certificate, &key).map_err(|error| error.problem().to_owned())?;
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
    fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Text(text) => Ok(Secret::new(&**text)),
            Self::File(file) => file.read_now(),
        }
    }
}

fn named(
    key: Result<SigningKey, ConfigError>,
    kid: Option<&str>,
) -> Result<SigningKey, ConfigError> {
    match kid {
        Some(kid) => key.map(|key| key.with_kid(kid)),
        None => key,
    }
}

/// A certificate of another key would name that one.
fn check(certificate: &Secret, key: &SigningKey) -> Result<(), ConfigError> {
    let header = JwsHeader::new("", "");
    let named = header.with_certificate(certificate.expose(), Some(key));
    named.map(|_| ())
}

fn wrong(problem: String) -> ConfigError {
    ConfigError::new("private_key", problem)
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({}, {:?})", self.file, self.algorithm)
    }
}
