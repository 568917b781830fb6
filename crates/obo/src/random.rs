//! Randomness from the operating system.

/// A random key; `None` if the system has no randomness.
pub(crate) fn bytes() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// A nonce of 96 random bits; `None` if the system has no randomness.
pub(crate) fn nonce() -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// 128 random bits in hexadecimal: a `jti`.
pub(crate) fn token_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The identifier of a trace, which is not zero.
pub(crate) fn trace_id() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_be_bytes(bytes)).filter(|id| *id != 0)
}

/// The identifier of a span, which is not zero.
pub(crate) fn span_id() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_be_bytes(bytes)).filter(|id| *id != 0)
}

/// A number from 0 up to 1, only for jitter.
pub(crate) fn fraction() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.0,
    }
}
