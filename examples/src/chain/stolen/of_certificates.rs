//! The thefts of tokens that are bound to certificates (RFC 8705).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Connection, Theft};
use crate::chain::binding::{Holder, as_bearer};

const LOG: &str = "from a log";
const SERVICE: &str = "from a service that was taken over";
const PROXY: &str = "from a proxy, with the certificate of the owner, which is public";

pub(super) static OF_CERTIFICATES: [Theft; 5] = [
    Theft {
        from: LOG,
        sends: "the token without a certificate",
        error: "invalid_token",
        connection: Connection::Plain,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: LOG,
        sends: "the token over the thief's certificate",
        error: "invalid_token",
        connection: Connection::Thief,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: SERVICE,
        sends: "the token over that service's certificate",
        error: "invalid_token",
        connection: Connection::Called,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: PROXY,
        sends: "the owner's certificate in a header",
        error: "invalid_token",
        connection: Connection::Plain,
        headers: |it| {
            let mut headers = as_bearer(it.token());
            headers.push(("client-cert", of_owner(it.hop.owner)?));
            Ok(headers)
        },
    },
    Theft {
        from: PROXY,
        sends: "the same, over the thief's certificate",
        error: "invalid_token",
        connection: Connection::Thief,
        headers: |it| {
            let mut headers = as_bearer(it.token());
            headers.push(("client-cert", of_owner(it.hop.owner)?));
            Ok(headers)
        },
    },
];

/// The certificate as a proxy writes it (RFC 9440).
fn of_owner(owner: &Holder) -> Result<String, &'static str> {
    let own = owner.certificate();
    let own = own.ok_or("the owner of the token has no certificate")?;
    Ok(format!(":{}:", STANDARD.encode(own.der())))
}
