use obo::logout::{BackchannelLogout, SecurityEvents};
use obo::path::PathPattern;
use obo::{Audience, ConfigError, ResourceServer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::setup::Setup;

/// Where issuers report logouts and other events, in a file: the table `logout` or `signals`.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `path` | required | the path of the receiver, without a parameter |
/// | `audience` | required | the receiver as the issuer names it: `aud` must have it |
///
/// ```
/// use obo_config::ReceiverConfig;
///
/// let config: ReceiverConfig = toml::from_str(r#"
///     path = "/backchannel-logout"
///     audience = "service-a"
/// "#)?;
/// assert_eq!(config.path(), "/backchannel-logout");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    #[serde(deserialize_with = "exact")]
    path: PathPattern,
    audience: Audience,
}

/// Both tables of a file. A type of your own that reads them as two fields can make one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiversConfig {
    /// The receiver of logout tokens.
    pub logout: Option<ReceiverConfig>,
    /// The receiver of security events.
    pub signals: Option<ReceiverConfig>,
}

/// The services that receive logouts and other events.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Receivers {
    /// Receives logout tokens (OpenID Connect Back-Channel Logout 1.0).
    pub logout: Option<Receiver<BackchannelLogout>>,
    /// Receives security event tokens (RFC 8935).
    pub signals: Option<Receiver<SecurityEvents>>,
}

/// A receiver and the path where the program serves it.
///
/// Serve it outside the layer that validates bearer tokens, because senders have none: in axum call
/// `router.route_service(&receiver.path, receiver.service)` after `router.layer(layer)`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Receiver<S> {
    /// The path, without a parameter.
    pub path: String,
    /// The service, which responds to POST.
    pub service: S,
}

impl ReceiverConfig {
    /// Returns the path of the receiver.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Returns the audience of the tokens.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }
}

impl ReceiversConfig {
    /// Returns the configured receivers, each with the name of its table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &ReceiverConfig)> {
        let named = [("logout", &self.logout), ("signals", &self.signals)];
        let named = named.into_iter();
        named.filter_map(|(name, receiver)| Some((name, receiver.as_ref()?)))
    }

    /// Checks that nothing else has their paths. `other` says what has a path, such as "a rule".
    ///
    /// # Errors
    ///
    /// Fails if something has one, or both have the same. The field is a path such as
    /// `logout.path`.
    pub fn check(&self, other: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let logout = self.logout.as_ref().map(ReceiverConfig::path);
        for (name, receiver) in self.iter() {
            let path = receiver.path();
            let is_both = name == "signals" && logout == Some(path);
            let owner = is_both.then(|| "`logout`".to_owned());
            if let Some(other) = owner.or_else(|| other(path)) {
                let problem = format!("{path:?} is the path of {other} too; choose another path");
                return Err(ConfigError::new("path", problem).within(name));
            }
        }
        Ok(())
    }

    /// Builds the services. They verify tokens with the keys of the issuers that `server` trusts.
    ///
    /// The [fleet](Setup::require_fleet) of the setup revokes tokens, so `server` must have been
    /// built with it.
    ///
    /// # Errors
    ///
    /// Fails if an audience is malformed, or there is no fleet and none can be made.
    pub fn build(
        self,
        server: &ResourceServer,
        setup: &mut Setup,
    ) -> Result<Receivers, ConfigError> {
        let mut receivers = Receivers::default();
        if let Some(ReceiverConfig { path, audience }) = self.logout {
            let service = BackchannelLogout::new(server, &setup.require_fleet()?, audience);
            let service = service.map_err(|error| error.within("logout"))?;
            let path = path.as_str().to_owned();
            receivers.logout = Some(Receiver { path, service });
        }
        if let Some(ReceiverConfig { path, audience }) = self.signals {
            let service = SecurityEvents::new(server, &setup.require_fleet()?, audience);
            let service = service.map_err(|error| error.within("signals"))?;
            let path = path.as_str().to_owned();
            receivers.signals = Some(Receiver { path, service });
        }
        Ok(receivers)
    }
}

fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathPattern, D::Error> {
    let path = String::deserialize(deserializer)?;
    PathPattern::exact(&path).map_err(|error| D::Error::custom(error.problem()))
}
