//! One destination for each service of a domain: a placeholder that stands for the first label of the host.

use std::sync::Arc;

use obo_core::{Audience, ConfigError, Resource, Scope, Target, https_or_loopback};
use quick_cache::sync::Cache;
use url::{Host, Url};

use super::single::FIELD;

/// How many targets are kept, which are made again otherwise.
const KEPT: usize = 1024;
/// What the placeholder is read as when the URI is parsed.
const SAMPLE: &str = "x";
/// The longest label of a host (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;
/// The least labels after the placeholder: with one, it would stand for domains that others can buy.
const MIN_LABELS: usize = 2;

#[derive(Clone, Debug)]
pub(super) struct Template {
    /// With its braces.
    placeholder: Box<str>,
    pattern: Arc<Target>,
    made: Arc<Cache<Box<str>, Arc<Target>>>,
}

impl Template {
    /// A target for each label: `pattern` with the label instead of the placeholder.
    pub(super) fn new(placeholder: &str, pattern: Target) -> Result<Self, ConfigError> {
        check(&pattern, placeholder)?;
        filled(&pattern, placeholder, SAMPLE)?;
        Ok(Self {
            placeholder: placeholder.into(),
            pattern: Arc::new(pattern),
            made: Arc::new(Cache::new(KEPT)),
        })
    }

    /// The same with another pattern.
    pub(super) fn change(
        &self,
        change: impl FnOnce(Target) -> Target,
    ) -> Result<Self, ConfigError> {
        Self::new(&self.placeholder, change((*self.pattern).clone()))
    }

    /// With its braces.
    pub(super) fn placeholder(&self) -> &str {
        &self.placeholder
    }

    /// For whom tokens are asked when `label` is the first of the host; `None` when no service may be called so.
    pub(super) fn target(&self, label: &str) -> Option<Arc<Target>> {
        if !is_service(label) {
            return None;
        }
        if let Some(made) = self.made.get(label) {
            return Some(made);
        }
        let target = filled(&self.pattern, &self.placeholder, label).ok()?;
        let target = Arc::new(target);
        self.made.insert(label.into(), Arc::clone(&target));
        Some(target)
    }
}

/// A URI such as `https://{service}.svc.example.com`, in its parts.
pub(super) struct TemplateUri {
    /// With its braces.
    pub(super) placeholder: String,
    /// The URI with a label in its place.
    pub(super) url: Url,
    /// What follows it in the host.
    pub(super) domain: String,
}

impl TemplateUri {
    pub(super) fn parse(uri: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            let problem = format!("{uri:?} {problem}; write `https://{{service}}.svc.example.com`");
            Err(ConfigError::new(FIELD, problem))
        };
        let Some((name, rest)) = uri
            .strip_prefix("https://{")
            .and_then(|rest| rest.split_once("}."))
        else {
            return wrong("does not start with https and a placeholder for one whole label");
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return wrong("has a placeholder that is no name in lower case");
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
        Ok(Self {
            placeholder: format!("{{{name}}}"),
            url,
            domain,
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

/// A label that reads as it is written: none that stands for another one, such as `xn--` (RFC 5890 section 2.3.1).
fn is_service(label: &str) -> bool {
    is_label(label) && label.get(2..4) != Some("--")
}

/// Each name has the placeholder: one without it would be every service's, and a token for one of them good for all.
fn check(pattern: &Target, placeholder: &str) -> Result<(), ConfigError> {
    let audiences = pattern.audiences().iter().map(Audience::as_str);
    let resources = pattern.resources().iter().map(Resource::as_str);
    let names = audiences
        .map(|name| ("audience", name))
        .chain(resources.map(|name| ("resource", name)))
        .chain(
            pattern
                .other_names()
                .iter()
                .map(|name| ("audience", name.as_str())),
        );
    for (field, name) in names {
        if !name.contains(placeholder) || has_other_placeholder(name, placeholder) {
            let problem =
                format!("{name:?} must have {placeholder} of the URI once, and no other braces");
            return Err(ConfigError::new(field, problem));
        }
    }
    for value in pattern.scope().iter() {
        if has_other_placeholder(value, placeholder) {
            let problem =
                format!("{value:?} may have {placeholder} of the URI once, and no other braces");
            return Err(ConfigError::new("scopes", problem));
        }
    }
    Ok(())
}

fn has_other_placeholder(text: &str, placeholder: &str) -> bool {
    text.replacen(placeholder, "", 1).contains(['{', '}'])
}

fn filled(pattern: &Target, placeholder: &str, label: &str) -> Result<Target, ConfigError> {
    let fill = |text: &str| text.replacen(placeholder, label, 1);
    let audiences = pattern.audiences().iter();
    let audiences = audiences.map(|audience| Audience::new(fill(audience.as_str())));
    let resources = pattern.resources().iter();
    let resources = resources.map(|resource| Resource::new(fill(resource.as_str())));
    let target = named(
        audiences.collect::<Result<_, _>>()?,
        resources.collect::<Result<_, _>>()?,
    )?;
    let others = pattern.other_names().iter();
    let target = others
        .map(|name| Audience::new(fill(name.as_str())))
        .try_fold(target, |target, name| {
            Ok::<_, ConfigError>(target.or_named(name?))
        })?
        .described_as(&pattern.description());
    let scope = Scope::new(pattern.scope().iter().map(fill))?;
    Ok(match pattern.requires_scope() {
        true => target.with_required_scope(scope),
        false => target.with_scope(scope),
    })
}

/// The target of these names, of which there must be one at least.
pub(super) fn named(
    audiences: Vec<Audience>,
    resources: Vec<Resource>,
) -> Result<Target, ConfigError> {
    let (mut audiences, mut resources) = (audiences.into_iter(), resources.into_iter());
    let first = audiences.next().map(Target::audience);
    let first = first.or_else(|| resources.next().map(Target::resource));
    let first = first.ok_or_else(|| {
        let problem = "there is none, nor a resource; name the service for which tokens are asked";
        ConfigError::new("audience", problem)
    })?;
    let target = audiences.fold(first, Target::and_audience);
    Ok(resources.fold(target, Target::and_resource))
}
