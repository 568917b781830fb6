//! OpenID Connect Core section 9: <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>, and
//! RFC 7523 section 2.2: <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>, as draft-ietf-oauth-rfc7523bis updates it.

use std::path::Path;
use std::sync::Arc;

use obo_core::{
    Algorithm, ConfigError, Secret, SigningKey, TokenEndpointError, TokenRequest, compact_jws,
};

use super::assertion::{self, OwnAssertion, misconfigured};
use super::file::CredentialFile;
use super::key_file::{Certificate, KeyFile, KeySource, ReadKey};
use super::{Attempt, Authenticating, ClientAuth, Closure, Given};

/// `private_key_jwt`: an assertion signed with this service's own key, new for each attempt and good for a minute.
///
/// Its audience is the authorization server's issuer identifier and nothing else, so that no other server can use it. The
/// form has the `client_id` too, which some servers need and which is the assertion's subject.
#[derive(Clone, Debug)]
pub struct PrivateKeyJwt {
    algorithm: Algorithm,
    signer: Signer,
    assertion: OwnAssertion,
    mistake: Option<ConfigError>,
}

#[derive(Clone, Debug)]
enum Signer {
    Key(SigningKey),
    File(Arc<KeyFile>),
    Remote(Closure<RemoteSigner>),
}

type RemoteSigner = dyn Fn(Vec<u8>) -> Given<Vec<u8>> + Send + Sync;

impl PrivateKeyJwt {
    /// Authenticates with this key.
    pub fn new(key: SigningKey) -> Self {
        let (algorithm, kid) = (key.algorithm(), key.kid().map(str::to_owned));
        Self::of(algorithm, kid.as_deref(), Signer::Key(key))
    }

    /// Authenticates with the private key in PEM form (PKCS#8) that the file holds at the time of each attempt: a key that
    /// is replaced in the file needs no restart.
    ///
    /// The key is parsed again when the file has changed. While the file cannot be used, such as when it is half written,
    /// the key of before is, and the log says so.
    ///
    /// When what the client is for is built, the file has to hold such a key; an error quotes nothing of its content.
    pub fn from_pem_file(algorithm: Algorithm, path: impl AsRef<Path>, kid: Option<&str>) -> Self {
        Self::of_file(algorithm, path.as_ref(), SigningKey::from_pem, kid)
    }

    /// As [`from_pem_file`](Self::from_pem_file), for a key in PEM or JWK form ([`SigningKey::parse`]); a JWK may have the
    /// `kid` itself.
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
        // The header is named by the key of each moment.
        Self::of(algorithm, None, Signer::File(Arc::new(file)))
    }

    /// Has somebody else sign who keeps the key, such as a KMS or an HSM.
    ///
    /// `sign` gets the bytes to sign at each attempt and gives the signature as RFC 7518 section 3 has it; of ECDSA that is
    /// the two numbers side by side, where many services give DER. Which key it signs with is its own affair, so a key can
    /// be replaced at run time. It is waited for within the exchange's deadline, and must not block: a client that does
    /// belongs into `tokio::task::spawn_blocking`.
    ///
    /// Its failure says by its class what happens next: `Transient` is tried again, `ClientMisconfigured` is not.
    ///
    /// ```
    /// use obo::PrivateKeyJwt;
    /// use obo::policy::Algorithm;
    /// use obo::token_endpoint::{ErrorClass, TokenEndpointError};
    ///
    /// # #[derive(Clone)] struct Kms;
    /// # impl Kms { async fn sign(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, std::io::Error> { Ok(vec![]) } }
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
        let signer = Arc::new(move |input| Box::pin(sign(input)) as _);
        Self::of(algorithm, kid, Signer::Remote(Closure(signer)))
    }

    fn of(algorithm: Algorithm, kid: Option<&str>, signer: Signer) -> Self {
        let mut assertion = OwnAssertion::new(algorithm.name());
        assertion.header = assertion.header.with_kid(kid);
        Self {
            algorithm,
            signer,
            assertion,
            mistake: None,
        }
    }

    /// Names the key by its certificate too, in the header `x5t#S256`: the first certificate of a PEM text.
    ///
    /// Servers need it where certificates are registered instead of keys. The certificate has to be of this key, as far as
    /// the key is here. A key file that is replaced later by another certificate's key is not used.
    #[must_use]
    pub fn certificate(self, pem: &str) -> Self {
        self.certified(Certificate::Text(pem.into()))
    }

    /// The same with the certificate in a file, which may change along with the file of the key.
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

    /// Writes `typ: JWT` in the header, for servers that do not tolerate `client-authentication+jwt`.
    #[must_use]
    pub fn plain_typ(mut self) -> Self {
        self.assertion = self.assertion.with_plain_typ();
        self
    }

    /// Addresses assertions to the token endpoint's URL instead of the issuer, for servers that demand it.
    ///
    /// The URL of an endpoint may come from a document that somebody else wrote. A client that is known to several servers
    /// can so be made to sign an assertion to one of them and give it to another, who uses it. Use it for a server whose
    /// token endpoint is given by hand, or whose discovery document is trusted as much as the server itself.
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
            (Signer::Remote(sign), _) => {
                let signature = sign.0(input.clone().into_bytes()).await?;
                check_length(self.algorithm, &signature)?;
                Some(signature)
            }
            (_, key) => key.and_then(|key| key.sign(input.as_bytes())),
        };
        let signature =
            signature.ok_or_else(|| misconfigured("the client assertion could not be signed"))?;
        Ok(compact_jws(&input, &signature))
    }
}

/// Finds a signature in another form than that of a JWS, which the server would not explain.
fn check_length(algorithm: Algorithm, signature: &[u8]) -> Result<(), TokenEndpointError> {
    let (fits, expected) = match algorithm {
        Algorithm::Es256 | Algorithm::Ed25519 => (signature.len() == 64, "64"),
        Algorithm::Es384 => (signature.len() == 96, "96"),
        _ => (signature.len() >= 256, "256 or more"),
    };
    if fits {
        return Ok(());
    }
    Err(misconfigured(format!(
        "the signer gave {} bytes for {}, whose signatures in a JWS have {expected}; is it DER?",
        signature.len(),
        algorithm.name(),
    )))
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
