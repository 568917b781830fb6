//! How long an issued token is used: RFC 8693 section 2.2.1.

use std::time::Duration;

use obo_core::{ErrorClass, IssuedToken, UnixTime};
use proptest::prelude::*;

use crate::signer::b64;
use crate::validate::{ISSUER, NOW};
use crate::wire::{accept, issued, with};

const DAY: u64 = 24 * 3600;

fn lifetime(body: &str) -> Duration {
    accept(body).expect(body).lifetime(NOW)
}

/// TX-16
#[test]
fn unstated_lifetime_is_one_minute() {
    for missing in ["", "null"] {
        let body = with("expires_in", missing);
        assert_eq!(lifetime(&body), Duration::from_secs(60));
    }
}

/// TX-16
#[test]
fn zero_lifetime_is_used_once() {
    for none in ["0", "0.0", "-0", "-1", "-3600", "-1e20", "-1e400", "-0.5"] {
        assert_eq!(
            lifetime(&with("expires_in", none)),
            Duration::ZERO,
            "{none}"
        );
    }
}

/// TE-07
#[test]
fn lifetime_is_capped_at_one_day() {
    for (stated, seconds) in [
        ("1", 1),
        ("300", 300),
        ("3600.0", 3600),
        ("3.6e3", 3600),
        ("86400", DAY),
        ("86401", DAY),
        ("1e20", DAY),
        ("1e308", DAY),
        ("1e400", DAY),
        ("9223372036854775807", DAY),
        ("18446744073709551616", DAY),
        (&"9".repeat(400), DAY),
    ] {
        assert_eq!(
            lifetime(&with("expires_in", stated)),
            Duration::from_secs(seconds),
            "{stated}"
        );
    }
    let fraction = lifetime(&with("expires_in", "1.5"));
    assert_eq!(fraction, Duration::from_secs(1));
}

/// TE-07
#[test]
fn non_number_counts_as_missing() {
    for odd in [
        "\"300\"",
        "\"\"",
        "\"soon\"",
        "\"Infinity\"",
        "true",
        "[]",
        "[300]",
        "{}",
        "{\"value\":300}",
    ] {
        assert_eq!(
            lifetime(&with("expires_in", odd)),
            Duration::from_secs(60),
            "{odd}"
        );
    }
    for no_json in ["NaN", "Infinity", "-", "0x10", "1_000", "+1"] {
        let error = accept(&with("expires_in", no_json)).unwrap_err();
        assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{no_json}");
    }
}

fn jwt(exp: &str, expires_in: &str) -> String {
    let claims = format!(r#"{{"iss":"{ISSUER}","sub":"alice","aud":"service-b","exp":{exp}}}"#);
    let token = format!("{}.{}.c2ln", b64("{}"), b64(claims));
    let body = issued(&token);
    if expires_in.is_empty() {
        body.replace(r#","expires_in":300"#, "")
    } else {
        body.replace(":300", &format!(":{expires_in}"))
    }
}

/// AT-14
#[test]
fn jwt_expiry_only_shortens() {
    let at = |seconds: u64| (NOW.as_secs() + seconds).to_string();
    for (exp, expires_in, seconds) in [
        (at(100), "300", 100),
        (at(900), "300", 300),
        (at(30), "", 30),
        (at(900), "", 60),
        (at(900), "0", 0),
        (at(900), "\"300\"", 60),
        ("9e14".to_owned(), "300", 300),
        ("1e300".to_owned(), "300", 300),
        ("\"soon\"".to_owned(), "300", 300),
        ("null".to_owned(), "300", 300),
    ] {
        let body = jwt(&exp, expires_in);
        assert_eq!(
            lifetime(&body),
            Duration::from_secs(seconds),
            "{exp} {expires_in}"
        );
    }
}

/// TX-16
#[test]
fn lifetime_counts_from_request_start() {
    let token = IssuedToken::bearer("opaque")
        .unwrap()
        .with_expires_in(Some(Duration::from_secs(300)))
        .with_expires_at(Some(UnixTime::from_secs(1000)));
    for (start, seconds) in [(0, 300), (700, 300), (900, 100), (1000, 0), (5000, 0)] {
        assert_eq!(
            token.lifetime(UnixTime::from_secs(start)),
            Duration::from_secs(seconds),
            "{start}"
        );
    }
    let unstated = IssuedToken::bearer("opaque").unwrap();
    assert_eq!(unstated.lifetime(NOW), Duration::from_secs(60));
    let forever = unstated.with_expires_at(Some(UnixTime::from_duration(Duration::MAX)));
    assert_eq!(forever.lifetime(NOW), Duration::from_secs(60));
}

/// Numbers of seconds near limits, as JSON.
fn seconds() -> impl Strategy<Value = i128> {
    prop_oneof![
        -5..5_i128,
        0..200_i128,
        86_390..86_410_i128,
        proptest::sample::select(vec![
            i128::from(u32::MAX),
            i128::from(u32::MAX) + 1,
            i128::from(i64::MIN),
            i128::from(i64::MAX),
            i128::from(u64::MAX),
            i128::from(u64::MAX) + 1,
            i128::MAX,
        ]),
    ]
}

/// The minimum of what was stated, the token's own `exp` and the cap; a minute if nothing was
/// stated.
fn model(stated: Option<i128>, own: Option<i128>, cap: i128) -> i128 {
    let stated = stated.map_or(60, |stated| stated.clamp(0, cap));
    own.map_or(stated, |own| stated.min(own.max(0)))
}

proptest! {
    /// TX-16, TE-07, AT-14
    #[test]
    fn lifetime_follows_exact_model(
        stated in proptest::option::of(seconds()),
        own in proptest::option::of(prop_oneof![1..90_000_i128, Just((1 << 53) - 1_800_000_000)]),
    ) {
        let expires_in = stated.map(|seconds| seconds.to_string()).unwrap_or_default();
        let body = match own {
            Some(own) => jwt(&(i128::from(NOW.as_secs()) + own).to_string(), &expires_in),
            None => with("expires_in", &expires_in),
        };
        let expected = model(stated, own, i128::from(DAY));
        prop_assert_eq!(i128::from(lifetime(&body).as_secs()), expected, "{}", body);
        prop_assert_eq!(lifetime(&body).subsec_nanos(), 0);
    }

    /// TX-16, AT-14
    #[test]
    fn issued_token_follows_exact_model(
        stated in proptest::option::of(prop_oneof![0..100_000_u64, Just(u64::MAX)]),
        expires_at in proptest::option::of(prop_oneof![0..100_000_u64, Just(u64::MAX)]),
        start in prop_oneof![0..100_000_u64, Just(u64::MAX)],
    ) {
        let token = IssuedToken::bearer("opaque")
            .unwrap()
            .with_expires_in(stated.map(Duration::from_secs))
            .with_expires_at(expires_at.map(UnixTime::from_secs));
        // A token that ended at the start of time ended a second later.
        let own = expires_at.map(|at| i128::from(at.max(1)) - i128::from(start));
        let expected = model(stated.map(i128::from), own, i128::from(u32::MAX));
        let lifetime = token.lifetime(UnixTime::from_secs(start));
        prop_assert_eq!(i128::from(lifetime.as_secs()), expected);
    }
}
