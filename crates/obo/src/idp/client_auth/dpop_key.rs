//! RFC 9449: <https://www.rfc-editor.org/rfc/rfc9449>.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::ProofKey;
use obo_core::{Algorithm, ConfigError, SigningKey};

use super::file::CredentialFile;
use super::key_file::{KeyFile, KeySource, Loaded};

/// The key that this service's tokens are bound to, for
/// [`TokenExchangeBuilder::dpop`](crate::exchange::TokenExchangeBuilder::dpop) (DPoP, RFC 9449).
///
/// A token that is bound to it is of no use to a thief: each request needs a proof, which only this
/// key signs.
///
/// ```
/// use obo::client::DpopKey;
/// use obo::policy::Algorithm;
///
/// let key = DpopKey::from_file(Algorithm::Es256, "/run/secrets/dpop.pem");
/// ```
///
/// Clones are one key: one that is [replaced](Self::replace) is replaced for all of them. A cached
/// token is not used with another key than its own.
#[derive(Clone)]
pub struct DpopKey(Arc<Inner>);

struct Inner {
    file: Option<Arc<KeyFile>>,
    /// Empty until the file was usable once.
    current: ArcSwapOption<ProofKey>,
    /// The content of the file that the current key is of.
    loaded: ArcSwapOption<Loaded>,
}

impl DpopKey {
    /// Binds tokens to this key.
    ///
    /// # Errors
    ///
    /// Fails if the key has no usable public half, for example an RSA key of less than 2048 bits.
    pub fn new(key: SigningKey) -> Result<Self, ConfigError> {
        Ok(ProofKey::new(key)?.into())
    }

    /// Binds tokens to the private key in the file, in PEM (PKCS#8) or JWK form
    /// ([`SigningKey::parse`](crate::client::SigningKey::parse)).
    ///
    /// The file must hold such a key when the exchange is built. It is read again after each token
    /// request: from the next call on, a new key in it is used, with new tokens. While the file is
    /// not usable, the previous key stays in use, and this is logged.
    pub fn from_file(algorithm: Algorithm, path: impl AsRef<Path>) -> Self {
        let file = KeyFile::new(KeySource {
            file: CredentialFile::new(path.as_ref()),
            algorithm,
            read_key: SigningKey::parse,
            kid: None,
            certificate: None,
        });
        Self::of(Some(Arc::new(file)), None)
    }

    fn of(file: Option<Arc<KeyFile>>, key: Option<ProofKey>) -> Self {
        Self(Arc::new(Inner {
            file,
            current: ArcSwapOption::from_pointee(key),
            loaded: ArcSwapOption::empty(),
        }))
    }

    /// Replaces the key from the next call on. Cached tokens are bound to the old key, so new ones
    /// are fetched.
    ///
    /// # Errors
    ///
    /// Fails as [`new`](Self::new) does, and for a key of a file, which is replaced in the file.
    pub fn replace(&self, key: SigningKey) -> Result<(), ConfigError> {
        if self.0.file.is_some() {
            let problem = "is the key of a file; replace it in the file";
            return Err(ConfigError::new("dpop_key", problem));
        }
        self.0.current.store(Some(Arc::new(ProofKey::new(key)?)));
        Ok(())
    }

    /// The thumbprint of the current key, the `jkt` of tokens; `None` before the key of a file was
    /// read.
    pub fn thumbprint(&self) -> Option<Thumbprint> {
        self.current().map(|key| *key.thumbprint())
    }

    pub(crate) fn current(&self) -> Option<Arc<ProofKey>> {
        self.0.current.load_full()
    }

    /// Reads the file, which must be usable the first time; blocks.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let Some(file) = &self.0.file else {
            return Ok(());
        };
        file.check().map_err(|error| error.at("dpop_key"))?;
        match file.loaded() {
            Some(loaded) if self.current().is_none() => self.take(loaded),
            _ => Ok(()),
        }
    }

    /// Reads the file again, if there is one.
    pub(crate) async fn renew(&self) {
        let Some(file) = &self.0.file else { return };
        // A file that is not usable is logged, and its last key stays.
        if let Ok(loaded) = file.current().await {
            let known = self.0.loaded.load();
            let is_known = known.as_ref().is_some_and(|it| Arc::ptr_eq(it, &loaded));
            if !is_known {
                let _ = self.take(loaded);
            }
        }
    }

    fn take(&self, loaded: Arc<Loaded>) -> Result<(), ConfigError> {
        let key = ProofKey::new(loaded.key.clone())?;
        self.0.current.store(Some(Arc::new(key)));
        self.0.loaded.store(Some(loaded));
        Ok(())
    }
}

impl From<ProofKey> for DpopKey {
    fn from(key: ProofKey) -> Self {
        Self::of(None, Some(key))
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DpopKey").field(&self.thumbprint()).finish()
    }
}
