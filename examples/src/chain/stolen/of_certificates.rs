//! The thefts of tokens that are bound to certificates (RFC 8705).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::theft::{Connection, Source, Theft};
use crate::chain::binding::{Holder, as_bearer};

pub(super) static OF_CERTIFICATES: [Theft; 5] = [
    Theft {
        from: Source::Log,
        sends: "the token without a certificate",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: Source::Log,
        sends: "the token over the thief's certificate",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Thief,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: Source::Service,
        sends: "the token over that service's certificate",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Called,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: Source::Proxy,
        sends: "the owner's certificate in a header",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Plain,
        headers: |it| {
            let mut headers = as_bearer(it.token());
            headers.push(("client-cert", of_owner(it.hop.owner)?));
            Ok(headers)
        },
    },
    Theft {
        from: Source::Proxy,
        sends: "the same, over the thief's certificate",
        errors: [Some("invalid_token"); 3],
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
