//! RFC 8693 as it is written, and as servers deviate: <https://www.rfc-editor.org/rfc/rfc8693>.

mod answer;
mod knobs;
mod request;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Response;

use self::knobs::Knobs;
pub use self::knobs::TargetBy;
use super::refusal::Classify;
use super::{Dialect, Registration};
use crate::grant::Grant;
use crate::grant::issued_token::IssuedToken;
use crate::grant::token_endpoint::TokenEndpointError;
use crate::grant::token_request::TokenRequest;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The token exchange grant (RFC 8693), strict by default, with a setting for each way in which servers deviate.
///
/// What a request wants and the server cannot be told is an error before anything is sent: as
/// [`ClientMisconfigured`](crate::ErrorClass::ClientMisconfigured) where this service asks in a way that can never work, as
/// [`TargetDenied`](crate::ErrorClass::TargetDenied) where it is this caller's token that the server would refuse, since a
/// new token of the same kind would change nothing.
///
/// ```
/// use obo_core::TokenType;
/// use obo_core::dialect::{Rfc8693, TargetBy};
///
/// // A server that knows services by one `audience`, and says nothing of the type it issues.
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
    knobs: Knobs,
    extra: Vec<(String, Secret)>,
    /// Decides no more than how a refusal is told, so it is no part of the identity.
    classify: Option<Classify>,
    /// Name, knobs and extra parameters in one text; made when one of them is set, since every call needs it.
    identity: Secret,
}

const NAME: &str = "rfc8693";

impl Rfc8693 {
    /// The grant as written.
    pub fn new() -> Self {
        Self {
            name: NAME,
            knobs: Knobs::default(),
            extra: Vec::new(),
            classify: None,
            identity: Secret::new(NAME),
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Knobs)) -> Self {
        set(&mut self.knobs);
        let mut extra: Vec<_> = self.extra.iter().collect();
        extra.sort_unstable_by_key(|(name, _)| name);
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in extra {
            form.append_pair(name, value.expose());
        }
        self.identity = Secret::new(format!("{} {:?}?{}", self.name, self.knobs, form.finish()));
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
        self.knobs.pairwise_subject
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
        self.judge(grant, response, now)
    }
}

impl fmt::Debug for Rfc8693 {
    /// Of extra parameters the names alone: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.extra.iter().map(|(name, _)| name).collect();
        f.debug_struct("Rfc8693")
            .field("name", &self.name)
            .field("knobs", &self.knobs)
            .field("extra", &names)
            .finish_non_exhaustive()
    }
}
