//! PingFederate.
//!
//! Outbound only, from the vendor's page on its [token exchange grant][exchange]. Not tested
//! against the server. Each access token manager defines its own tokens. So inbound, start from
//! [`Profile::RFC9068`](crate::Profile::RFC9068) or [`Profile::LENIENT`](crate::Profile::LENIENT).
//!
//! - `resource` selects the access token manager. `audience` names another client and selects its
//!   manager. The manager sets the `aud` of the token: add it with
//!   [`Target::or_named`](crate::Target::or_named).
//! - A processor policy sets which types of tokens are accepted and issued, and whether an actor
//!   token is required.
//! - The page spells the type of a JWT `urn:params:oauth:token-type:jwt`. This dialect accepts a
//!   response with it. If the server wants it for the caller's token too, set
//!   [`Rfc8693::subject_type`].
//!
//! [exchange]: https://docs.pingidentity.com/pingfederate/latest/

use super::Rfc8693;
use crate::token::token_type::TokenType;

/// The token exchange grant.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("ping-federate")
        .allow_issued_type(TokenType::new("urn:params:oauth:token-type:jwt"))
}
