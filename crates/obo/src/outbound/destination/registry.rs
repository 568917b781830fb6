use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use obo_core::ConfigError;

use super::Found;
use super::place::Place;
use crate::outbound::destination::Destination;
use crate::path::is_unambiguous;

/// The services that clients may call, told apart by scheme, host, port and path prefix; all others are denied.
///
/// Clones are the same registry: what [`replace`](Self::replace) puts in, every client that was made with one of them
/// goes by. A lookup costs the same for one destination as for thousands.
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
/// The requests of a generated gRPC client have a path alone; one made by its `with_origin` says where they go.
#[derive(Clone)]
pub struct Destinations(Arc<ArcSwap<Registry>>);

impl Destinations {
    /// These destinations and no others.
    ///
    /// An exact one goes before a template: where a scheme, host and port has exact destinations, no template applies.
    ///
    /// # Errors
    ///
    /// When there are none, two are at the same place, or two templates are for the same domain; when a setting of one is
    /// wrong, with its place, such as `destinations[1].scopes`.
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
            let problem = "there are none, so that every call would be denied; name at least one";
            return Err(ConfigError::new(FIELD, problem));
        }
        Ok(Self(Arc::new(ArcSwap::from_pointee(registry))))
    }

    /// Takes what `new` has instead, for all clones, from the next call on.
    ///
    /// A call that has found its destination goes on. Tokens at hand stay: a destination that asks for the same as before
    /// goes on with them, and one that is not there any more is denied, whatever is at hand.
    pub fn replace(&self, new: Self) {
        self.0.store(new.0.load_full());
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
            .map(Destination::spelled)
            .collect();
        spelled.sort();
        spelled
    }
}

const FIELD: &str = "destinations";

impl fmt::Debug for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destinations").field(&self.0.load()).finish()
    }
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    exact: Origins,
    templates: Origins,
}

/// By host; templates by what follows its first label.
type Origins = HashMap<Box<str>, Vec<Origin>>;

/// The destinations at one scheme, host and port.
#[derive(Debug)]
struct Origin {
    scheme: Box<str>,
    port: u16,
    by_path: HashMap<Box<str>, Destination>,
    /// The most segments that a path of theirs has.
    depth: usize,
}

impl Registry {
    /// Adds a destination, or says with which one it cannot be.
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
                return Err(format!("two templates are for the domain {:?}", place.host));
            }
            Some(origin) if origin.by_path.contains_key(&*place.path) => {
                return Err(format!("{place} is there twice"));
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

    /// The destination with the longest path that is at or above `path`.
    fn find(&self, path: &str) -> Option<&Destination> {
        // Where paths tell destinations apart, a path that servers read differently is none of them.
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
