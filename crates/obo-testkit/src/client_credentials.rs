//! The client credentials grant (RFC 6749 §4.4): a service asks for itself.

use serde_json::Value;

use crate::form::Form;
use crate::issue::{self, Grant};
use crate::jwt::Object;
use crate::oauth_error::OAuthError;
use crate::registration::Registration;
use crate::state::State;
use crate::{scope, target};

pub(crate) fn grant(
    state: &State,
    client: &Registration,
    form: &Form,
) -> Result<Value, OAuthError> {
    let targets = target::requested(state, form, |target| client.may_request(target))?;
    let granted = scope::grant(client, &targets, form.one("scope"), None)?;
    let mut claims = Object::new();
    claims.insert("sub".to_owned(), client.id.as_str().into());
    Ok(issue::answer(
        state,
        Grant {
            client_id: &client.id,
            targets: &targets,
            granted,
            not_after: None,
            claims,
        },
    ))
}
