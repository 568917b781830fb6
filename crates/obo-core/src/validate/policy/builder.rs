use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{MAX_LEEWAY, Policy};
use crate::error::ConfigError;
use crate::jose::crypto::Algorithm;
use crate::token::audience::Audience;
use crate::token::issuer::Issuer;
use crate::validate::profile::Profile;
use crate::validate::typed;

/// Makes a [`Policy`]; keeps the first mistake, which [`build`](Self::build) returns.
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
    /// Starts a policy for tokens of `issuer`, a literal or an [`Issuer`]: the profile of RFC 9068, 60 s of leeway.
    ///
    /// It requires at least one [`audience`](PolicyBuilder::audience).
    pub fn builder<I>(issuer: I) -> PolicyBuilder
    where
        I: TryInto<Issuer, Error: Into<ConfigError>>,
    {
        let issuer = issuer.try_into().map_err(Into::into);
        PolicyBuilder(issuer.map(Self::without_audience))
    }
}

impl PolicyBuilder {
    /// Accepts tokens addressed to `audience`, a literal or an [`Audience`].
    ///
    /// Each call adds an alternative; audiences are compared exactly (RFC 7519 section 4.1.3).
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

    /// Expects another profile than RFC 9068.
    pub fn profile(self, profile: Profile) -> Self {
        self.and_then(|policy| {
            policy.profile = profile;
            Ok(())
        })
    }

    /// Allows these algorithms alone. An empty list is a mistake.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.and_then(|policy| {
            policy.algorithms = algorithms.into_iter().collect();
            match policy.algorithms.is_empty() {
                true => Err(ConfigError::new(
                    "algorithms",
                    "is empty, so that no token could pass; name at least one",
                )),
                false => Ok(()),
            }
        })
    }

    /// Tolerates clocks that differ by up to `leeway`, which is at most [`MAX_LEEWAY`].
    pub fn leeway(self, leeway: Duration) -> Self {
        self.and_then(|policy| {
            if leeway > MAX_LEEWAY {
                let problem =
                    format!("{leeway:?} is more than {MAX_LEEWAY:?}; fix the clock instead");
                return Err(ConfigError::new("leeway", problem));
            }
            policy.leeway = leeway;
            Ok(())
        })
    }

    /// Accepts a token no longer than this after it was issued, as if its `exp` were at most its `iat` plus `age`; one
    /// without `iat` is refused. For an issuer whose tokens live longer than this service likes. Zero is a mistake.
    ///
    /// The end holds outbound too: after it, nothing is exchanged for the caller and no token is renewed
    /// ([`Caller::ends_at`](crate::Caller::ends_at)).
    ///
    /// It is the age of the token, not of the user's authentication, which `auth_time` has and rules can require.
    pub fn max_token_age(self, age: Duration) -> Self {
        self.and_then(|policy| {
            if age.is_zero() {
                let problem = "is zero, so that no token could pass";
                return Err(ConfigError::new("max_token_age", problem));
            }
            policy.max_token_age = Some(age);
            Ok(())
        })
    }

    /// Reads the payload into `C` as well; a token whose claims do not fit is refused.
    pub fn claims<C: DeserializeOwned + Send + Sync + 'static>(self) -> Self {
        self.and_then(|policy| {
            policy.read_claims = Some(|payload| {
                let claims: C = typed::read(payload)?;
                Ok(Arc::new(claims) as Arc<dyn Any + Send + Sync>)
            });
            Ok(())
        })
    }

    /// Whether it names an audience.
    pub fn has_audience(&self) -> bool {
        self.0
            .as_ref()
            .is_ok_and(|policy| !policy.audiences.is_empty())
    }

    /// The first mistake so far.
    pub fn mistake(&self) -> Option<ConfigError> {
        self.0.as_ref().err().cloned()
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// The first mistake, by the name of its setter; `audience` also where there is none.
    pub fn build(self) -> Result<Policy, ConfigError> {
        let policy = self.0?;
        match policy.audiences.is_empty() {
            true => Err(ConfigError::new(
                "audience",
                "there is none; name what tokens for this service carry in `aud`",
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
    /// Starts from a policy's settings.
    fn from(policy: Policy) -> Self {
        Self(Ok(policy))
    }
}
