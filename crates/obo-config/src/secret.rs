use std::env::VarError;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use obo::client::ClientAuth;
use obo::{ConfigError, Secret};
use serde::Deserialize;

use crate::form::Form;

/// A secret in a file: a string, `{ file = "…" }` for a file that is read at each use, or `{ env =
/// "…" }` for an environment variable.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form<Place>")]
pub enum SecretConfig {
    /// The secret itself.
    Text(Secret),
    /// The path of a file with the secret.
    File(PathBuf),
    /// The name of an environment variable with the secret.
    Env(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    file: Option<PathBuf>,
    env: Option<String>,
}

impl TryFrom<Form<Place>> for SecretConfig {
    type Error = &'static str;

    fn try_from(form: Form<Place>) -> Result<Self, &'static str> {
        match form {
            Form::Text(text) => Ok(Self::Text(Secret::new(text))),
            Form::Table(place) => match (place.file, place.env) {
                (Some(file), None) => Ok(Self::File(file)),
                (None, Some(env)) => Ok(Self::Env(env)),
                _ => Err("must have either `file` or `env`"),
            },
        }
    }
}

impl SecretConfig {
    /// Builds a client authentication method that uses the secret: `of_text` from a string or a
    /// variable, `of_file` from a path.
    ///
    /// # Errors
    ///
    /// Fails if the variable is not set or not UTF-8, or [`ClientAuth::check`] fails.
    pub fn build<A: ClientAuth>(
        self,
        of_text: impl FnOnce(Secret) -> A,
        of_file: impl FnOnce(PathBuf) -> A,
    ) -> Result<A, ConfigError> {
        let (place, auth) = match self {
            Self::Text(text) => ("", of_text(text)),
            Self::File(path) => ("file", of_file(path)),
            Self::Env(name) => ("env", of_text(variable(&name)?)),
        };
        auth.check().map_err(|error| error.at(place).of_secret())?;
        Ok(auth)
    }

    /// Reads the current secret, without the newline at the end of a file. This blocks.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is empty, or the variable is not set or not UTF-8.
    ///
    /// ```
    /// use obo_config::SecretConfig;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Badge {
    ///     pin: SecretConfig,
    /// }
    ///
    /// let badge: Badge = toml::from_str(r#"pin = { env = "CARGO_PKG_NAME" }"#)?;
    /// assert_eq!(badge.pin.read()?.expose(), "obo-config");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(self) -> Result<Secret, ConfigError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::File(path) => {
                read_file(&path).map_err(|problem| ConfigError::new("file", problem).of_secret())
            }
            Self::Env(name) => variable(&name),
        }
    }
}

/// Reads a file, without the newline at its end; blocks. No error quotes the path: it may be a
/// secret in the wrong place.
pub(crate) fn read_file(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map(Secret::new);
    let text = text.map_err(|error| format!("the file cannot be read: {error}"))?;
    match text.expose().trim_end_matches(['\r', '\n']) {
        "" => Err("the file is empty".to_owned()),
        secret => Ok(Secret::new(secret)),
    }
}

/// Reads an environment variable.
fn variable(name: &str) -> Result<Secret, ConfigError> {
    env::var(name).map(Secret::new).map_err(|error| {
        // A name of another form may be a secret in the wrong place.
        let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let name = match name.bytes().all(is_name) {
            true => format!(" {name:?}"),
            false => " of that name".to_owned(),
        };
        let problem = match error {
            VarError::NotPresent => "is not set",
            VarError::NotUnicode(_) => "is not UTF-8",
        };
        let problem = format!("the environment variable{name} {problem}");
        ConfigError::new("env", problem).of_secret()
    })
}

impl fmt::Debug for SecretConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretConfig([redacted])")
    }
}
