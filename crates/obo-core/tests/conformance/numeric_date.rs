//! Times: RFC 7519 sections 2 and 4.1.4 to 4.1.6.

use std::time::Duration;

use obo_core::{Policy, Profile, TokenError, UnixTime};
use proptest::prelude::*;

use crate::token::Token;
use crate::validate::{NOW, builder, published, refusal, strict, validate, verdict};

/// The default leeway.
const LEEWAY: Duration = Duration::from_secs(60);

/// JW-25
#[test]
fn exp_is_required() {
    let missing = Token::new().without_claim("exp").mint();
    assert_eq!(refusal(&missing), TokenError::MissingClaim("exp"));
    let null = Token::new().claim("exp", "null").mint();
    assert_eq!(refusal(&null), TokenError::InvalidClaim("exp"));
}

/// JW-26, JW-27
#[test]
fn nbf_and_iat_allow_leeway_only() {
    let early = |early, leeway| TokenError::NotYetValid { early, leeway };
    let future = |early, leeway| TokenError::IssuedInFuture { early, leeway };
    let claims: [(_, &dyn Fn(Duration, Duration) -> TokenError); 2] =
        [("nbf", &early), ("iat", &future)];
    for (claim, error) in claims {
        let error = |millis| error(Duration::from_millis(millis), LEEWAY);
        let at = |offset: &str| {
            let time = format!("{}{offset}", NOW.as_secs() + 60);
            verdict(&Token::new().claim(claim, time).mint()).map(drop)
        };
        assert_eq!(at(""), Ok(()), "{claim}");
        assert_eq!(at(".0"), Ok(()), "{claim}");
        assert_eq!(at(".5"), Err(error(60_500)), "{claim}");
        let later = (NOW.as_secs() + 61).to_string();
        let refused = refusal(&Token::new().claim(claim, later).mint());
        assert_eq!(refused, error(61_000));
        verdict(&Token::new().claim(claim, "0").mint()).expect(claim);
    }
}

/// JW-28
#[test]
fn numeric_date_range_is_limited() {
    for good in [
        "1800000100",
        "1800000100.0",
        "1800000100.5",
        "1.8000001e9",
        "18000001E+2",
        "9007199254740992",
    ] {
        verdict(&Token::new().claim("exp", good).mint()).expect(good);
    }
    for bad in [
        "\"1800000100\"",
        "null",
        "true",
        "[1800000100]",
        "{}",
        "-1",
        "-1800000100",
        "-0.1",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e16",
        "1e300",
        "1e400",
        "-1e400",
        "1e99999999999",
        "NaN",
        "Infinity",
        "0x6b49d200",
        "1_800_000_100",
        "+1800000100",
        "01800000100",
        "1800000100.",
    ] {
        for claim in ["exp", "nbf", "iat", "auth_time"] {
            let token = Token::new().claim(claim, bad).mint();
            let error = refusal(&token);
            let syntax = TokenError::Malformed("payload");
            assert!(
                error == TokenError::InvalidClaim(claim) || error == syntax,
                "{claim} {bad}: {error:?}"
            );
        }
    }
}

/// JW-28
#[test]
fn mistyped_time_is_not_absent() {
    for claim in ["nbf", "iat", "auth_time"] {
        verdict(&Token::new().claim(claim, "1").mint()).expect(claim);
        let token = Token::new().claim(claim, "\"1\"").mint();
        assert_eq!(refusal(&token), TokenError::InvalidClaim(claim));
    }
}

/// JW-27
#[test]
fn max_token_age_is_enforced() {
    let policy = |age: u64| {
        builder()
            .max_token_age(Duration::from_secs(age))
            .build()
            .unwrap()
    };
    let issued = |ago: u64| Token::new().claim("iat", (NOW.as_secs() - ago).to_string());
    let verdict =
        |policy: &Policy, token: Token| validate(policy, &published(), &token.mint(), NOW);
    // 60 s of leeway.
    for ago in [0, 600, 659] {
        let caller = verdict(&policy(600), issued(ago)).unwrap();
        let issued_at = UnixTime::from_secs(NOW.as_secs() - ago);
        assert_eq!(caller.issued_at(), Some(issued_at));
        let until = policy(600).accepts_until(&caller);
        let end = issued_at.saturating_add(Duration::from_secs(660));
        let of_exp = strict().accepts_until(&caller);
        assert_eq!(until, end.min(of_exp));
        let before = UnixTime::from_secs(until.as_secs() - 1);
        policy(600).check_expiry(&caller, before).unwrap();
        policy(600).check_expiry(&caller, until).unwrap_err();
    }
    for ago in [660, 1_000_000] {
        let error = verdict(&policy(600), issued(ago)).unwrap_err();
        assert_eq!(
            error,
            TokenError::TooOld {
                age: Duration::from_secs(ago),
                limit: Duration::from_secs(600),
                leeway: LEEWAY,
            }
        );
        verdict(&strict(), issued(ago)).unwrap();
    }
    // It never extends a token beyond its `exp`.
    let old = issued(1000).claim("exp", (NOW.as_secs() - 60).to_string());
    let error = verdict(&policy(1_000_000), old).unwrap_err();
    assert_eq!(
        error,
        TokenError::Expired {
            ago: LEEWAY,
            leeway: LEEWAY,
        }
    );

    let leniently = |token: Token| {
        let policy = builder()
            .profile(Profile::LENIENT)
            .max_token_age(Duration::from_secs(600))
            .build()
            .unwrap();
        verdict(&policy, token).map(drop)
    };
    let without = leniently(Token::new().without_claim("iat"));
    assert_eq!(without.unwrap_err(), TokenError::MissingClaim("iat"));
    leniently(issued(0)).unwrap();
    let none = builder().max_token_age(Duration::ZERO).build().unwrap_err();
    assert_eq!(none.field(), "max_token_age");
}

/// JW-25, JW-26, JW-27
#[test]
fn time_errors_say_by_how_much() {
    let at = |seconds: i128| (i128::from(NOW.as_secs()) + seconds).to_string();
    let text = |claim, seconds| refusal(&Token::new().claim(claim, at(seconds)).mint()).to_string();
    let expired = text("exp", -180);
    assert!(
        expired.starts_with("token expired 3min ago, leeway 60s; "),
        "{expired}"
    );
    let early = text("nbf", 7_200);
    assert!(
        early.starts_with("token is not valid until 2h from now, leeway 60s; "),
        "{early}"
    );
    let future = text("iat", 119);
    assert!(
        future.starts_with("token claims to be issued 119s in the future, leeway 60s; "),
        "{future}"
    );
    let policy = builder()
        .max_token_age(Duration::from_secs(600))
        .leeway(Duration::ZERO);
    let old = Token::new().claim("iat", at(-172_800)).mint();
    let old = validate(&policy.build().unwrap(), &published(), &old, NOW).unwrap_err();
    let old = old.to_string();
    assert!(
        old.starts_with("token was issued 2d ago, and 10min is the maximum age; "),
        "{old}"
    );
}

/// JW-28
#[test]
fn time_arithmetic_saturates() {
    let end = UnixTime::from_duration(Duration::MAX);
    assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
    let start = UnixTime::from_secs(0);
    assert_eq!(start.saturating_since(end), Duration::ZERO);
    assert_eq!(end.saturating_since(start), Duration::MAX);
    let token = Token::new().mint();
    let caller = validate(&strict(), &published(), &token, NOW).unwrap();
    let error = validate(&strict(), &published(), &token, end).unwrap_err();
    let expired = TokenError::Expired {
        ago: end.saturating_since(caller.expires_at()),
        leeway: LEEWAY,
    };
    assert_eq!(error, expired);
    let error = validate(&strict(), &published(), &token, start).unwrap_err();
    let in_future = TokenError::IssuedInFuture {
        early: caller.issued_at().unwrap().saturating_since(start),
        leeway: LEEWAY,
    };
    assert_eq!(error, in_future);
}

/// Milliseconds, so that a fraction is exact in the model.
const MAX: i128 = (1 << 53) * 1000;

/// Times close to limits.
fn millis() -> impl Strategy<Value = i128> {
    let now = i128::from(NOW.as_secs()) * 1000;
    prop_oneof![
        -2_000..2_000_i128,
        now - 400_000..now + 400_000,
        MAX - 5_000..=MAX + 5_000,
        Just(i128::from(i64::MAX) * 1000),
        Just(i128::from(u64::MAX) * 1000),
    ]
    // Whole seconds if the number is too large for a float with a fraction.
    .prop_map(|ms| {
        if ms > 1_000_000_000_000_000 {
            ms / 1000 * 1000
        } else {
            ms / 500 * 500
        }
    })
}

fn json(ms: i128) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, rest) = (ms.abs() / 1000, ms.abs() % 1000);
    match rest {
        0 => format!("{sign}{seconds}"),
        _ => format!("{sign}{seconds}.{rest:03}"),
    }
}

proptest! {
    /// JW-28, JW-25, JW-26, JW-27
    #[test]
    fn times_follow_exact_model(
        exp in millis(),
        nbf in proptest::option::of(millis()),
        iat in millis(),
        leeway in 0_u64..=300,
        now in prop_oneof![Just(NOW.as_secs()), 0_u64..4000, Just(u64::MAX)],
    ) {
        let mut token = Token::new().claim("exp", json(exp)).claim("iat", json(iat));
        if let Some(nbf) = nbf {
            token = token.claim("nbf", json(nbf));
        }
        let (at, slack) = (i128::from(now) * 1000, i128::from(leeway) * 1000);
        let readable = |ms: i128| (0..=MAX).contains(&ms);
        let valid = readable(exp) && readable(iat) && nbf.is_none_or(readable)
            && at < exp + slack && iat <= at + slack && nbf.is_none_or(|nbf| nbf <= at + slack);
        let policy = builder().leeway(Duration::from_secs(leeway)).build().unwrap();
        let result = validate(&policy, &published(), &token.mint(), UnixTime::from_secs(now));
        prop_assert_eq!(result.is_ok(), valid, "{:?}", result.map(drop));
    }

    /// JW-25, JW-27
    /// A token ends at one moment: for `verify`, for `check_expiry` and for `accepts_until`.
    #[test]
    fn token_end_follows_exact_model(
        exp in 1..4000_i64,
        age in 0..4000_i64,
        max_age in proptest::option::of(prop_oneof![1_u64..4000, Just(u64::MAX)]),
        leeway in 0_u64..=300,
        later in prop_oneof![0_u64..8000, Just(u64::MAX - NOW.as_secs())],
    ) {
        let now = i128::from(NOW.as_secs());
        let (exp, iat) = (now + i128::from(exp), now - i128::from(age));
        let token = Token::new().claim("exp", exp.to_string()).claim("iat", iat.to_string());
        let mut policy = builder().leeway(Duration::from_secs(leeway));
        if let Some(age) = max_age {
            policy = policy.max_token_age(Duration::from_secs(age));
        }
        let policy = policy.build().unwrap();
        let aged = max_age.map(|age| iat + i128::from(age));
        let end = aged.map_or(exp, |aged| aged.min(exp)) + i128::from(leeway);

        let token = token.mint();
        let at = UnixTime::from_secs(NOW.as_secs() + later);
        let is_over = now + i128::from(later) >= end;
        prop_assert_eq!(validate(&policy, &published(), &token, at).is_err(), is_over);
        let Ok(caller) = validate(&policy, &published(), &token, NOW) else {
            prop_assert!(now >= end);
            return Ok(());
        };
        prop_assert_eq!(policy.check_expiry(&caller, at).is_err(), is_over);
        prop_assert_eq!(i128::from(policy.accepts_until(&caller).as_secs()), end);
    }
}
