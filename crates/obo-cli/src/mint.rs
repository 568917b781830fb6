//! What `obo idp` does on request: it mints a token, revokes one, and logs a user out.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use obo_testkit::TestIdp;
use serde_json::json;

use crate::idp_config::{ClientConfig, IdpConfig, User};

/// The fields of a form. Each is known and occurs once.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form with these fields. Blanks around values are removed.
    pub(crate) fn read(body: &str, known: &[&str]) -> Result<Self, String> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body.as_bytes()) {
            if !known.contains(&&*name) {
                let (shown, known) = (shown(&name), known.join(", "));
                return Err(format!("unknown field {shown}, expected one of {known}"));
            }
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(format!("{name} occurs twice"));
            }
            fields.push((name.into_owned(), value.trim().to_owned()));
        }
        Ok(Self(fields))
    }

    /// The value of a field. An empty one counts as missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        (!value.is_empty()).then_some(value)
    }

    fn seconds(&self, name: &str) -> Result<Option<i64>, String> {
        let number = |text: &str| {
            let parsed = text.parse().ok();
            // Beyond this there is no date.
            let parsed = parsed.filter(|it: &i64| it.unsigned_abs() <= 100_000_000_000);
            parsed.ok_or_else(|| format!("{name} is not a number of seconds, such as 300 or -90"))
        };
        self.get(name).map(number).transpose()
    }
}

/// Quotes a short text. A long one may be a token in the wrong place.
fn shown(text: &str) -> String {
    match text.len() <= 32 {
        true => format!("{text:?}"),
        false => format!("of {} characters", text.len()),
    }
}

/// The start of a text of another server.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

pub(crate) const MINT: [&str; 9] = [
    "user",
    "audience",
    "scope",
    "client",
    "actor",
    "seconds",
    "issued_at",
    "jkt",
    "form",
];

pub(crate) const REVOKE: [&str; 2] = ["token", "user"];

/// What a request did, or why it did nothing.
pub(crate) type Done = Result<String, String>;

/// The authorization server, and its users and clients.
pub(crate) struct Mint {
    pub(crate) idp: TestIdp,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<ClientConfig>,
    /// The address of the page.
    pub(crate) at: SocketAddr,
    /// The users whose tokens are revoked.
    revoked: Mutex<HashSet<String>>,
}

impl Mint {
    pub(crate) fn new(idp: TestIdp, config: IdpConfig, at: SocketAddr) -> Self {
        Self {
            idp,
            users: config.users,
            clients: config.clients,
            at,
            revoked: Mutex::default(),
        }
    }

    pub(crate) fn is_revoked(&self, user: &str) -> bool {
        self.revoked_users().contains(user)
    }

    fn revoked_users(&self) -> MutexGuard<'_, HashSet<String>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Mints a token for a user of the file. A missing field has the user's default.
    pub(crate) fn mint(&self, fields: &Fields) -> Done {
        let user = self.user(fields)?;
        let mut token = self.idp.user(&user.name);
        if let Some(audience) = fields.get("audience").or(user.audience.as_deref()) {
            token = token.audience(audience);
        }
        let scopes = user.scopes.join(" ");
        let scope = fields.get("scope").unwrap_or(&scopes);
        if !scope.is_empty() {
            token = token.scope(scope);
        }
        if let Some(client) = fields.get("client") {
            token = token.client_id(client);
        }
        for actor in fields.get("actor").unwrap_or_default().split_whitespace() {
            token = token.actor(actor);
        }
        if let Some(seconds) = fields.seconds("seconds")? {
            token = token.expires_in(seconds);
        }
        if let Some(seconds) = fields.seconds("issued_at")? {
            token = token.issued_at(seconds);
        }
        for (claim, value) in &user.claims {
            token = token.claim(claim, value.clone());
        }
        if let Some(thumbprint) = fields.get("jkt") {
            let is_known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            if thumbprint.len() != 43 || !thumbprint.bytes().all(is_known) {
                let problem =
                    "jkt is not the thumbprint of a key: 43 characters of base64url (RFC 7638)";
                return Err(problem.to_owned());
            }
            token = token.claim("cnf", json!({ "jkt": thumbprint }));
        }
        match fields.get("form") {
            None | Some("jwt") => Ok(token.mint()),
            Some("opaque") => Ok(token.mint_opaque()),
            Some(_) => Err("form is neither jwt nor opaque".to_owned()),
        }
    }

    /// Revokes one token, or all of a user.
    pub(crate) fn revoke(&self, fields: &Fields) -> Done {
        match (fields.get("token"), fields.get("user")) {
            (Some(token), None) => {
                if token.contains(char::is_whitespace) {
                    return Err("token has blanks: expected the token alone".to_owned());
                }
                self.idp.revoke(token);
                Ok("the token is revoked".to_owned())
            }
            (None, Some(_)) => {
                let name = &self.user(fields)?.name;
                self.idp.revoke_user(name);
                self.revoked_users().insert(name.clone());
                Ok(format!("all tokens of {name} are revoked"))
            }
            _ => Err("expected either token or user".to_owned()),
        }
    }

    /// Ends the revocation of a user's tokens.
    pub(crate) fn restore(&self, fields: &Fields) -> Done {
        let name = &self.user(fields)?.name;
        self.idp.restore_user(name);
        self.revoked_users().remove(name);
        Ok(format!("the tokens of {name} are active again"))
    }

    /// Logs a user out: sends a logout token to each client that takes them.
    pub(crate) async fn log_out(&self, fields: &Fields) -> Done {
        let name = &self.user(fields)?.name;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for client in &self.clients {
            let Some(url) = &client.backchannel_logout_uri else {
                continue;
            };
            let id = &*client.id;
            let token = self.idp.logout_token(name, id).mint();
            match self.idp.try_send_logout(url, &token).await {
                Ok(response) if response.status().is_success() => done.push(id),
                Ok(response) => {
                    let (status, body) = (response.status(), response.body().trim());
                    failed.push(format!("{id} responds with {status}: {}", short(body)));
                }
                Err(problem) => failed.push(format!("{id}: {problem}")),
            }
        }
        if done.is_empty() && failed.is_empty() {
            return Err(
                "no client has a `backchannel_logout_uri`; add it to a client of the file"
                    .to_owned(),
            );
        }
        let done = match done.is_empty() {
            true => format!("{name} is logged out at no client"),
            false => format!("{name} is logged out at {}", done.join(", ")),
        };
        match failed.is_empty() {
            true => Ok(done),
            false => Err(format!("{done}; {}", failed.join("; "))),
        }
    }

    fn user(&self, fields: &Fields) -> Result<&User, String> {
        let users = &self.users;
        let known = || Vec::from_iter(users.iter().map(|user| &*user.name)).join(", ");
        if users.is_empty() {
            return Err("the file has no users; add [[users]] with a `name`".to_owned());
        }
        let name = fields
            .get("user")
            .ok_or_else(|| format!("user is missing, expected one of {}", known()))?;
        users
            .iter()
            .find(|user| user.name == name)
            .ok_or_else(|| format!("unknown user {}, expected one of {}", shown(name), known()))
    }
}
