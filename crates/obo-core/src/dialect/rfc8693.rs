//! RFC 8693, and the ways in which servers deviate: <https://www.rfc-editor.org/rfc/rfc8693>.

mod request;
mod response;
mod settings;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Response;

use self::settings::Settings;
pub use self::settings::TargetBy;
use super::refusal::Classify;
use super::{Dialect, Registration};
use crate::grant::Grant;
use crate::grant::issued_token::IssuedToken;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::grant::token_request::TokenRequest;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The token exchange grant (RFC 8693), strict by default, with a setting for each deviation of
/// servers.
///
/// If the server does not support a request, the request fails before it is sent. The class is
/// [`ClientMisconfigured`](crate::ErrorClass::ClientMisconfigured) if it can never work, and
/// [`TargetDenied`](crate::ErrorClass::TargetDenied) if the server would refuse this caller's token
/// and a new token would not help.
///
/// ```
/// use obo_core::TokenType;
/// use obo_core::dialect::{Rfc8693, TargetBy};
///
/// // A server that takes one `audience` and does not return the type of the issued token.
/// let dialect = Rfc8693::new()
///     .with_name("corp-sts")
///     .target_by(TargetBy::OneAudience)
///     .requested_type(TokenType::ACCESS_TOKEN)
///     .allow_missing_issued_type()
///     .extra_parameter("tenant", "corp")?;
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Rfc8693 {
    name: &'static str,
    settings: Settings,
    extra: Vec<(String, Secret)>,
    /// Only decides the class of an error, so it is not part of the identity.
    classify: Option<Classify>,
    /// Name, settings and extra parameters as a text, computed by each setter because every call
    /// needs it.
    identity: Secret,
}

const NAME: &str = "rfc8693";

impl Rfc8693 {
    /// The grant as in the standard.
    pub fn new() -> Self {
        Self {
            name: NAME,
            settings: Settings::default(),
            extra: Vec::new(),
            classify: None,
            identity: Secret::new(NAME),
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        let mut extra: Vec<_> = self.extra.iter().collect();
        extra.sort_unstable_by_key(|(name, _)| name);
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in extra {
            form.append_pair(name, value.expose());
        }
        self.identity = Secret::new(format!(
            "{} {:?}?{}",
            self.name,
            self.settings,
            form.finish()
        ));
        self
    }
}

impl Default for Rfc8693 {
    fn default() -> Self {
        Self::new()
    }
}

impl Dialect for Rfc8693 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn identity(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.identity.expose())
    }

    fn has_pairwise_subjects(&self) -> bool {
        self.settings.pairwise_subject
    }

    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        match grant {
            Grant::Exchange(request) => self.exchange_form(request, by),
            Grant::ClientCredentials { target, .. } => self.client_form(target.as_deref()),
        }
    }

    fn response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        self.read_response(grant, response, now)
    }
}

impl fmt::Debug for Rfc8693 {
    /// Shows only the names of extra parameters: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.extra.iter().map(|(name, _)| name).collect();
        f.debug_struct("Rfc8693")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("extra", &names)
            .finish_non_exhaustive()
    }
}
