use http::Uri;
use obo::ConfigError;
use obo::path::{PathPattern, is_unambiguous};
use url::Url;

/// Where the requests of one route go.
#[derive(Clone, Debug)]
pub(super) struct UpstreamUrl {
    path: PathPattern,
    /// The URL that all requests go below.
    pub(super) base: Uri,
}

impl UpstreamUrl {
    pub(super) fn new(path: PathPattern, upstream: &str) -> Result<Self, ConfigError> {
        // In normal form, as the destination has it.
        let url = Url::parse(upstream).map(|url| Uri::try_from(url.as_str()));
        let base = url.ok().and_then(Result::ok);
        let base = base.filter(|base| base.scheme().is_some());
        let wrong = || ConfigError::new("upstream", "is not an absolute URL");
        Ok(Self {
            path,
            base: base.ok_or_else(wrong)?,
        })
    }

    /// The request's path from the first parameter of the route on, below the upstream's path.
    pub(super) fn of(&self, requested: &Uri) -> Option<Uri> {
        let rest = requested.path().strip_prefix(self.path.fixed_start());
        let rest = rest.filter(|_| is_unambiguous(requested.path()))?;
        let below = match (self.base.path().trim_end_matches('/'), rest) {
            ("", "") => "/".to_owned(),
            (base, rest) => format!("{base}{rest}"),
        };
        let below = match requested.query() {
            Some(query) => format!("{below}?{query}"),
            None => below,
        };
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(below.parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}
