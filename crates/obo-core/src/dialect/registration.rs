use crate::token::issuer::Issuer;

/// Who asks whom: a client as an authorization server has it registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration<'a> {
    /// The authorization server.
    pub server: &'a Issuer,
    /// The client's identifier there.
    pub client_id: &'a str,
}

impl<'a> Registration<'a> {
    /// The client of that identifier at `server`.
    pub fn new(server: &'a Issuer, client_id: &'a str) -> Self {
        Self { server, client_id }
    }
}
