use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use obo_core::ConfigError;

use super::Found;
use super::place::Place;
use crate::outbound::destination::Destination;
use crate::path::is_unambiguous;

/// The services that clients may call, by scheme, host, port and path prefix; all others are
/// denied.
///
/// Clones share one registry: [`replace`](Self::replace) takes effect for all clients that use it.
/// A lookup costs the same for one destination as for thousands.
///
/// ```
/// use obo::{Audience, Destination, Destinations};
///
/// let destinations = Destinations::new([
///     Destination::template("https://{service}.svc.example.com", Audience::new("{service}")?)?,
///     Destination::new("https://stock.svc.example.com", Audience::new("service-b")?)?,
/// ])?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// The URI of a generated gRPC client's request has only a path. A client that is made by its
/// `with_origin` adds the origin.
#[derive(Clone, Debug)]
pub struct Destinations(Arc<ArcSwap<Registry>>);

impl Destinations {
    /// Allows these destinations and no others.
    ///
    /// An exact destination takes precedence over a template: no template applies to a scheme, host
    /// and port with exact destinations.
    ///
    /// # Errors
    ///
    /// Fails if the list is empty, if two have the same place, or if two templates have the same
    /// domain. Fails if a setting of one is wrong and names it, such as `destinations[1].scopes`.
    pub fn new(destinations: impl IntoIterator<Item = Destination>) -> Result<Self, ConfigError> {
        let mut registry = Registry::default();
        for (at, destination) in destinations.into_iter().enumerate() {
            let destination = destination
                .checked()
                .map_err(|error| error.within(&format!("{FIELD}[{at}]")))?;
            registry
                .add(destination)
                .map_err(|problem| ConfigError::new(FIELD, problem))?;
        }
        if registry.exact.is_empty() && registry.templates.is_empty() {
            let problem =
                "the list is empty, so every call would be denied; name at least one destination";
            return Err(ConfigError::new(FIELD, problem));
        }
        Ok(Self(Arc::new(ArcSwap::from_pointee(registry))))
    }

    /// Replaces the destinations by those of `new`, for all clones, from the next call on.
    ///
    /// A call that has found its destination continues. Cached tokens stay: a destination that asks
    /// for the same token as before keeps using it, and a removed destination is denied although
    /// its token is cached.
    pub fn replace(&self, new: Self) {
        self.0.store(new.0.load_full());
    }

    /// Returns the current destinations, sorted by their [URI](Destination::uri).
    pub fn list(&self) -> Vec<Destination> {
        let registry = self.0.load();
        let origins = registry.exact.values().chain(registry.templates.values());
        let listed = origins.flatten().flat_map(|origin| origin.by_path.values());
        let mut listed: Vec<_> = listed.cloned().collect();
        listed.sort_by_cached_key(Destination::uri);
        listed
    }

    pub(crate) fn find(&self, uri: &Uri) -> Option<Found> {
        self.0.load().find(uri)
    }

    /// The destinations at `host` as they are configured, in order.
    pub(crate) fn at_host(&self, host: &str) -> Vec<String> {
        let registry = self.0.load();
        let host = host.to_ascii_lowercase();
        let exact = registry.exact.get(&*host);
        let domain = host.split_once('.').map(|(_, domain)| domain);
        let templates = domain.and_then(|domain| registry.templates.get(domain));
        let origins = exact.into_iter().chain(templates).flatten();
        let mut spelled: Vec<_> = origins
            .flat_map(|origin| origin.by_path.values())
            .map(Destination::uri)
            .collect();
        spelled.sort();
        spelled
    }

    /// The hosts of all destinations, in order; of a template with `*` as its first label.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let registry = self.0.load();
        let exact = registry.exact.keys().map(|host| host.to_string());
        let templates = registry
            .templates
            .keys()
            .map(|domain| format!("*.{domain}"));
        let mut hosts: Vec<_> = exact.chain(templates).collect();
        hosts.sort();
        hosts
    }
}

const FIELD: &str = "destinations";

#[derive(Debug, Default)]
pub(super) struct Registry {
    exact: Origins,
    templates: Origins,
}

/// By host; of templates, by the domain after its first label.
type Origins = HashMap<Box<str>, Vec<Origin>>;

/// The destinations at one scheme, host and port.
#[derive(Debug)]
struct Origin {
    scheme: Box<str>,
    port: u16,
    by_path: HashMap<Box<str>, Destination>,
    /// The most segments in a path of theirs.
    depth: usize,
}

impl Registry {
    /// Adds a destination, or returns what it conflicts with.
    pub(super) fn add(&mut self, destination: Destination) -> Result<(), String> {
        let place = destination.place().clone();
        let is_template = destination.is_template();
        let origins = match is_template {
            true => &mut self.templates,
            false => &mut self.exact,
        };
        let here = origins.entry(place.host.as_ref().into()).or_default();
        let known = here.iter_mut().find(|origin| origin.is_of(&place));
        match known {
            None => here.push(Origin::new(&place, destination)),
            Some(_) if is_template => {
                return Err(format!("two templates have the domain {:?}", place.host));
            }
            Some(origin) if origin.by_path.contains_key(&*place.path) => {
                return Err(format!("{place} occurs twice"));
            }
            Some(origin) => origin.add(&place, destination),
        }
        Ok(())
    }

    fn find(&self, uri: &Uri) -> Option<Found> {
        let request = Place::of_request(uri)?;
        let exact = origin(&self.exact, &request.host, &request);
        let origin = exact.or_else(|| {
            let (_, domain) = request.label_and_domain()?;
            origin(&self.templates, domain, &request)
        });
        origin?.find(&request.path)?.at(&request)
    }
}

fn origin<'a>(origins: &'a Origins, host: &str, place: &Place<'_>) -> Option<&'a Origin> {
    let mut there = origins.get(host)?.iter();
    there.find(|origin| origin.is_of(place))
}

impl Origin {
    fn new(place: &Place<'_>, destination: Destination) -> Self {
        let mut new = Self {
            scheme: place.scheme.as_ref().into(),
            port: place.port,
            by_path: HashMap::new(),
            depth: 0,
        };
        new.add(place, destination);
        new
    }

    fn add(&mut self, place: &Place<'_>, destination: Destination) {
        self.depth = self.depth.max(place.path.matches('/').count());
        self.by_path.insert(place.path.as_ref().into(), destination);
    }

    fn is_of(&self, place: &Place<'_>) -> bool {
        *self.scheme == *place.scheme && self.port == place.port
    }

    /// The destination with the longest path at or above `path`.
    fn find(&self, path: &str) -> Option<&Destination> {
        // Several destinations by path: a path that servers may read in several ways matches none.
        if self.depth > 0 && !is_unambiguous(path) {
            return None;
        }
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
        let prefixes = ends.chain([path.len()]).filter_map(|end| path.get(..end));
        let by_path = prefixes
            .take(self.depth)
            .filter_map(|prefix| self.by_path.get(prefix));
        by_path.last().or_else(|| self.by_path.get(""))
    }
}
