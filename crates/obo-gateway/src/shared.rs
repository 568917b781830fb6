use obo::ConfigError;
use obo::fleet::{Fleet, StoreError};
use obo_config::{Setup, SharedConfig};

/// What this process shares with other replicas. There is one for all configurations with the same
/// `[shared]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// With its secrets, so that a new password is a change.
    config: Option<SharedConfig>,
    pub(super) fleet: Option<Fleet>,
}

impl Sharing {
    /// Builds it into the setup. Returns it, and whether it is the one of before.
    pub(super) fn of(
        shared: Option<&SharedConfig>,
        // For logouts, or for used proofs.
        is_needed: bool,
        setup: &mut Setup,
        before: Option<&Self>,
    ) -> Result<(Self, bool), ConfigError> {
        let shared = shared.cloned().map(SharedConfig::read_secrets);
        let shared = shared.transpose().map_err(|error| error.within("shared"))?;
        let before = before.filter(|before| before.config == shared);
        // Without `shared` too: it has the logouts and used proofs that this process knows.
        if let Some(fleet) = before.and_then(|before| before.fleet.clone()) {
            *setup = setup.clone().fleet(fleet);
        } else {
            setup.shared(shared.clone())?;
        }
        if is_needed {
            setup.require_fleet()?;
        }
        let fleet = setup.current_fleet().cloned();
        let is_same = before.is_some_and(|before| before.fleet.is_some() == fleet.is_some());
        let sharing = Self {
            config: shared,
            fleet,
        };
        Ok((sharing, is_same))
    }

    /// Whether tokens and logouts stay in this process.
    pub(super) fn is_alone(&self) -> bool {
        self.config.is_none() && self.fleet.is_some()
    }

    /// Reads the logouts that the store knows. Waits at most 2 s. The first configuration of a
    /// process starts without a store that does not respond.
    pub(super) async fn start(&self, is_first: bool) -> Result<(), StoreError> {
        let Some(fleet) = &self.fleet else {
            return Ok(());
        };
        match fleet.start().await {
            Err(error) if is_first && !error.is_of_setup() => {
                let what = "starting without the shared store; earlier logouts are not known yet";
                tracing::warn!(problem = %error, "{what}");
                Ok(())
            }
            started => started,
        }
    }

    /// Whether requests can be served. Without the store, a strict fleet refuses all of them until
    /// its logouts were read; any other one serves by what the process knows.
    pub(super) fn is_ready(&self) -> bool {
        let is_strict = self.config.as_ref().is_some_and(SharedConfig::is_strict);
        !is_strict || self.fleet.as_ref().is_none_or(Fleet::is_ready)
    }
}
