use std::io::{Cursor, Result};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

/// The start of every HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Waits until a connection shows its HTTP version. hyper would wait without a limit, so the caller
/// sets one here.
pub(super) async fn version_shown(
    mut stream: TcpStream,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
    let mut start = Vec::with_capacity(PREFACE.len());
    while start.len() < PREFACE.len() && PREFACE.starts_with(&start) {
        if stream.read_buf(&mut start).await? == 0 {
            break;
        }
    }
    let (from, to) = stream.into_split();
    Ok(tokio::io::join(Cursor::new(start).chain(from), to))
}
