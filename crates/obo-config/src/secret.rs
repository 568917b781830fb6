use std::env::VarError;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use obo::client::ClientAuth;
use obo::{ConfigError, Secret};
use serde::Deserialize;

use crate::form::Form;

/// A secret: the text itself; or `{ file = "…" }`, read at each use; or `{ env = "…" }`, a variable of the environment.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form<Place>")]
pub enum SecretConfig {
    /// The text itself.
    Text(Secret),
    /// The file that has it.
    File(PathBuf),
    /// The name of the variable that has it.
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
                _ => Err("give either `file` or `env`"),
            },
        }
    }
}

impl SecretConfig {
    /// Builds the method that uses the secret: from the text, which may come of a variable; or from the file.
    ///
    /// # Errors
    ///
    /// If the variable is not set, and what the method's own check refuses.
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
        auth.check().map_err(|error| error.at(place))?;
        Ok(auth)
    }

    /// Reads the secret as it is now. A file's newline at its end is left out. It blocks.
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
                read_file(&path).map_err(|problem| ConfigError::new("file", problem))
            }
            Self::Env(name) => variable(&name),
        }
    }
}

/// What a file holds, without the newline at its end; blocks. The path is not quoted: it may be the secret itself, in the
/// wrong place.
pub(crate) fn read_file(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map(Secret::new);
    let text = text.map_err(|error| format!("the file cannot be read: {error}"))?;
    match text.expose().trim_end_matches(['\r', '\n']) {
        "" => Err("the file is empty".to_owned()),
        secret => Ok(Secret::new(secret)),
    }
}

/// What a variable of the environment holds.
fn variable(name: &str) -> Result<Secret, ConfigError> {
    env::var(name).map(Secret::new).map_err(|error| {
        // An unusual name may be the secret itself.
        let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let name = match name.bytes().all(is_name) {
            true => format!(" {name:?}"),
            false => " of that name".to_owned(),
        };
        let problem = match error {
            VarError::NotPresent => "is not set",
            VarError::NotUnicode(_) => "is not UTF-8",
        };
        ConfigError::new("env", format!("the environment variable{name} {problem}"))
    })
}

impl fmt::Debug for SecretConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretConfig([redacted])")
    }
}
