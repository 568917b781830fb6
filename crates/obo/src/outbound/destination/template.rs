//! A destination for each service of a domain: a placeholder stands for the first label of the
//! host.

use std::sync::Arc;

use obo_core::{Audience, ConfigError, Resource, Scope, Target, https_or_loopback};
use quick_cache::sync::Cache;
use url::Host;

use super::place::Place;
use super::single::FIELD;

/// How many targets are cached; others are made again.
const CACHED: usize = 1024;
/// Stands for the placeholder when the URI is parsed.
const SAMPLE: &str = "x";
/// The longest label of a host (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;
/// The fewest labels after the placeholder: with one, it would match domains that others can buy.
const MIN_LABELS: usize = 2;
const NO_NAME: &str =
    "neither an audience nor a resource is set; name the service that the tokens are for";

/// The placeholder, and the targets that were made for labels.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// With its braces.
    placeholder: Box<str>,
    made: Arc<Cache<Box<str>, Arc<Target>>>,
}

impl Template {
    /// Parses a URI such as `https://{service}.svc.example.com`. The host of the place is the
    /// domain after the placeholder.
    pub(super) fn parse(uri: &str) -> Result<(Self, Place<'static>), ConfigError> {
        let wrong = |problem: &str| {
            let problem = format!("{uri:?} {problem}; write `https://{{service}}.svc.example.com`");
            Err(ConfigError::new(FIELD, problem))
        };
        let Some((name, rest)) = uri
            .strip_prefix("https://{")
            .and_then(|rest| rest.split_once("}."))
        else {
            return wrong("does not start with `https://` and a placeholder for one whole label");
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return wrong("has a placeholder that is not a name in lower case");
        }
        if rest.contains(['{', '}']) {
            return wrong("has braces after the placeholder");
        }
        let url = https_or_loopback(FIELD, &format!("https://{SAMPLE}.{rest}"))?;
        let domain = match url.host() {
            Some(Host::Domain(host)) => host.split_once('.').map(|(_, domain)| domain.to_owned()),
            _ => None,
        };
        let Some(domain) = domain.filter(|domain| is_domain(domain)) else {
            return wrong(
                "must have a domain of your own after the placeholder, of two labels at least",
            );
        };
        let place = Place {
            host: domain.into(),
            ..Place::of(&url)?
        };
        Ok((Self::new(format!("{{{name}}}").into()), place))
    }

    fn new(placeholder: Box<str>) -> Self {
        let made = Arc::new(Cache::new(CACHED));
        Self { placeholder, made }
    }

    /// The same for another pattern.
    pub(super) fn anew(self) -> Self {
        Self::new(self.placeholder)
    }

    /// With its braces.
    pub(super) fn placeholder(&self) -> &str {
        &self.placeholder
    }

    /// The target of the service with this label; `None` if a service may not have it.
    pub(super) fn target(&self, pattern: &Target, label: &str) -> Option<Arc<Target>> {
        if !is_service(label) {
            return None;
        }
        if let Some(made) = self.made.get(label) {
            return Some(made);
        }
        let target = Arc::new(self.filled(pattern, label).ok()?);
        self.made.insert(label.into(), Arc::clone(&target));
        Some(target)
    }

    /// Each name has the placeholder: a token for a name without it would be valid at all services.
    pub(super) fn check(&self, pattern: &Target) -> Result<(), ConfigError> {
        let placeholder = &*self.placeholder;
        let audiences = pattern.audiences().iter().chain(pattern.other_names());
        let audiences = audiences.map(|name| ("audience", name.as_str(), "must"));
        let resources = pattern.resources().iter();
        let resources = resources.map(|name| ("resource", name.as_str(), "must"));
        let scope = pattern.scope().iter().map(|value| ("scopes", value, "may"));
        for (field, name, must) in audiences.chain(resources).chain(scope) {
            let has_other = name.replacen(placeholder, "", 1).contains(['{', '}']);
            if has_other || must == "must" && !name.contains(placeholder) {
                let problem = format!(
                    "{name:?} {must} have {placeholder} of the URI once, and no other braces"
                );
                return Err(ConfigError::new(field, problem));
            }
        }
        self.filled(pattern, SAMPLE).map(drop)
    }

    fn filled(&self, pattern: &Target, label: &str) -> Result<Target, ConfigError> {
        let fill = |text: &str| text.replacen(&*self.placeholder, label, 1);
        let audience = |name: &Audience| Audience::new(fill(name.as_str()));
        let mut audiences = pattern.audiences().iter().map(audience);
        let resource = |name: &Resource| Resource::new(fill(name.as_str()));
        let mut resources = pattern.resources().iter().map(resource);
        let first = match audiences.next() {
            Some(first) => Some(Target::audience(first?)),
            None => resources.next().transpose()?.map(Target::resource),
        };
        let first = first.ok_or_else(|| ConfigError::new("audience", NO_NAME))?;
        let target =
            audiences.try_fold(first, |it, name| name.map(|name| it.and_audience(name)))?;
        let target =
            resources.try_fold(target, |it, name| name.map(|name| it.and_resource(name)))?;
        let mut others = pattern.other_names().iter().map(audience);
        let target = others.try_fold(target, |it, name| name.map(|name| it.or_named(name)))?;
        let scope = Scope::new(pattern.scope().iter().map(fill))?;
        let target = target.described_as(&pattern.description());
        Ok(match pattern.requires_scope() {
            true => target.with_required_scope(scope),
            false => target.with_scope(scope),
        })
    }
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(is_label) && domain.split('.').count() >= MIN_LABELS
}

/// A whole label of letters, digits and inner hyphens (RFC 1123 section 2.1), in lower case.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A label that means what it shows, unlike `xn--` labels (RFC 5890 section 2.3.1).
fn is_service(label: &str) -> bool {
    is_label(label) && label.get(2..4) != Some("--")
}
