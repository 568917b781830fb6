use std::sync::Arc;

use http::Uri;
use obo_core::dialect::Dialect;
use obo_core::{ConfigError, Scope, Target, https_or_loopback};
use url::Url;

use super::place::Place;
use super::template::{Template, TemplateUri};

/// A service that is called on behalf of users: where it is, and for whom its tokens are asked.
///
/// ```
/// use obo::Destination;
///
/// let stock = Destination::new("https://stock.corp.example", "service-b")?
///     .scopes(["stock:read"])?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Destination(
    /// Shared, since clients are cloned for each call.
    Arc<Parts>,
);

#[derive(Clone, Debug)]
struct Parts {
    /// A template's host is what follows the placeholder.
    place: Place<'static>,
    addressed: Addressed,
    dialect: Option<Arc<dyn Dialect>>,
}

/// How a token for a request is asked for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) target: Arc<Target>,
    /// Where it is not that of the exchange.
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
}

#[derive(Clone, Debug)]
enum Addressed {
    One(Arc<Target>),
    PerLabel(Template),
}

impl Destination {
    /// The service at `uri`, whose tokens are addressed to `target`: an audience (RFC 8693) or a resource (RFC 8707).
    ///
    /// A path restricts the destination to URIs at or below it.
    ///
    /// # Errors
    ///
    /// When the URI is neither `https` nor on loopback, or has a query, a fragment or user information, or a path that
    /// servers read differently.
    pub fn new<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target>,
        T::Error: Into<ConfigError>,
    {
        let target = target.try_into().map_err(Into::into)?;
        has_no_placeholder(uri)?;
        Self::exact(&https_or_loopback(FIELD, uri)?, target)
    }

    /// As [`new`](Self::new), for a network that encrypts below HTTP: tokens go over `http` to any host.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), save for `http`.
    pub fn danger_plaintext<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target>,
        T::Error: Into<ConfigError>,
    {
        let target = target.try_into().map_err(Into::into)?;
        has_no_placeholder(uri)?;
        let url = Url::parse(uri)
            .map_err(|error| ConfigError::new(FIELD, format!("not an absolute URL: {error}")))?;
        if url.scheme() != "http" || url.host().is_none() {
            let problem = "is not `http`, so that `danger_plaintext` is out of place";
            return Err(ConfigError::new(FIELD, problem));
        }
        Self::exact(&url, target)
    }

    /// Each service of a domain that you own: `{name}` in the URI stands for the first label of the host, and in the
    /// target for the same label.
    ///
    /// ```
    /// use obo::Destination;
    ///
    /// // https://stock.svc.example.com is called with a token for the audience `api://stock`.
    /// let services = Destination::template("https://{service}.svc.example.com", "api://{service}")?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// The label is a whole one of letters, digits and hyphens; none that encodes other characters, such as `xn--`. Only
    /// requests whose URI has an authority are meant, so a channel needs an exact destination. Whoever can create
    /// hosts in the domain decides which audience is asked for; the authorization server decides which is given.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), but loopback must be `https` too; when the URI does not start with the placeholder, or less than
    /// two labels follow it; when an audience or resource lacks it, so that one token would be for all services. Whether
    /// others can register names in the domain, as in `{name}.co.uk`, is not checked.
    pub fn template<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target>,
        T::Error: Into<ConfigError>,
    {
        let target = target.try_into().map_err(Into::into)?;
        let parsed = TemplateUri::parse(uri)?;
        let place = Place {
            host: parsed.domain.into(),
            ..Place::of(&parsed.url)?
        };
        Ok(Self(Arc::new(Parts {
            place,
            addressed: Addressed::PerLabel(Template::new(&parsed.placeholder, target)?),
            dialect: None,
        })))
    }

    fn exact(url: &Url, target: Target) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Parts {
            place: Place::of(url)?,
            addressed: Addressed::One(Arc::new(target)),
            dialect: None,
        })))
    }

    /// Asks for tokens with these scope values; without them the authorization server decides.
    ///
    /// It may grant less; see [`required_scopes`](Self::required_scopes).
    ///
    /// # Errors
    ///
    /// When one is no scope value.
    pub fn scopes<V: AsRef<str>>(
        self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, ConfigError> {
        let scope = Scope::new(values)?;
        self.change(|target| target.with_scope(scope))
    }

    /// Asks for tokens with these scope values, and calls with none that was granted less: the call is denied then.
    ///
    /// # Errors
    ///
    /// When one is no scope value.
    pub fn required_scopes<V: AsRef<str>>(
        self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, ConfigError> {
        let scope = Scope::new(values)?;
        self.change(|target| target.with_required_scope(scope))
    }

    /// Asks for this destination's tokens in a dialect of its own, whatever that of the exchange is.
    ///
    /// Its [`identity`](Dialect::identity) keeps the tokens apart from those of others.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        Arc::make_mut(&mut self.0).dialect = Some(Arc::new(dialect));
        self
    }

    fn change(mut self, change: impl FnOnce(Target) -> Target) -> Result<Self, ConfigError> {
        let parts = Arc::make_mut(&mut self.0);
        parts.addressed = match &parts.addressed {
            Addressed::One(target) => Addressed::One(Arc::new(change((**target).clone()))),
            Addressed::PerLabel(template) => Addressed::PerLabel(template.change(change)?),
        };
        Ok(self)
    }

    /// What `Host` says of a request to this destination; a template has no single one.
    pub(crate) fn host(&self) -> Option<String> {
        let Place { host, port, .. } = &self.0.place;
        (!self.is_template()).then(|| match (self.0.place.scheme.as_ref(), *port) {
            ("https", 443) | ("http", 80) => host.to_string(),
            _ => format!("{host}:{port}"),
        })
    }

    pub(super) fn place(&self) -> &Place<'static> {
        &self.0.place
    }

    pub(crate) fn is_template(&self) -> bool {
        matches!(self.0.addressed, Addressed::PerLabel(_))
    }

    /// How a token is asked for when a request goes to `request`, which is here.
    pub(super) fn at(&self, request: &Place<'_>) -> Option<Found> {
        match &self.0.addressed {
            Addressed::One(target) => Some(self.found(Arc::clone(target))),
            Addressed::PerLabel(template) => {
                let (label, _) = request.label_and_domain()?;
                template.target(label).map(|target| self.found(target))
            }
        }
    }

    /// This destination as it is configured, if it is at `host`; without a host, wherever it is.
    pub(crate) fn at_host(&self, host: &str) -> Vec<String> {
        let Parts {
            place, addressed, ..
        } = &*self.0;
        let host = host.to_ascii_lowercase();
        let is_here = match addressed {
            Addressed::One(_) => place.host == host,
            Addressed::PerLabel(_) => host.split_once('.').is_some_and(|(_, it)| place.host == it),
        };
        match is_here || host.is_empty() {
            true => vec![self.spelled()],
            false => Vec::new(),
        }
    }

    /// Where it is, with the placeholder of a template.
    pub(super) fn spelled(&self) -> String {
        let place = &self.0.place;
        match &self.0.addressed {
            Addressed::One(_) => place.to_string(),
            Addressed::PerLabel(template) => {
                let host = format!("{}.{}", template.placeholder(), place.host).into();
                Place {
                    host,
                    ..place.clone()
                }
                .to_string()
            }
        }
    }

    fn found(&self, target: Arc<Target>) -> Found {
        let dialect = self.0.dialect.clone();
        Found { target, dialect }
    }

    /// How a token is asked for when a request goes to `uri`, if that is here. A request of a channel has no authority:
    /// it goes wherever the channel does, and still at or below the path.
    pub(crate) fn find(&self, uri: &Uri) -> Option<Found> {
        let Parts {
            place, addressed, ..
        } = &*self.0;
        if !place.covers(uri.path()) {
            return None;
        }
        match (addressed, uri.authority()) {
            (Addressed::One(target), None) => Some(self.found(Arc::clone(target))),
            (Addressed::PerLabel(_), None) => None,
            (_, Some(_)) => {
                let request = Place::of_request(uri)?;
                let host = if self.is_template() {
                    request.label_and_domain()?.1
                } else {
                    &request.host
                };
                let is_here = place.host == host
                    && place.scheme == request.scheme
                    && place.port == request.port;
                is_here.then(|| self.at(&request))?
            }
        }
    }
}

/// The name by which errors call a destination.
pub(super) const FIELD: &str = "destination";

fn has_no_placeholder(uri: &str) -> Result<(), ConfigError> {
    if uri.contains(['{', '}']) {
        let problem =
            "has braces, and only a template over https may have a placeholder; write an exact URI";
        return Err(ConfigError::new(FIELD, problem));
    }
    Ok(())
}
