//! Unsigned big-endian integers in keys.
//!
//! Leading zeros do not change a number, so they are ignored in every key. RFC 7518 allows none in
//! `n` and `e` (section 2) and requires a fixed length for `x`, `y` and `d` (section 6.2).

/// The number without leading zeros.
pub(crate) fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The last `length` bytes, if all bytes before them are zero. A shorter number is not padded: it
/// may have been cut.
pub(crate) fn of_length(number: &[u8], length: usize) -> Option<&[u8]> {
    let (zeros, rest) = number.split_at_checked(number.len().checked_sub(length)?)?;
    zeros.iter().all(|byte| *byte == 0).then_some(rest)
}
