//! OpenID Connect Core section 9: <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>, and
//! RFC 7523 section 2.2: <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>, as draft-ietf-oauth-rfc7523bis updates it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::assertion::{self, OwnAssertion, misconfigured};
use super::file::{CredentialFile, check_path};
use super::secret_config::{SecretConfig, variable};
use super::{Attempt, Authenticating, ClientAuth, Given, MethodConfig};
use crate::{Algorithm, ConfigError, SigningKey, TokenEndpointError, TokenRequest, compact_jws};

/// `private_key_jwt`: an assertion signed with this service's own key, new for each attempt and good for a minute.
///
/// Its audience is the authorization server's issuer identifier and nothing else, so that no other server can use it. The
/// form has the `client_id` too, which some servers need and which is the assertion's subject.
#[derive(Clone, Debug)]
pub struct PrivateKeyJwt {
    algorithm: Algorithm,
    signer: Signer,
    assertion: OwnAssertion,
}

#[derive(Clone)]
enum Signer {
    Key(SigningKey),
    Remote(Arc<RemoteSigner>),
}

type RemoteSigner = dyn Fn(Vec<u8>) -> Given<Vec<u8>> + Send + Sync;

impl PrivateKeyJwt {
    /// Authenticates with this key.
    pub fn new(key: SigningKey) -> Self {
        let (algorithm, kid) = (key.algorithm(), key.kid().map(str::to_owned));
        Self::of(algorithm, kid.as_deref(), Signer::Key(key))
    }

    /// Reads a private key in PEM form (PKCS#8) from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no such key; nothing of its content is quoted.
    pub fn from_pem_file(
        algorithm: Algorithm,
        path: impl AsRef<Path>,
        kid: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let file = CredentialFile::new(path.as_ref());
        let pem = file
            .read_now()
            .map_err(|problem| ConfigError::new("private_key", problem))?;
        let key = SigningKey::from_pem(algorithm, &pem)?;
        Ok(Self::new(match kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        }))
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
    /// use obo::{Algorithm, ErrorClass, PrivateKeyJwt, TokenEndpointError};
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
        let signer: Arc<RemoteSigner> = Arc::new(move |input| Box::pin(sign(input)));
        Self::of(algorithm, kid, Signer::Remote(signer))
    }

    fn of(algorithm: Algorithm, kid: Option<&str>, signer: Signer) -> Self {
        let mut assertion = OwnAssertion::new(algorithm.name());
        assertion.header = assertion.header.with_kid(kid);
        Self {
            algorithm,
            signer,
            assertion,
        }
    }

    /// Names the key by its certificate too, in the header `x5t#S256`: the first certificate of a PEM text.
    ///
    /// Servers need it where certificates are registered instead of keys.
    ///
    /// # Errors
    ///
    /// When the text holds no certificate, or one that is not of this key, as far as the key is here.
    pub fn certificate(mut self, pem: &str) -> Result<Self, ConfigError> {
        let key = match &self.signer {
            Signer::Key(key) => Some(key),
            Signer::Remote(_) => None,
        };
        self.assertion.header = self.assertion.header.with_certificate(pem, key)?;
        Ok(self)
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

    async fn sign(&self, input: &str) -> Result<Vec<u8>, TokenEndpointError> {
        match &self.signer {
            Signer::Key(key) => key
                .sign(input.as_bytes())
                .ok_or_else(|| misconfigured("the client assertion could not be signed")),
            Signer::Remote(sign) => {
                let signature = sign(input.into()).await?;
                check_length(self.algorithm, &signature).map(|()| signature)
            }
        }
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
            let input = self.assertion.signing_input(attempt);
            let input = input.ok_or_else(|| misconfigured("the system gives no randomness"))?;
            let signed = compact_jws(&input, &self.sign(&input).await?);
            request.push("client_id", attempt.client_id);
            assertion::push(request, assertion::JWT_BEARER, signed.expose());
            Ok(())
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Remote(_) => f.write_str("Remote(..)"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A path, where it is a string.
    key: SecretConfig,
    alg: Algorithm,
    kid: Option<String>,
    certificate: Option<PathBuf>,
    #[serde(default)]
    plain_typ: bool,
    #[serde(default)]
    danger_audience_token_endpoint: bool,
}

pub(super) fn of_config(settings: MethodConfig) -> Result<Arc<dyn ClientAuth>, ConfigError> {
    let settings: Settings = settings.read()?;
    let read = |field, path: PathBuf| {
        check_path(field, &path)?;
        let read = CredentialFile::new(path).read_now();
        read.map_err(|problem| ConfigError::new(field, problem))
    };
    let text = match settings.key {
        SecretConfig::Text(path) => read("key", path.expose().into())?,
        SecretConfig::File(path) => read("key.file", path)?,
        SecretConfig::Env(name) => variable(&name).map_err(|error| error.within("key"))?,
    };
    let is_jwk = text.expose().trim_start().starts_with('{');
    let key = match is_jwk {
        true => SigningKey::from_jwk(settings.alg, &text),
        false => SigningKey::from_pem(settings.alg, &text),
    };
    let mut key = key.map_err(|error| error.at("key"))?;
    if let Some(kid) = settings.kid {
        key = key.with_kid(kid);
    }
    let mut auth = PrivateKeyJwt::new(key);
    if let Some(path) = settings.certificate {
        auth = auth.certificate(read("certificate", path)?.expose())?;
    }
    if settings.plain_typ {
        auth = auth.plain_typ();
    }
    if settings.danger_audience_token_endpoint {
        auth = auth.danger_audience_token_endpoint();
    }
    Ok(Arc::new(auth))
}
