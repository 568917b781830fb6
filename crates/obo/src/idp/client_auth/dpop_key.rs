//! RFC 9449: <https://www.rfc-editor.org/rfc/rfc9449>.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::{ProofKey, PublicProofKey};
use obo_core::{Algorithm, ConfigError, SigningKey, TokenEndpointError};

use super::file::CredentialFile;
use super::key_file::{KeyFile, KeySource, Loaded};
use super::proof_signer::ProofSigner;
use super::reads::Reads;
use super::remote_signer::RemoteSigner;

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
    current: ArcSwapOption<ProofSigner>,
    /// The content of the file that the current key is of.
    loaded: ArcSwapOption<Loaded>,
    renewals: Reads<()>,
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
    /// The file must hold such a key when the exchange is built. It is read again in the background
    /// of each token request: from the next call after that, a new key in it is used, with new
    /// tokens. While the file is not usable, the previous key stays in use, and this is logged.
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

    /// Binds tokens to a key that a KMS or an HSM holds, and lets it sign.
    ///
    /// `public_jwk` is the public half of the key as a JWK. `sign` gets the bytes to sign for each
    /// proof: that of a request for a token, and that of each call with a bound token, attempts
    /// included. It returns the signature in the form of RFC 7518 section 3. For ECDSA that is the
    /// two numbers in a row, where many services return DER. It must finish within the exchange's
    /// [deadline](crate::exchange::TokenExchangeBuilder::deadline), which counts anew for each
    /// call, and must not block: use `tokio::task::spawn_blocking` for a client that blocks.
    ///
    /// It must sign with this key always, so name a version of the key, not an alias. The first
    /// signature is verified, and the next one after a server has rejected a proof. One of another
    /// key is an error. For a new key, see [`replace`](Self::replace).
    ///
    /// If it fails, the call is not made. The class of its failure decides what happens next: a
    /// request for a token is retried after a `Transient` one, and not after a
    /// `ClientMisconfigured` one. A call is not retried.
    ///
    /// ```
    /// use obo::ConfigError;
    /// use obo::client::DpopKey;
    /// use obo::policy::Algorithm;
    /// use obo::token_endpoint::{ErrorClass, TokenEndpointError};
    ///
    /// # #[derive(Clone)] struct Kms;
    /// # impl Kms {
    /// #     async fn sign(&self, _: &str, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) }
    /// # }
    /// fn dpop_key(kms: Kms, public_jwk: &str) -> Result<DpopKey, ConfigError> {
    ///     DpopKey::with_signer(Algorithm::Es256, public_jwk, move |input| {
    ///         let kms = kms.clone();
    ///         async move {
    ///             kms.sign("keys/dpop/3", &input).await.map_err(|error| {
    ///                 TokenEndpointError::new(ErrorClass::Transient, format!("the KMS: {error}"))
    ///             })
    ///         }
    ///     })
    /// }
    /// # let jwk = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    /// #     "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    /// # let thumbprint = dpop_key(Kms, jwk)?.thumbprint().unwrap();
    /// # assert_eq!(thumbprint.to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    /// # Ok::<(), ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if `public_jwk` is not a public key for `algorithm`, or has a private member.
    pub fn with_signer<S, F>(
        algorithm: Algorithm,
        public_jwk: &str,
        sign: S,
    ) -> Result<Self, ConfigError>
    where
        S: Fn(Vec<u8>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, TokenEndpointError>> + Send + 'static,
    {
        let public = PublicProofKey::new(algorithm, public_jwk)?;
        let signer = RemoteSigner::new(algorithm, sign);
        Ok(Self::of(None, Some(ProofSigner::remote(public, signer))))
    }

    fn of(file: Option<Arc<KeyFile>>, signer: Option<ProofSigner>) -> Self {
        Self(Arc::new(Inner {
            file,
            current: ArcSwapOption::from_pointee(signer),
            loaded: ArcSwapOption::empty(),
            renewals: Reads::new(),
        }))
    }

    /// Replaces the key by another one, here or elsewhere, from the next call on. Cached tokens are
    /// bound to the old key, so new ones are fetched. A call that is under way keeps the old key
    /// for its token and its proofs.
    ///
    /// # Errors
    ///
    /// Fails if this key or the new one is that of a file. Such a key is replaced in its file.
    pub fn replace(&self, new: Self) -> Result<(), ConfigError> {
        if self.0.file.is_some() || new.0.file.is_some() {
            let problem = "is the key of a file; replace it in the file";
            return Err(ConfigError::new("dpop_key", problem));
        }
        self.0.current.store(new.current());
        Ok(())
    }

    /// The thumbprint of the current key, the `jkt` of tokens; `None` before the key of a file was
    /// read.
    pub fn thumbprint(&self) -> Option<Thumbprint> {
        self.current().map(|signer| *signer.thumbprint())
    }

    pub(crate) fn current(&self) -> Option<Arc<ProofSigner>> {
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

    /// Reads the file again in the background, if there is one.
    pub(crate) fn start_renewal(&self) {
        if self.0.file.is_some() {
            // No call waits for it.
            let _ = self.0.renewals.start(|| self.clone().read_again());
        }
    }

    /// Reads the file again, if there is one.
    pub(crate) async fn renew(&self) {
        let _ = self.0.renewals.next(|| self.clone().read_again()).await;
    }

    async fn read_again(self) {
        let Some(file) = &self.0.file else { return };
        // A file that is not usable is logged, and its last key stays.
        file.read_again().await;
        if let Some(loaded) = file.loaded() {
            let known = self.0.loaded.load();
            let is_known = known.as_ref().is_some_and(|it| Arc::ptr_eq(it, &loaded));
            if !is_known {
                let _ = self.take(loaded);
            }
        }
    }

    fn take(&self, loaded: Arc<Loaded>) -> Result<(), ConfigError> {
        let key = ProofKey::new(loaded.key.clone())?;
        self.0.current.store(Some(Arc::new(key.into())));
        self.0.loaded.store(Some(loaded));
        Ok(())
    }
}

impl From<ProofKey> for DpopKey {
    fn from(key: ProofKey) -> Self {
        Self::of(None, Some(key.into()))
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DpopKey").field(&self.thumbprint()).finish()
    }
}
