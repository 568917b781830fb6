//! The client credentials grant (RFC 6749 §4.4): a token of a service's own.

use std::sync::Arc;

use serde_json::Value;

use crate::form::Form;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;
use crate::token_builder::TokenBuilder;
use crate::{issue, scope, target};

pub(crate) fn grant(
    state: &Arc<State>,
    client: &Registration,
    form: &Form,
) -> Result<Value, OAuthError> {
    let targets = target::requested(state, form, &client.request_targets)?;
    let granted = scope::grant(client, &targets, form.one("scope"), None)?;
    let token = TokenBuilder::access_token(Arc::clone(state), &client.id, &client.id);
    Ok(issue::response(state, token, &targets, granted, None))
}
