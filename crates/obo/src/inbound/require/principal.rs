use std::fmt;

use obo_core::{ActorId, Issuer};

/// An actor, a subject or a client in the list of a rule.
///
/// A string names it within the token's own issuer. An [`ActorId`] has the issuer too (RFC 8693
/// section 4.1). An actor of another issuer than the token's is accepted only by a rule that names
/// the token's issuer: see [`Rule::issuers`](crate::Rule::issuers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    issuer: Option<String>,
    pub(super) subject: String,
}

impl From<&str> for Principal {
    fn from(subject: &str) -> Self {
        Self::from(subject.to_owned())
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
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        match &self.issuer {
            Some(issuer) => write!(f, " of {issuer}"),
            None => Ok(()),
        }
    }
}
