use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout_at};

use super::protocol::Protocol;
use super::refusal::Refusal;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The maximum number of digits in a timeout.
const DIGITS: usize = 8;

/// The deadline of a gRPC call (`grpc-timeout`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(pub(super) Instant);

impl Deadline {
    /// Reads the caller's timeout, counted from now.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut values = headers.get_all(GRPC_TIMEOUT).iter();
        let timeout = match (values.next(), values.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => parse(value.as_bytes()).ok_or(Refusal::Timeout)?,
            (Some(_), Some(_)) => return Err(Refusal::Timeout),
        };
        // A deadline beyond the range of the clock is no limit.
        Ok(Instant::now().checked_add(timeout).map(Self))
    }

    /// Sends the remaining time to the next server.
    pub(super) fn put(self, headers: &mut HeaderMap) {
        let left = self.0.saturating_duration_since(Instant::now());
        if let Ok(value) = HeaderValue::try_from(written(left)) {
            headers.insert(GRPC_TIMEOUT, value);
        }
    }
}

/// Ends a gRPC call at its deadline.
pub(super) async fn enforce_deadline(
    protocol: Protocol,
    mut request: Request,
    next: Next,
) -> Response {
    if !protocol.is_grpc() {
        return next.run(request).await;
    }
    let deadline = match Deadline::of(request.headers()) {
        Ok(Some(deadline)) => deadline,
        Ok(None) => return next.run(request).await,
        Err(refusal) => return refusal.response(&protocol),
    };
    request.extensions_mut().insert(deadline);
    match timeout_at(deadline.0, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::Deadline.response(&protocol),
    }
}

const UNITS: [(u8, Duration); 6] = [
    (b'n', Duration::from_nanos(1)),
    (b'u', Duration::from_micros(1)),
    (b'm', Duration::from_millis(1)),
    (b'S', Duration::from_secs(1)),
    (b'M', Duration::from_secs(60)),
    (b'H', Duration::from_secs(3600)),
];

fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let is_number = digits.len() <= DIGITS && digits.iter().all(u8::is_ascii_digit);
    let digits = str::from_utf8(digits).ok().filter(|_| is_number)?;
    let (_, unit) = UNITS.iter().find(|(name, _)| name == unit)?;
    unit.checked_mul(digits.parse().ok()?)
}

/// Writes a timeout in the finest unit that fits.
fn written(left: Duration) -> String {
    let most = 10_u128.pow(8) - 1;
    let numbers = UNITS.map(|(name, unit)| (left.as_nanos() / unit.as_nanos(), name));
    let fitting = numbers.into_iter().find(|(number, _)| *number <= most);
    let (number, unit) = fitting.unwrap_or((most, b'H'));
    format!("{number}{}", char::from(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeout_is_digits_and_unit() {
        for (value, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("0n", Some(Duration::ZERO)),
            ("7u", Some(Duration::from_micros(7))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("+1S", None),
            ("-1S", None),
            ("1.5S", None),
            (" 1S", None),
            ("123456789n", None),
        ] {
            assert_eq!(parse(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn remaining_time_is_never_extended() {
        for (left, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_millis(99), "99000000n"),
            (Duration::from_millis(250), "250000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(u64::MAX), "99999999H"),
        ] {
            let written = written(left);
            assert_eq!(written, expected);
            assert!(parse(written.as_bytes()).is_some_and(|parsed| parsed <= left));
        }
    }
}
