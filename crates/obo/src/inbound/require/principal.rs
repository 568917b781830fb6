use obo_core::{ActorId, ConfigError, Issuer};

/// An actor, a subject or a client on a list: by its name within the token's own issuer, or by its full identity (RFC 8693
/// section 4.1).
///
/// An actor of another issuer than the token's counts only in a rule that names the token's issuer: see
/// [`Rule::issuers`](crate::Rule::issuers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    issuer: Option<String>,
    subject: String,
}

impl From<&str> for Principal {
    fn from(subject: &str) -> Self {
        Self {
            issuer: None,
            subject: subject.to_owned(),
        }
    }
}

impl From<String> for Principal {
    fn from(subject: String) -> Self {
        Self {
            issuer: None,
            subject,
        }
    }
}

impl From<ActorId> for Principal {
    fn from(id: ActorId) -> Self {
        Self {
            issuer: Some(id.issuer().to_owned()),
            subject: id.subject().to_owned(),
        }
    }
}

impl Principal {
    pub(super) fn is(&self, issuer: &str, subject: &str, own_issuer: &Issuer) -> bool {
        let named = self.issuer.as_deref().unwrap_or(own_issuer.as_str());
        issuer == named && subject == self.subject
    }

    /// At least one principal, each with a name.
    pub(super) fn list<P: Into<Self>>(
        field: &'static str,
        parties: impl IntoIterator<Item = P>,
    ) -> Result<Vec<Self>, ConfigError> {
        let parties: Vec<Self> = parties.into_iter().map(Into::into).collect();
        if parties.is_empty() || parties.iter().any(|party| party.subject.is_empty()) {
            let problem = "the list or a name in it is empty; name at least one";
            return Err(ConfigError::new(field, problem));
        }
        Ok(parties)
    }
}
