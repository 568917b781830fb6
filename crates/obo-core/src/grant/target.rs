use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::error::ConfigError;
use crate::grant::digested::Text;
use crate::token::audience::{Audience, Resource};
use crate::token::scope::Scope;

/// For whom a token is asked: the audience or resource it will be addressed to, and the scope it shall have.
///
/// One target and the least scope per exchange (TX-40).
#[derive(Clone, Debug)]
pub struct Target {
    audiences: Vec<Audience>,
    resources: Vec<Resource>,
    scope: Scope,
    requires_scope: bool,
    other_names: Vec<Audience>,
    /// How metrics name it, where there are many like it.
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

    /// Names a further audience of the same service.
    #[must_use]
    pub fn and_audience(self, audience: Audience) -> Self {
        self.set(|target| {
            target.audiences.push(audience);
        })
    }

    /// Names a further resource of the same service.
    #[must_use]
    pub fn and_resource(self, resource: Resource) -> Self {
        self.set(|target| {
            target.resources.push(resource);
        })
    }

    /// Asks for this scope; without it the authorization server decides.
    ///
    /// The server may grant less, which [`IssuedToken::scope`](crate::IssuedToken::scope) tells (RFC 8693 section 2.2.1).
    #[must_use]
    pub fn with_scope(self, scope: Scope) -> Self {
        self.set(|target| {
            target.scope = scope;
            target.requires_scope = false;
        })
    }

    /// Asks for this scope and nothing less: a token that was not granted all of it is not used (TX-17).
    #[must_use]
    pub fn with_required_scope(self, scope: Scope) -> Self {
        self.set(|target| {
            target.scope = scope;
            target.requires_scope = true;
        })
    }

    /// Accepts a token that names the service so in its `aud`, though it was asked for by another name.
    ///
    /// It is never sent. Some servers address what is asked for by a `resource` or a scope to a name of their own (RI-03).
    #[must_use]
    pub fn or_named(self, audience: Audience) -> Self {
        self.set(|target| {
            target.other_names.push(audience);
        })
    }

    /// What stands for the target in the keys of a cache.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| target_digest(self))
    }

    /// Has metrics count this one together with others that are described alike, such as the services of a domain.
    #[must_use]
    pub fn described_as(mut self, description: &str) -> Self {
        self.description = Some(description.into());
        self
    }

    /// What metrics count it as: its names, unless it is [described](Self::described_as) otherwise.
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

    /// The names that a token may have for the service besides those it is asked for by.
    pub fn other_names(&self) -> &[Audience] {
        &self.other_names
    }

    /// Whether a token with this in `aud` is addressed to the service.
    pub(crate) fn is_named(&self, aud: &str) -> bool {
        let names = self.audiences.iter().chain(&self.other_names);
        let resources = self.resources.iter().map(Resource::as_str);
        names
            .map(Audience::as_str)
            .chain(resources)
            .any(|name| name == aud)
    }

    /// The scope asked for; empty when the authorization server decides.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a token that was granted less is not to be used.
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

    /// The target of this audience.
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

/// SHA-256 of all that shapes a target, under no secret: it is made once for all who share the target.
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
        // How many there are of each kind, so that none borrows from its neighbour.
        text.fixed(&(names.len() as u64).to_be_bytes());
        names.iter().for_each(|name| text.part(name));
    }
    text.fixed(&[u8::from(target.requires_scope())]);
    text.part(target.scope().as_str());
    text.digest()
}
