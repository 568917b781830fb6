use std::sync::Arc;

use http::Uri;
use obo_core::dialect::Dialect;
use obo_core::{ConfigError, Scope, Target, https_or_loopback};
use url::Url;

use super::place::Place;
use super::template::Template;

/// A service that is called: where it is, and which audience its tokens have.
///
/// ```
/// use obo::Destination;
///
/// let stock = Destination::new("https://stock.corp.example", "service-b")?
///     .scopes(["stock:read"]);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Destination(
    /// Shared, since clients are cloned for each call.
    Arc<Parts>,
);

#[derive(Clone, Debug)]
struct Parts {
    /// Of a template, the host is the domain after the placeholder.
    place: Place<'static>,
    /// Of a template, the pattern for the targets of its services.
    target: Arc<Target>,
    template: Option<Template>,
    dialect: Option<Arc<dyn Dialect>>,
    is_bound: bool,
    /// The first mistake of a setter.
    mistake: Option<ConfigError>,
}

/// How to request a token.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) target: Arc<Target>,
    /// `None` for the dialect of the exchange.
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
    /// Whether the token is bound to the key of the exchange.
    pub(crate) is_bound: bool,
}

impl Destination {
    /// The service at `uri`, whose tokens are addressed to `target`: an audience (RFC 8693) or a
    /// resource (RFC 8707).
    ///
    /// A path in the URI limits the destination to URIs at or below it.
    ///
    /// # Errors
    ///
    /// Fails if the URI is neither `https` nor on loopback, if it has a query, a fragment or user
    /// information, or if servers may read its path in several ways.
    pub fn new<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        has_no_placeholder(uri)?;
        Self::of(Place::of(&https_or_loopback(FIELD, uri)?)?, target, None)
    }

    /// As [`new`](Self::new), for a network that encrypts below HTTP: tokens are sent over `http`
    /// to any host.
    ///
    /// ```
    /// use obo::Destination;
    ///
    /// let stock = Destination::danger_plaintext("http://stock.mesh.internal", "service-b")?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), but the URI must be `http`.
    pub fn danger_plaintext<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        has_no_placeholder(uri)?;
        let url = Url::parse(uri)
            .map_err(|error| ConfigError::new(FIELD, format!("not an absolute URL: {error}")))?;
        if url.scheme() != "http" || url.host().is_none() {
            let problem = "is not `http`, which `danger_plaintext` is for; use `new`";
            return Err(ConfigError::new(FIELD, problem));
        }
        Self::of(Place::of(&url)?, target, None)
    }

    /// Every service of a domain that you own: `{name}` in the URI stands for the first label of
    /// the host, and in the target for the same label.
    ///
    /// ```
    /// use obo::Destination;
    ///
    /// // A request to https://stock.svc.example.com has a token for the audience `api://stock`.
    /// let uri = "https://{service}.svc.example.com";
    /// let services = Destination::template(uri, "api://{service}")?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// The label consists of letters, digits and hyphens, and does not encode other characters as
    /// `xn--` does. Only requests whose URI has an authority match, so a channel needs an exact
    /// destination. Anyone who can create hosts in the domain decides which audience is requested;
    /// the authorization server decides which one is granted.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), but loopback must be `https` too. Fails if the URI does not start
    /// with the placeholder or if fewer than two labels follow it. Fails if an audience or resource
    /// lacks the placeholder, since one token would be for all services. It is not checked whether
    /// others can register names in the domain, as in `{name}.co.uk`.
    pub fn template<T>(uri: &str, target: T) -> Result<Self, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let (template, place) = Template::parse(uri)?;
        Self::of(place, target, Some(template))
    }

    fn of<T>(
        place: Place<'static>,
        target: T,
        template: Option<Template>,
    ) -> Result<Self, ConfigError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = target.try_into().map_err(Into::into)?;
        if let Some(template) = &template {
            template.check(&target)?;
        }
        Ok(Self(Arc::new(Parts {
            place,
            target: Arc::new(target),
            template,
            dialect: None,
            is_bound: false,
            mistake: None,
        })))
    }

    /// Requests tokens with these scope values; by default the authorization server decides.
    ///
    /// The server may grant less; see [`required_scopes`](Self::required_scopes). A wrong scope
    /// value is an error where the destination is used, as in
    /// [`TokenExchange::to_destination`](crate::TokenExchange::to_destination).
    #[must_use]
    pub fn scopes<V: AsRef<str>>(self, values: impl IntoIterator<Item = V>) -> Self {
        self.with_scope("scopes", Scope::new(values), Target::with_scope)
    }

    /// As [`scopes`](Self::scopes), but a token that was granted less is not used: the call is
    /// denied.
    #[must_use]
    pub fn required_scopes<V: AsRef<str>>(self, values: impl IntoIterator<Item = V>) -> Self {
        let scope = Scope::new(values);
        self.with_scope("required_scopes", scope, Target::with_required_scope)
    }

    fn with_scope(
        mut self,
        field: &'static str,
        scope: Result<Scope, ConfigError>,
        set: fn(Target, Scope) -> Target,
    ) -> Self {
        let parts = Arc::make_mut(&mut self.0);
        let changed = scope.and_then(|scope| {
            let target = set((*parts.target).clone(), scope);
            parts.template = parts.template.take().map(Template::anew);
            if let Some(template) = &parts.template {
                template.check(&target)?;
            }
            Ok(target)
        });
        match changed {
            Ok(target) => parts.target = Arc::new(target),
            Err(error) => {
                parts.mistake.get_or_insert(error.at(field));
            }
        }
        self
    }

    /// Requests this destination's tokens in a dialect of its own instead of that of the exchange.
    ///
    /// The cache separates these tokens from others by the [`identity`](Dialect::identity) of the
    /// dialect.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        Arc::make_mut(&mut self.0).dialect = Some(Arc::new(dialect));
        self
    }

    /// Binds this destination's tokens to the key of the exchange (DPoP, RFC 9449), which
    /// [`TokenExchangeBuilder::dpop`](crate::exchange::TokenExchangeBuilder::dpop) sets. Each
    /// request has a proof of the key for its own method and URI.
    ///
    /// By default tokens are bearer tokens, and requests have no proof.
    #[must_use]
    pub fn bind_dpop(mut self) -> Self {
        Arc::make_mut(&mut self.0).is_bound = true;
        self
    }

    /// Whether its tokens are [bound to a key](Self::bind_dpop).
    pub fn is_bound(&self) -> bool {
        self.0.is_bound
    }

    /// This destination, or the first mistake of its setters.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        match &self.0.mistake {
            Some(mistake) => Err(mistake.clone()),
            None => Ok(self),
        }
    }

    /// The `Host` of a request to this destination; a template has no single one.
    pub(crate) fn host(&self) -> Option<String> {
        let Place { host, port, .. } = &self.0.place;
        (!self.is_template()).then(|| match (self.0.place.scheme.as_ref(), *port) {
            ("https", 443) | ("http", 80) => host.to_string(),
            _ => format!("{host}:{port}"),
        })
    }

    /// The URL of a request to this destination whose URI has only a path.
    pub(super) fn url_of(&self, path: &str) -> String {
        let host = self.host().unwrap_or_default();
        format!("{}://{host}{path}", self.0.place.scheme)
    }

    pub(super) fn place(&self) -> &Place<'static> {
        &self.0.place
    }

    pub(crate) fn is_template(&self) -> bool {
        self.0.template.is_some()
    }

    /// How to request the token for `request`, which is at this destination.
    pub(super) fn at(&self, request: &Place<'_>) -> Option<Found> {
        let Parts {
            target, template, ..
        } = &*self.0;
        let target = match template {
            None => Arc::clone(target),
            Some(template) => template.target(target, request.label_and_domain()?.0)?,
        };
        Some(self.found(target))
    }

    fn found(&self, target: Arc<Target>) -> Found {
        let dialect = self.0.dialect.clone();
        Found {
            target,
            dialect,
            is_bound: self.0.is_bound,
        }
    }

    fn is_at_host(&self, host: &str) -> bool {
        let host = match &self.0.template {
            None => Some(host),
            Some(_) => host.split_once('.').map(|(_, domain)| domain),
        };
        host == Some(&self.0.place.host)
    }

    /// This destination as it is configured, if it is at `host`. An empty host matches.
    pub(crate) fn at_host(&self, host: &str) -> Vec<String> {
        let is_here = host.is_empty() || self.is_at_host(&host.to_ascii_lowercase());
        Vec::from_iter(is_here.then(|| self.uri()))
    }

    /// Returns what its tokens are for. That of a template has the placeholder.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// Returns where it is, as scheme, host, port and path, with the placeholder of a template.
    pub fn uri(&self) -> String {
        let place = self.0.place.to_string();
        match &self.0.template {
            None => place,
            Some(template) => place.replacen("://", &format!("://{}.", template.placeholder()), 1),
        }
    }

    /// How to request the token for a request to `uri`, if that is at this destination. The
    /// requests of a channel have no authority: the channel decides where they go, but the path
    /// must match.
    pub(crate) fn find(&self, uri: &Uri) -> Option<Found> {
        let Parts { place, target, .. } = &*self.0;
        if !place.covers(uri.path()) {
            return None;
        }
        if uri.authority().is_none() {
            return (!self.is_template()).then(|| self.found(Arc::clone(target)));
        }
        let request = Place::of_request(uri)?;
        let is_here = self.is_at_host(&request.host)
            && place.scheme == request.scheme
            && place.port == request.port;
        is_here.then(|| self.at(&request))?
    }
}

/// The field that errors name.
pub(super) const FIELD: &str = "destination";

fn has_no_placeholder(uri: &str) -> Result<(), ConfigError> {
    if uri.contains(['{', '}']) {
        let problem =
            "has braces, but only a template over https may have a placeholder; write an exact URI";
        return Err(ConfigError::new(FIELD, problem));
    }
    Ok(())
}
