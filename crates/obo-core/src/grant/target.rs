use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::ConfigError;
use crate::grant::digested::Text;
use crate::token::audience::{Audience, Resource};
use crate::token::scope::Scope;

/// The service that a token is for: its audience or resource, and the requested scope.
///
/// Request one target and the least scope per exchange.
#[derive(Clone, Debug)]
pub struct Target {
    audiences: Vec<Audience>,
    resources: Vec<Resource>,
    scope: Scope,
    requires_scope: bool,
    other_names: Vec<Audience>,
    /// The name in metrics, for one of many similar targets.
    description: Option<Arc<str>>,
    digest: OnceLock<[u8; 32]>,
}

impl Target {
    /// A service by its logical name, sent as `audience` (RFC 8693 section 2.1).
    pub fn audience(audience: Audience) -> Self {
        Self::named(vec![audience], Vec::new())
    }

    /// A service by its URI, sent as `resource` (RFC 8707 section 2).
    pub fn resource(resource: Resource) -> Self {
        Self::named(Vec::new(), vec![resource])
    }

    fn named(audiences: Vec<Audience>, resources: Vec<Resource>) -> Self {
        Self {
            audiences,
            resources,
            scope: Scope::default(),
            requires_scope: false,
            other_names: Vec::new(),
            description: None,
            digest: OnceLock::new(),
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self.digest = OnceLock::new();
        self
    }

    /// Adds an audience of the same service.
    #[must_use]
    pub fn and_audience(self, audience: Audience) -> Self {
        self.set(|target| {
            target.audiences.push(audience);
        })
    }

    /// Adds a resource of the same service.
    #[must_use]
    pub fn and_resource(self, resource: Resource) -> Self {
        self.set(|target| {
            target.resources.push(resource);
        })
    }

    /// Requests this scope. Default: the authorization server decides.
    ///
    /// The server may grant less. [`IssuedToken::scope`](crate::IssuedToken::scope) is what it
    /// granted (RFC 8693 section 2.2.1).
    #[must_use]
    pub fn with_scope(self, scope: Scope) -> Self {
        self.set(|target| {
            target.scope = scope;
            target.requires_scope = false;
        })
    }

    /// Requests this scope and requires all of it: a token with less is not used.
    #[must_use]
    pub fn with_required_scope(self, scope: Scope) -> Self {
        self.set(|target| {
            target.scope = scope;
            target.requires_scope = true;
        })
    }

    /// Also accepts tokens with this audience, which is never sent.
    ///
    /// If a request has a `resource` or a scope, some servers issue a token for another name of the
    /// service.
    #[must_use]
    pub fn or_named(self, audience: Audience) -> Self {
        self.set(|target| {
            target.other_names.push(audience);
        })
    }

    /// Identifies the target in cache keys.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| target_digest(self))
    }

    /// Sets the name in metrics, so that similar targets are counted together, such as the services
    /// of a domain.
    #[must_use]
    pub fn described_as(mut self, description: &str) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The name in metrics: [`described_as`](Self::described_as), or else audiences and resources.
    pub fn description(&self) -> String {
        if let Some(description) = &self.description {
            return description.to_string();
        }
        let audiences = self.audiences.iter().map(Audience::as_str);
        let names = audiences.chain(self.resources.iter().map(Resource::as_str));
        names.collect::<Vec<_>>().join(" ")
    }

    /// The audiences, in order.
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// The resources, in order.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The other audiences that a token for the service may have.
    pub fn other_names(&self) -> &[Audience] {
        &self.other_names
    }

    /// Whether this audience is the service.
    pub(crate) fn is_named(&self, aud: &str) -> bool {
        let names = self.audiences.iter().chain(&self.other_names);
        let resources = self.resources.iter().map(Resource::as_str);
        names
            .map(Audience::as_str)
            .chain(resources)
            .any(|name| name == aud)
    }

    /// The requested scope; empty if the authorization server decides.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a token with less scope must not be used.
    pub fn requires_scope(&self) -> bool {
        self.requires_scope
    }
}

impl From<Audience> for Target {
    fn from(audience: Audience) -> Self {
        Self::audience(audience)
    }
}

impl TryFrom<&str> for Target {
    type Error = ConfigError;

    /// The target with this audience.
    fn try_from(audience: &str) -> Result<Self, ConfigError> {
        Audience::new(audience).map(Self::audience)
    }
}

impl From<Resource> for Target {
    fn from(resource: Resource) -> Self {
        Self::resource(resource)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.audiences.iter().map(Audience::as_str);
        for (i, name) in names
            .chain(self.resources.iter().map(Resource::as_str))
            .enumerate()
        {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name:?}")?;
        }
        Ok(())
    }
}

/// SHA-256 of everything that shapes a target, without a secret. It is computed once per target.
fn target_digest(target: &Target) -> [u8; 32] {
    let sorted = |names: &mut dyn Iterator<Item = &str>| {
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let mut text = Text::public();
    for names in [
        sorted(&mut target.audiences().iter().map(|a| a.as_str())),
        sorted(&mut target.resources().iter().map(|r| r.as_str())),
        sorted(&mut target.other_names().iter().map(|a| a.as_str())),
    ] {
        // The number of names, so that different lists have different inputs.
        text.fixed(&(names.len() as u64).to_be_bytes());
        names.iter().for_each(|name| text.part(name));
    }
    text.fixed(&[u8::from(target.requires_scope())]);
    text.part(target.scope().as_str());
    text.digest()
}
