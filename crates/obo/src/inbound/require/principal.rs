use obo_core::{ActorId, Issuer};

/// An actor, a subject or a client on a list: by its name within the token's own issuer, or by its full identity (RFC 8693
/// section 4.1).
///
/// An actor of another issuer than the token's counts only in a rule that names the token's issuer: see
/// [`Rule::issuers`](crate::Rule::issuers).
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
