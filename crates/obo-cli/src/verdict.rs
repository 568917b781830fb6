//! Whether a service accepts a token: by its rules, and by the logouts that its replicas share.

use obo::error::TokenError;
use obo::{Caller, Rejection};
use obo_config::SharedConfig;

use crate::config::Configured;

/// What a service says of a token whose sender proves its binding.
pub(crate) struct Verdict {
    pub(crate) outcome: Result<Caller, Rejection>,
    /// Whether the logouts of `[shared]` were read, or why not; `None` without `[shared]`.
    pub(crate) logouts: Option<Result<(), String>>,
}

impl Verdict {
    /// Validates a token. Fetches keys, introspects, and reads the logouts.
    pub(crate) async fn of(configured: &Configured, token: &str) -> Self {
        let outcome = configured.server.danger_validate_without_proof(token);
        let (outcome, shared) = (outcome.await, configured.shared.as_ref());
        let Some((caller, shared)) = outcome.as_ref().ok().zip(shared) else {
            return Self {
                outcome,
                logouts: None,
            };
        };
        match is_revoked(configured, shared, caller).await {
            Ok(is_revoked) => Self {
                outcome: match is_revoked {
                    true => Err(TokenError::Revoked.into()),
                    false => outcome,
                },
                logouts: Some(Ok(())),
            },
            Err(problem) => Self {
                outcome,
                logouts: Some(Err(problem)),
            },
        }
    }
}

async fn is_revoked(
    configured: &Configured,
    shared: &SharedConfig,
    caller: &Caller,
) -> Result<bool, String> {
    if let Some(problem) = &configured.unread_secret {
        return Err(format!(
            "not read, because a secret is missing here: {problem}"
        ));
    }
    let fleet = shared.clone().build();
    let fleet = fleet.map_err(|error| error.within("shared").to_string())?;
    fleet
        .start()
        .await
        .map_err(|error| format!("not read: {error}"))?;
    Ok(fleet.is_revoked(caller))
}
