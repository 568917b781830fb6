//! Whether a failed call can be retried.

use std::error::Error;
use std::io;

use h2::Reason;
use http::Method;

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The upstream did not process the request, and says so (RFC 9113 section 8.7).
    Unprocessed,
    /// The connection was closed before the response.
    Closed,
    /// Anything else.
    Other,
}

impl Failure {
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        let mut failure = Self::Other;
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                return match is_unprocessed(error) {
                    true => Self::Unprocessed,
                    false if error.is_io() => Self::Closed,
                    false => Self::Other,
                };
            }
            if is_close(error) {
                failure = Self::Closed;
            }
            // `source` of an I/O error skips the error that it wraps.
            let wrapped = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            cause = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        failure
    }

    /// Whether the request can be retried on a new connection (RFC 9110 section 9.2.2). If the
    /// connection was new already, a retry would fail again.
    pub(super) fn allows_another(self, method: &Method, connection_was_used: bool) -> bool {
        match self {
            Self::Unprocessed => true,
            Self::Closed => connection_was_used && method.is_idempotent(),
            Self::Other => false,
        }
    }
}

/// A GOAWAY fails only streams after the last one that the upstream processed.
fn is_unprocessed(error: &h2::Error) -> bool {
    let reason = error.reason();
    let is_refused = error.is_reset() && reason == Some(Reason::REFUSED_STREAM);
    let is_left_out = error.is_go_away() && reason != Some(Reason::ENHANCE_YOUR_CALM);
    error.is_remote() && (is_refused || is_left_out)
}

fn is_close(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    }
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotent_requests_survive_a_close() {
        for (method, allowed) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
        ] {
            assert_eq!(Failure::Closed.allows_another(&method, true), allowed);
            assert!(!Failure::Closed.allows_another(&method, false));
            assert!(Failure::Unprocessed.allows_another(&method, false));
            assert!(!Failure::Other.allows_another(&method, true));
        }
    }

    #[test]
    fn reset_is_found_below_other_errors() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let error = io::Error::other(io::Error::other(reset));
        assert_eq!(Failure::of(&error), Failure::Closed);
        let timeout = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(Failure::of(&timeout), Failure::Other);
        let calm = h2::Error::from(Reason::ENHANCE_YOUR_CALM);
        assert_eq!(Failure::of(&calm), Failure::Other);
        // This side, not the upstream, is the source.
        let local = h2::Error::from(Reason::REFUSED_STREAM);
        assert_eq!(Failure::of(&local), Failure::Other);
    }
}
