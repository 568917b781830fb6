//! PingFederate.
//!
//! Outbound alone, from the vendor's page on its [token exchange grant][exchange]; nothing here was run against the server.
//! How its access tokens look is what each access token manager is configured to write, so inbound there is
//! [`Profile::RFC9068`](crate::Profile::RFC9068) and [`Profile::LENIENT`](crate::Profile::LENIENT) to start from.
//!
//! - `resource` chooses the access token manager, and `audience` names another client, whose manager is taken. What the
//!   token then has in `aud` is that manager's setting: give it by [`Target::or_named`](crate::Target::or_named).
//! - Which types of token are taken and issued, and whether an actor token is wanted, is a processor policy's setting.
//! - The page spells the type of a JWT `urn:params:oauth:token-type:jwt`. An answer with it is taken; where the server wants
//!   it of the caller's token too, say so by [`Rfc8693::subject_type`].
//!
//! [exchange]: https://docs.pingidentity.com/pingfederate/latest/introduction_to_pingfederate/pf_token_exchange_grant.html

use super::Rfc8693;
use crate::token::token_type::TokenType;

/// The token exchange grant.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("ping-federate")
        .allow_issued_type(TokenType::new("urn:params:oauth:token-type:jwt"))
}
