use obo::ConfigError;
use obo::audit::{AuditSubjects, PseudonymKey};
use serde::Deserialize;

use crate::secret::SecretConfig;
use crate::setup::Setup;

/// How audit records name users and tokens, in a file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `pseudonym_key` | random per process | a [secret](SecretConfig) of 64 hexadecimal digits |
/// | `plain_subjects` | `false` | `true` records the names of users as they are |
///
/// Replicas and services whose records shall be joined share one key; `openssl rand -hex 32` makes
/// one. It is read once, when the configuration is built.
///
/// ```
/// use obo_config::{AuditConfig, Setup};
///
/// let config: AuditConfig = toml::from_str("plain_subjects = true")?;
/// let mut setup = Setup::new();
/// setup.audit(Some(config))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    pseudonym_key: Option<SecretConfig>,
    plain_subjects: bool,
}

impl AuditConfig {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Fails if the key cannot be read or has another form. The error does not quote it.
    pub fn build(self) -> Result<AuditSubjects, ConfigError> {
        let subjects = match self.pseudonym_key {
            None => AuditSubjects::default(),
            Some(key) => {
                let key = key.read().map_err(|error| error.within("pseudonym_key"))?;
                AuditSubjects::keyed(PseudonymKey::parse(key.expose())?)
            }
        };
        Ok(match self.plain_subjects {
            true => subjects.plain(),
            false => subjects,
        })
    }
}

impl Setup {
    /// Sets how audit records name users and tokens, for all that is built afterwards.
    /// [`Config::build`](crate::Config::build) does it for the table `audit`.
    ///
    /// # Errors
    ///
    /// Fails like [`AuditConfig::build`]. The field starts with `audit`.
    pub fn audit(&mut self, audit: Option<AuditConfig>) -> Result<(), ConfigError> {
        if let Some(mut audit) = audit {
            if self.is_without_secrets {
                audit.pseudonym_key = None;
            }
            let subjects = audit.build().map_err(|error| error.within("audit"))?;
            self.audit_subjects = Some(subjects);
        }
        Ok(())
    }
}
