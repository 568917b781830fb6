//! OpenID Connect Core section 9:
//! <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>, and RFC 7523
//! section 2.2: <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>, as updated by
//! draft-ietf-oauth-rfc7523bis.

use std::path::Path;
use std::sync::Arc;

use obo_core::{
    Algorithm, ConfigError, Secret, SigningKey, TokenEndpointError, TokenRequest, compact_jws,
};

use super::assertion::{self, OwnAssertion, misconfigured};
use super::file::CredentialFile;
use super::key_file::{Certificate, KeyFile, KeySource, ReadKey};
use super::remote_signer::RemoteSigner;
use super::{Attempt, Authenticating, ClientAuth};

/// `private_key_jwt`: an assertion signed with this service's own key, new for each attempt and
/// valid for a minute.
///
/// ```
/// use obo::policy::Algorithm;
/// use obo::{Client, PrivateKeyJwt};
///
/// let key = PrivateKeyJwt::from_pem_file(Algorithm::Es256, "/run/secrets/key.pem", Some("key-1"));
/// let client = Client::new("service-a", key);
/// ```
///
/// Its only audience is the authorization server's issuer identifier, so no other server can use
/// it. The form has the `client_id` too, which some servers require and which is the assertion's
/// subject.
#[derive(Clone, Debug)]
pub struct PrivateKeyJwt {
    signer: Signer,
    assertion: OwnAssertion,
    mistake: Option<ConfigError>,
}

#[derive(Clone, Debug)]
enum Signer {
    Key(SigningKey),
    File(Arc<KeyFile>),
    Remote(RemoteSigner),
}

impl PrivateKeyJwt {
    /// Authenticates with this key.
    pub fn new(key: SigningKey) -> Self {
        let (algorithm, kid) = (key.algorithm(), key.kid().map(str::to_owned));
        Self::of(algorithm, kid.as_deref(), Signer::Key(key))
    }

    /// Authenticates with the private key in PEM form (PKCS#8) in the file, read for each attempt:
    /// a key that is replaced in the file needs no restart.
    ///
    /// The key is parsed again when the file has changed. While the file is not usable, such as
    /// when it is half written, the previous key stays in use, and this is logged.
    ///
    /// The file must hold such a key when the client is built into an exchange or server. An error
    /// quotes nothing of its content.
    pub fn from_pem_file(algorithm: Algorithm, path: impl AsRef<Path>, kid: Option<&str>) -> Self {
        Self::of_file(algorithm, path.as_ref(), SigningKey::from_pem, kid)
    }

    /// As [`from_pem_file`](Self::from_pem_file), for a key in PEM or JWK form
    /// ([`SigningKey::parse`]). A JWK may contain the `kid`.
    pub fn from_file(algorithm: Algorithm, path: impl AsRef<Path>, kid: Option<&str>) -> Self {
        Self::of_file(algorithm, path.as_ref(), SigningKey::parse, kid)
    }

    fn of_file(algorithm: Algorithm, path: &Path, read_key: ReadKey, kid: Option<&str>) -> Self {
        let file = KeyFile::new(KeySource {
            file: CredentialFile::new(path),
            algorithm,
            read_key,
            kid: kid.map(str::to_owned),
            certificate: None,
        });
        // The header names the current key.
        Self::of(algorithm, None, Signer::File(Arc::new(file)))
    }

    /// Lets a KMS or an HSM sign, which holds the key.
    ///
    /// `sign` gets the bytes to sign for each attempt and returns the signature in the form of RFC
    /// 7518 section 3. For ECDSA that is the two numbers in a row, where many services return DER.
    /// It may sign with another key at any time. It must finish within the exchange's deadline, and
    /// must not block: use `tokio::task::spawn_blocking` for a client that blocks.
    ///
    /// The class of its failure decides what happens next: `Transient` is retried,
    /// `ClientMisconfigured` is not.
    ///
    /// ```
    /// use obo::PrivateKeyJwt;
    /// use obo::policy::Algorithm;
    /// use obo::token_endpoint::{ErrorClass, TokenEndpointError};
    ///
    /// # #[derive(Clone)] struct Kms;
    /// # impl Kms {
    /// #     async fn sign(&self, _: &str, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) }
    /// # }
    /// # let kms = Kms;
    /// let auth = PrivateKeyJwt::with_signer(Algorithm::Ps256, Some("key-7"), move |input| {
    ///     let kms = kms.clone();
    ///     async move {
    ///         kms.sign("keys/service-a/7", &input).await.map_err(|error| {
    ///             TokenEndpointError::new(ErrorClass::Transient, format!("the KMS: {error}"))
    ///         })
    ///     }
    /// });
    /// ```
    pub fn with_signer<S, F>(algorithm: Algorithm, kid: Option<&str>, sign: S) -> Self
    where
        S: Fn(Vec<u8>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, TokenEndpointError>> + Send + 'static,
    {
        let signer = RemoteSigner::new(algorithm, sign);
        Self::of(algorithm, kid, Signer::Remote(signer))
    }

    fn of(algorithm: Algorithm, kid: Option<&str>, signer: Signer) -> Self {
        let mut assertion = OwnAssertion::new(algorithm.name());
        assertion.header = assertion.header.with_kid(kid);
        Self {
            signer,
            assertion,
            mistake: None,
        }
    }

    /// Names the key by its certificate too, in the header `x5t#S256`: the first certificate of a
    /// PEM text.
    ///
    /// Servers require it if certificates are registered instead of keys. The certificate must
    /// belong to the key, as far as the key is known here. A key file whose new key has another
    /// certificate is not used.
    #[must_use]
    pub fn certificate(self, pem: &str) -> Self {
        self.certified(Certificate::Text(pem.into()))
    }

    /// As [`certificate`](Self::certificate), from a file, which may change along with the file of
    /// the key.
    #[must_use]
    pub fn certificate_file(self, path: impl AsRef<Path>) -> Self {
        self.certified(Certificate::File(CredentialFile::new(path.as_ref())))
    }

    fn certified(mut self, certificate: Certificate) -> Self {
        let key = match &self.signer {
            Signer::Key(key) => Some(key),
            Signer::Remote(_) => None,
            Signer::File(file) => {
                self.signer = Signer::File(Arc::new(file.with_certificate(certificate)));
                return self;
            }
        };
        let header = certificate.read().and_then(|pem| {
            let header = self.assertion.header.clone();
            header.with_certificate(pem.expose(), key)
        });
        match header {
            Ok(header) => self.assertion.header = header,
            Err(error) => {
                self.mistake.get_or_insert(error);
            }
        }
        self
    }

    /// Writes `typ: JWT` in the header, for servers that reject `client-authentication+jwt`.
    #[must_use]
    pub fn plain_typ(mut self) -> Self {
        self.assertion = self.assertion.with_plain_typ();
        self
    }

    /// Addresses assertions to the token endpoint's URL instead of the issuer, for servers that
    /// require it.
    ///
    /// The URL of an endpoint may come from a document of another party. A client that is
    /// registered at several servers may then sign an assertion to one server and send it to
    /// another, which can use it. Use this only for a server whose token endpoint is set by hand,
    /// or whose discovery document is as trusted as the server itself.
    #[must_use]
    pub fn danger_audience_token_endpoint(mut self) -> Self {
        self.assertion = self.assertion.for_token_endpoint();
        self
    }

    /// The assertion of one attempt.
    async fn signed(&self, attempt: Attempt<'_>) -> Result<Secret, TokenEndpointError> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone().into());
        }
        let (own, loaded);
        let (header, key) = match &self.signer {
            Signer::Key(key) => (&self.assertion.header, Some(key)),
            Signer::Remote(_) => (&self.assertion.header, None),
            Signer::File(file) => {
                loaded = file.current().await?;
                own = loaded.name(self.assertion.header.clone())?;
                (&own, Some(&loaded.key))
            }
        };
        let input = self.assertion.signing_input(header, attempt)?;
        let signature = match (&self.signer, key) {
            (Signer::Remote(signer), _) => Some(signer.sign(&input).await?),
            (_, key) => key.and_then(|key| key.sign(input.as_bytes())),
        };
        let signature =
            signature.ok_or_else(|| misconfigured("the client assertion could not be signed"))?;
        Ok(compact_jws(&input, &signature))
    }
}

impl ClientAuth for PrivateKeyJwt {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            let signed = self.signed(attempt).await?;
            request.push_public("client_id", attempt.client_id);
            assertion::push(request, assertion::JWT_BEARER, signed.expose());
            Ok(())
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        match (&self.mistake, &self.signer) {
            (Some(mistake), _) => Err(mistake.clone()),
            (None, Signer::File(file)) => file.check(),
            (None, Signer::Key(_) | Signer::Remote(_)) => Ok(()),
        }
    }
}
