//! A private key in a file that others replace while the service runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use obo_core::{Algorithm, ConfigError, JwsHeader, Secret, SigningKey, TokenEndpointError};

use super::assertion::misconfigured;
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
    /// Empty until the file was usable once.
    loaded: ArcSwapOption<Loaded>,
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
    pub(super) fn new(
        file: CredentialFile,
        algorithm: Algorithm,
        read_key: ReadKey,
        kid: Option<String>,
    ) -> Self {
        Self {
            file,
            algorithm,
            read_key,
            kid,
            certificate: None,
            loaded: ArcSwapOption::empty(),
            problem: Mutex::default(),
        }
    }

    /// The same file, whose key has a certificate.
    pub(super) fn with_certificate(&self, certificate: Certificate) -> Self {
        let file = Self::new(
            self.file.clone(),
            self.algorithm,
            self.read_key,
            self.kid.clone(),
        );
        Self {
            certificate: Some(certificate),
            ..file
        }
    }

    /// Reads the files, which have to be usable the first time, and keeps the key; blocks.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.loaded.load().is_some() {
            return Ok(());
        }
        let text = self.file.read_now().map_err(wrong)?;
        let certificate = self.certificate.as_ref().map(Certificate::read).transpose();
        let certificate =
            certificate.map_err(|problem| ConfigError::new("certificate", problem))?;
        let loaded = self.load(text, certificate);
        let loaded = loaded.map_err(|error| match error.field() {
            "certificate" => error,
            _ => wrong(format!("{}: {}", self.file, error.problem())),
        })?;
        self.loaded.store(Some(Arc::new(loaded)));
        Ok(())
    }

    /// The key of this moment.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Loaded>, TokenEndpointError> {
        let file = Arc::clone(self);
        let changed = tokio::task::spawn_blocking(move || file.changed()).await;
        self.take(changed.unwrap_or_else(|_| Err("reading it was interrupted".to_owned())));
        self.loaded
            .load_full()
            .ok_or_else(|| misconfigured(format!("the private key in {} is not usable", self.file)))
    }

    fn take(&self, changed: Result<Option<Loaded>, String>) {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match changed {
            Ok(None) => None,
            Ok(Some(loaded)) => {
                self.loaded.store(Some(Arc::new(loaded)));
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
        let is_same =
            |loaded: &Arc<Loaded>| text == loaded.text && certificate == loaded.certificate;
        if loaded.as_ref().is_some_and(is_same) {
            return Ok(None);
        }
        let loaded = self.load(text, certificate);
        loaded.map(Some).map_err(|error| error.problem().to_owned())
    }

    fn load(&self, text: Secret, certificate: Option<Secret>) -> Result<Loaded, ConfigError> {
        let key = (self.read_key)(self.algorithm, &text)?;
        let key = match &self.kid {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        };
        if let Some(certificate) = &certificate {
            // A certificate of another key would name that one.
            JwsHeader::new("", "").with_certificate(certificate.expose(), Some(&key))?;
        }
        Ok(Loaded {
            text,
            certificate,
            key,
        })
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
    pub(super) fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Text(text) => Ok(Secret::new(&**text)),
            Self::File(file) => file.read_now(),
        }
    }
}

fn wrong(problem: String) -> ConfigError {
    ConfigError::new("private_key", problem)
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({}, {:?})", self.file, self.algorithm)
    }
}
