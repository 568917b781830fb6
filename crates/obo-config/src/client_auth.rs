//! The client authentication methods by their names in files: a function and a line for each.

use std::path::PathBuf;

use obo::client::{
    ClientAssertion, ClientAuth, ClientSecretJwt, ClientSecretPost, MacAlgorithm,
    SelfSignedTlsClientAuth, SigningKey, TlsClientAuth,
};
use obo::policy::Algorithm;
use obo::{Client, ClientSecretBasic, ConfigError, PrivateKeyJwt, Secret};
use serde::Deserialize;

use crate::form::{True, set};
use crate::secret::SecretConfig;
use crate::settings::Settings;

/// Makes the client of this identifier; a mistake in the settings as a whole has an empty field.
pub(crate) type Method = dyn Fn(&str, Settings) -> Result<Client, ConfigError> + Send + Sync;

pub(crate) const METHODS: &[(&str, &Method)] = &[
    ("client_assertion_file", &|id, settings| {
        client(id, client_assertion(settings))
    }),
    ("client_secret_basic", &|id, settings| {
        client(id, client_secret_basic(settings))
    }),
    ("client_secret_jwt", &|id, settings| {
        client(id, client_secret_jwt(settings))
    }),
    ("client_secret_post", &|id, settings| {
        client(id, client_secret_post(settings))
    }),
    ("private_key_jwt", &|id, settings| {
        client(id, private_key_jwt(settings))
    }),
    ("self_signed_tls_client_auth", &|id, settings| {
        client(id, settings.read().map(|True| SelfSignedTlsClientAuth))
    }),
    ("tls_client_auth", &|id, settings| {
        client(id, settings.read().map(|True| TlsClientAuth))
    }),
];

pub(crate) fn client(
    id: &str,
    auth: Result<impl ClientAuth, ConfigError>,
) -> Result<Client, ConfigError> {
    let client = Client::new(id, auth?);
    client.check()?;
    Ok(client)
}

fn client_secret_basic(settings: Settings) -> Result<ClientSecretBasic, ConfigError> {
    let secret: SecretConfig = settings.read()?;
    secret.build(
        |secret| Ok(ClientSecretBasic::new(secret)),
        ClientSecretBasic::from_file,
    )
}

fn client_secret_post(settings: Settings) -> Result<ClientSecretPost, ConfigError> {
    let secret: SecretConfig = settings.read()?;
    secret.build(
        |secret| Ok(ClientSecretPost::new(secret)),
        ClientSecretPost::from_file,
    )
}

fn client_secret_jwt(mut settings: Settings) -> Result<ClientSecretJwt, ConfigError> {
    #[derive(Deserialize)]
    struct Under {
        alg: Option<MacAlgorithm>,
    }

    let alg = settings.take::<Under>()?.alg.unwrap_or(MacAlgorithm::Hs256);
    settings.read::<SecretConfig>()?.build(
        |secret| Ok(ClientSecretJwt::new(alg, secret)),
        |path| ClientSecretJwt::from_file(alg, path),
    )
}

fn client_assertion(settings: Settings) -> Result<ClientAssertion, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Assertion {
        file: PathBuf,
        #[serde(default, rename = "type")]
        kind: Kind,
        audience: Option<String>,
        #[serde(default)]
        with_client_id: bool,
    }

    #[derive(Clone, Copy, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        #[default]
        JwtBearer,
        JwtSpiffe,
    }

    let assertion: Assertion = settings.read()?;
    let auth = match (assertion.kind, &assertion.audience) {
        (Kind::JwtSpiffe, Some(_)) => {
            let problem =
                "goes with `jwt-bearer` alone: a JWT-SVID is addressed to the issuer identifier";
            return Err(ConfigError::new("audience", problem));
        }
        (_, audience) => {
            let auth = ClientAssertion::from_file(assertion.file);
            set(auth, audience.as_deref(), ClientAssertion::audience)
        }
    };
    auth.check().map_err(|error| error.at("file"))?;
    let auth = match assertion.kind {
        Kind::JwtBearer => auth,
        Kind::JwtSpiffe => auth.jwt_spiffe(),
    };
    Ok(match assertion.with_client_id {
        true => auth.with_client_id(),
        false => auth,
    })
}

fn private_key_jwt(settings: Settings) -> Result<PrivateKeyJwt, ConfigError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Signer {
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

    let signer: Signer = settings.read()?;
    let (alg, kid) = (signer.alg, signer.kid.as_deref());
    let key = match signer.key {
        SecretConfig::Text(path) => {
            let auth = PrivateKeyJwt::from_file(alg, path.expose(), kid);
            let checked = auth.check().map_err(|error| error.at(""));
            checked.map(|()| auth)
        }
        place => place.build(
            |text: Secret| {
                let key = SigningKey::parse(alg, &text)?;
                Ok(PrivateKeyJwt::new(match kid {
                    Some(kid) => key.with_kid(kid),
                    None => key,
                }))
            },
            |path| PrivateKeyJwt::from_file(alg, path, kid),
        ),
    };
    let mut auth = key.map_err(|error| error.within("key"))?;
    if let Some(path) = signer.certificate {
        auth = auth.certificate_file(path);
    }
    if signer.plain_typ {
        auth = auth.plain_typ();
    }
    if signer.danger_audience_token_endpoint {
        auth = auth.danger_audience_token_endpoint();
    }
    Ok(auth)
}
