use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{MAX_LEEWAY, Policy};
use crate::error::ConfigError;
use crate::jose::crypto::Algorithm;
use crate::time::as_in_files;
use crate::token::audience::Audience;
use crate::token::issuer::Issuer;
use crate::validate::profile::Profile;
use crate::validate::typed;

/// Builds a [`Policy`]. It keeps the first mistake, and [`build`](Self::build) returns it.
///
/// ```
/// use std::time::Duration;
/// use obo_core::{Policy, Profile};
///
/// let policy = Policy::builder("https://idp.example.com")
///     .audience("service-a")
///     .profile(Profile::LENIENT)
///     .leeway(Duration::from_secs(30))
///     .build()?;
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder(Result<Policy, ConfigError>);

impl Policy {
    /// Starts a policy for tokens of `issuer`, a literal or an [`Issuer`]. Defaults: the profile of
    /// RFC 9068, 60 s of leeway.
    ///
    /// At least one [`audience`](PolicyBuilder::audience) is required.
    pub fn builder<I>(issuer: I) -> PolicyBuilder
    where
        I: TryInto<Issuer, Error: Into<ConfigError>>,
    {
        let issuer = issuer.try_into().map_err(Into::into);
        PolicyBuilder(issuer.map(Self::without_audience))
    }
}

impl PolicyBuilder {
    /// Accepts tokens for `audience`, a literal or an [`Audience`].
    ///
    /// Each call adds an alternative. Audiences are compared exactly (RFC 7519 section 4.1.3).
    pub fn audience<A>(self, audience: A) -> Self
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        self.and_then(|policy| {
            policy
                .audiences
                .push(audience.try_into().map_err(Into::into)?);
            Ok(())
        })
    }

    /// Sets the profile. Default: RFC 9068.
    pub fn profile(self, profile: Profile) -> Self {
        self.and_then(|policy| {
            policy.profile = profile;
            Ok(())
        })
    }

    /// Accepts only these algorithms. Default: all. An empty list is a mistake.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.and_then(|policy| {
            policy.algorithms = algorithms.into_iter().collect();
            match policy.algorithms.is_empty() {
                true => Err(ConfigError::new(
                    "algorithms",
                    "is empty, so no token could pass; name at least one algorithm",
                )),
                false => Ok(()),
            }
        })
    }

    /// Accepts clocks that differ by up to `leeway`. Default: 60 s; at most [`MAX_LEEWAY`].
    pub fn leeway(self, leeway: Duration) -> Self {
        self.and_then(|policy| {
            if leeway > MAX_LEEWAY {
                let problem = format!(
                    "{} is more than {}; fix the clock instead",
                    as_in_files(leeway),
                    as_in_files(MAX_LEEWAY)
                );
                return Err(ConfigError::new("leeway", problem));
            }
            policy.leeway = leeway;
            Ok(())
        })
    }

    /// Rejects a token this long after it was issued, as if its `exp` were at most its `iat` plus
    /// `age`. A token without `iat` is rejected. Default: no limit. Zero is a mistake.
    ///
    /// Use it for an issuer whose tokens live longer than this service wants. The limit also holds
    /// outbound: after it, no token is exchanged or refreshed for the caller
    /// ([`Caller::ends_at`](crate::Caller::ends_at)).
    ///
    /// This is the age of the token, not of the user's authentication. The latter is in
    /// `auth_time`, and rules can require it.
    pub fn max_token_age(self, age: Duration) -> Self {
        self.and_then(|policy| {
            if age.is_zero() {
                let problem = "is zero, so no token could pass";
                return Err(ConfigError::new("max_token_age", problem));
            }
            policy.max_token_age = Some(age);
            Ok(())
        })
    }

    /// Also reads the payload into `C`. A token whose claims do not fit is rejected.
    pub fn claims<C: DeserializeOwned + Send + Sync + 'static>(self) -> Self {
        self.and_then(|policy| {
            policy.read_claims = Some(|payload| {
                let claims: C = typed::read(payload)?;
                Ok(Arc::new(claims) as Arc<dyn Any + Send + Sync>)
            });
            Ok(())
        })
    }

    /// Whether an audience is set.
    pub fn has_audience(&self) -> bool {
        self.0
            .as_ref()
            .is_ok_and(|policy| !policy.audiences.is_empty())
    }

    /// The first mistake so far.
    pub fn mistake(&self) -> Option<ConfigError> {
        self.0.as_ref().err().cloned()
    }

    /// Builds the policy.
    ///
    /// # Errors
    ///
    /// Returns the first mistake, with the name of its setter. A missing audience is a mistake of
    /// `audience`.
    pub fn build(self) -> Result<Policy, ConfigError> {
        let policy = self.0?;
        match policy.audiences.is_empty() {
            true => Err(ConfigError::new(
                "audience",
                "is missing; set the name that tokens for this service have in `aud`",
            )),
            false => Ok(policy),
        }
    }

    fn and_then(self, set: impl FnOnce(&mut Policy) -> Result<(), ConfigError>) -> Self {
        Self(self.0.and_then(|mut policy| {
            set(&mut policy)?;
            Ok(policy)
        }))
    }
}

impl From<Policy> for PolicyBuilder {
    /// Starts with the settings of a policy.
    fn from(policy: Policy) -> Self {
        Self(Ok(policy))
    }
}
