//! The client authentication methods in files. A method is one function here and one line in
//! [`methods`].

use std::path::PathBuf;
use std::sync::Arc;

use obo::client::{
    Attempt, Authenticating, ClientAssertion, ClientAuth, ClientSecretJwt, ClientSecretPost,
    MacAlgorithm, SelfSignedTlsClientAuth, SigningKey, TlsClientAuth,
};
use obo::policy::Algorithm;
use obo::token_endpoint::{ErrorClass, TokenEndpointError, TokenRequest};
use obo::{Client, ClientSecretBasic, ConfigError, PrivateKeyJwt};
use serde::Deserialize;

use crate::form::{True, apply, set};
use crate::secret::SecretConfig;
use crate::settings::Settings;

/// Makes a client of its identifier and its settings. The field of an error is empty if it is about
/// the whole settings.
pub(crate) type Method = dyn Fn(&str, Settings) -> Result<Client, ConfigError> + Send + Sync;

/// The methods of [`obo::client`].
pub(crate) fn methods() -> [(&'static str, Arc<Method>); 7] {
    [
        ("client_assertion_file", method(client_assertion_file)),
        ("client_secret_basic", method(client_secret_basic)),
        ("client_secret_jwt", method(client_secret_jwt)),
        ("client_secret_post", method(client_secret_post)),
        ("private_key_jwt", method(private_key_jwt)),
        (
            "self_signed_tls_client_auth",
            method(self_signed_tls_client_auth),
        ),
        ("tls_client_auth", method(tls_client_auth)),
    ]
}

/// Makes a method of a function that reads its settings.
pub(crate) fn method<A: ClientAuth>(
    build: impl Fn(Settings) -> Result<A, ConfigError> + Send + Sync + 'static,
) -> Arc<Method> {
    Arc::new(move |id, settings| {
        let client = Client::new(id, build(settings)?);
        client.check()?;
        Ok(client)
    })
}

/// The method of a [`Setup::without_secrets`](crate::Setup::without_secrets).
#[derive(Debug)]
pub(crate) struct WithoutSecret;

impl ClientAuth for WithoutSecret {
    fn authenticate<'a>(&'a self, _: &'a mut TokenRequest, _: Attempt<'a>) -> Authenticating<'a> {
        let problem = "the secrets of the file were not read";
        let error = TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem);
        Box::pin(std::future::ready(Err(error)))
    }
}

fn tls_client_auth(settings: Settings) -> Result<TlsClientAuth, ConfigError> {
    settings.read().map(|True| TlsClientAuth)
}

fn self_signed_tls_client_auth(settings: Settings) -> Result<SelfSignedTlsClientAuth, ConfigError> {
    settings.read().map(|True| SelfSignedTlsClientAuth)
}

fn client_secret_basic(settings: Settings) -> Result<ClientSecretBasic, ConfigError> {
    let secret: SecretConfig = settings.read()?;
    secret.build(ClientSecretBasic::new, ClientSecretBasic::from_file)
}

fn client_secret_post(settings: Settings) -> Result<ClientSecretPost, ConfigError> {
    let secret: SecretConfig = settings.read()?;
    secret.build(ClientSecretPost::new, ClientSecretPost::from_file)
}

fn client_secret_jwt(mut settings: Settings) -> Result<ClientSecretJwt, ConfigError> {
    #[derive(Deserialize)]
    struct Under {
        alg: Option<MacAlgorithm>,
    }

    let alg = settings.take::<Under>()?.alg.unwrap_or(MacAlgorithm::Hs256);
    settings.read::<SecretConfig>()?.build(
        |secret| ClientSecretJwt::new(alg, secret),
        |path| ClientSecretJwt::from_file(alg, path),
    )
}

fn client_assertion_file(settings: Settings) -> Result<ClientAssertion, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Assertion {
        file: PathBuf,
        #[serde(default, rename = "type")]
        kind: AssertionType,
        audience: Option<String>,
        with_client_id: Option<bool>,
    }

    #[derive(Clone, Copy, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum AssertionType {
        #[default]
        JwtBearer,
        JwtSpiffe,
    }

    let assertion: Assertion = settings.read()?;
    let auth = ClientAssertion::from_file(assertion.file);
    let auth = match (assertion.kind, assertion.audience) {
        (AssertionType::JwtBearer, audience) => {
            set(auth, audience, |auth, audience| auth.audience(&audience))
        }
        (AssertionType::JwtSpiffe, None) => auth.jwt_spiffe(),
        (AssertionType::JwtSpiffe, Some(_)) => {
            let problem =
                "requires type `jwt-bearer`: a JWT-SVID is addressed to the issuer identifier";
            return Err(ConfigError::new("audience", problem));
        }
    };
    auth.check().map_err(|error| error.at("file").of_secret())?;
    Ok(apply!(assertion to auth; ; with_client_id))
}

fn private_key_jwt(settings: Settings) -> Result<PrivateKeyJwt, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Signer {
        /// A string is a path here, not the key itself.
        key: SecretConfig,
        alg: Algorithm,
        kid: Option<String>,
        certificate: Option<PathBuf>,
        plain_typ: Option<bool>,
        danger_audience_token_endpoint: Option<bool>,
    }

    let signer: Signer = settings.read()?;
    let (alg, kid) = (signer.alg, signer.kid.as_deref());
    let (place, auth) = match signer.key {
        SecretConfig::Text(path) => ("key", PrivateKeyJwt::from_file(alg, path.expose(), kid)),
        SecretConfig::File(path) => ("key.file", PrivateKeyJwt::from_file(alg, path, kid)),
        variable @ SecretConfig::Env(_) => {
            let key = variable
                .read()
                .and_then(|text| SigningKey::parse(alg, &text));
            let key = key.map_err(|error| error.at("key.env").of_secret())?;
            let key = set(key, kid, SigningKey::with_kid);
            ("key.env", PrivateKeyJwt::new(key))
        }
    };
    auth.check().map_err(|error| error.at(place).of_secret())?;
    let auth = set(auth, signer.certificate, PrivateKeyJwt::certificate_file);
    Ok(apply!(signer to auth; ; plain_typ danger_audience_token_endpoint))
}
