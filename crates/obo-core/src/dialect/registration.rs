use crate::token::issuer::Issuer;

/// A client as it is registered at an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration<'a> {
    /// The authorization server.
    pub server: &'a Issuer,
    /// The identifier of the client.
    pub client_id: &'a str,
}

impl<'a> Registration<'a> {
    /// The client `client_id` at `server`.
    pub fn new(server: &'a Issuer, client_id: &'a str) -> Self {
        Self { server, client_id }
    }
}
