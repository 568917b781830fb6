//! Why a connection with TLS fails at a port without it, and the other way round.
//!
//! Both look like a store that is away: one waits for the end of a line, the other closes the
//! connection. So the port is asked in its own protocol.

use std::time::Duration;

use obo::fleet::StoreError;
use redis::{ConnectionAddr, ErrorKind, RedisError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::problem;

/// How long the port may take for its response.
const RESPONSE: Duration = Duration::from_millis(300);

/// The first byte of what a server of TLS sends (RFC 5246 section 6.2.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// Returns what is wrong if the port speaks the other protocol.
pub(crate) async fn problem(
    address: &ConnectionAddr,
    error: Option<&RedisError>,
) -> Option<StoreError> {
    match address {
        ConnectionAddr::Tcp(host, port) => {
            // A cluster has only the text of the error.
            let is_closed = error.is_some_and(|error| {
                let is_other = error.is_io_error() && !error.is_connection_refusal();
                is_other || error.kind() == ErrorKind::Parse
            });
            let first = match is_closed {
                true => first_byte(host, *port, &client_hello()).await?,
                false => return None,
            };
            matches!(first, ALERT | HANDSHAKE).then(problem::only_tls)
        }
        ConnectionAddr::TcpTls { host, port, .. } => {
            let is_silent = error.is_none_or(RedisError::is_io_error);
            let first = match is_silent {
                true => first_byte(host, *port, b"PING\r\n").await?,
                false => return None,
            };
            // `+PONG`, or an error such as `-NOAUTH`.
            matches!(first, b'+' | b'-').then(problem::no_tls)
        }
        _ => None,
    }
}

/// The first byte of the response to this greeting.
async fn first_byte(host: &str, port: u16, greeting: &[u8]) -> Option<u8> {
    let response = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(greeting).await?;
        stream.read_u8().await
    };
    timeout(RESPONSE, response).await.ok()?.ok()
}

/// The start of TLS 1.2 (RFC 5246 section 7.4.1.2), without extensions and with four cipher suites.
/// Each server of TLS responds to it, with its own start or with an alert.
fn client_hello() -> Vec<u8> {
    let start = [22, 3, 1, 0, 51, 1, 0, 0, 47, 3, 3];
    let random = [0; 32];
    let session_suites_compression = [
        0, 0, 8, 0xc0, 0x2b, 0xc0, 0x2c, 0xc0, 0x2f, 0xc0, 0x30, 1, 0,
    ];
    [&start[..], &random, &session_suites_compression].concat()
}
