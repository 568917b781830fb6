//! The thefts of plain bearer tokens, which work for each holder.

use super::Stolen;
use super::theft::{Connection, Source, Theft};
use crate::BoxError;
use crate::chain::binding::{Headers, as_bearer};

pub(super) static OF_BEARERS: [Theft; 4] = [
    Theft {
        from: Source::Log,
        sends: "to each service the token for it",
        errors: [None; 3],
        connection: Connection::Plain,
        headers: token,
    },
    Theft {
        from: Source::Log,
        sends: "to each service the token for service-a",
        errors: [None, Some("invalid_token"), Some("invalid_token")],
        connection: Connection::Plain,
        headers: |it| Ok(as_bearer(&it.first)),
    },
    Theft {
        from: Source::Service,
        sends: "the token that each service has received",
        errors: [None; 3],
        connection: Connection::Plain,
        headers: token,
    },
    Theft {
        from: Source::Proxy,
        sends: "all that was sent to each service",
        errors: [None; 3],
        connection: Connection::Plain,
        headers: token,
    },
];

fn token(it: &Stolen<'_>) -> Result<Headers, BoxError> {
    Ok(as_bearer(it.token()))
}
