//! Tokens and the names that they have.

pub(crate) mod audience;
pub(crate) mod bearer;
pub(crate) mod foreign_assertion;
pub(crate) mod issuer;
pub(crate) mod scope;
pub(crate) mod token_type;

use audience::{Audience, Resource};
use issuer::Issuer;

use crate::error::ConfigError;

/// Builders also take an issuer, an audience or a resource as a literal, and parse it in `build()`.
macro_rules! parsed_from_text {
    ($($name:ident),+) => {$(
        impl TryFrom<&str> for $name {
            type Error = ConfigError;

            fn try_from(text: &str) -> Result<Self, ConfigError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ConfigError;

            fn try_from(text: String) -> Result<Self, ConfigError> {
                Self::new(text)
            }
        }
    )+};
}

parsed_from_text!(Audience, Issuer, Resource);
