//! Unsigned big-endian integers of keys. Zeros in front do not change a number, so they are ignored in every key, though
//! RFC 7518 has none in `n` and `e` (section 2) and as many as fill the curve's size in `x`, `y` and `d` (section 6.2).

/// The number without zeros in front.
pub(crate) fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The last `length` bytes, if those before them are zeros. A shorter text is not padded: it may have been cut.
pub(crate) fn of_length(number: &[u8], length: usize) -> Option<&[u8]> {
    let (zeros, rest) = number.split_at_checked(number.len().checked_sub(length)?)?;
    zeros.iter().all(|byte| *byte == 0).then_some(rest)
}
