use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn all(lines: &[&[u8]]) -> Vec<ReceivedChallenge> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_bytes(line).unwrap();
        headers.append(WWW_AUTHENTICATE, value);
    }
    ReceivedChallenge::all(&headers)
}

/// The one challenge of a line.
fn one(line: &str) -> ReceivedChallenge {
    let mut all = all(&[line.as_bytes()]);
    assert_eq!(all.len(), 1, "{line}");
    all.remove(0)
}

fn none(line: &str) {
    assert!(all(&[line.as_bytes()]).is_empty(), "{line}");
}

/// SU-06, EN-04
#[test]
fn known_parameters_are_read() {
    let challenge = one(
        r#"Bearer realm="b", error="insufficient_user_authentication", error_description="more, please", scope="b a", acr_values="gold silver", max_age="300", resource_metadata="https://b.example/.well-known/oauth-protected-resource""#,
    );
    assert_eq!(
        challenge.error(),
        Some(BearerError::InsufficientUserAuthentication)
    );
    assert_eq!(challenge.scope(), Some(&Scope::new(["a", "b"]).unwrap()));
    assert_eq!(challenge.acr_values(), ["gold", "silver"]);
    assert_eq!(challenge.max_age(), Some(300));
    assert_eq!(
        challenge.resource_metadata(),
        Some("https://b.example/.well-known/oauth-protected-resource")
    );
    let challenge = one(
        r#"Bearer realm="", authorization_uri="https://login.example/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0=""#,
    );
    assert_eq!(challenge.error(), Some(BearerError::InsufficientClaims));
    assert_eq!(
        challenge.claims().unwrap().as_json(),
        r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#
    );
}

/// BT-10
#[test]
fn errors_are_distinguished() {
    for (code, error) in [
        ("invalid_request", Some(BearerError::InvalidRequest)),
        ("invalid_token", Some(BearerError::InvalidToken)),
        ("insufficient_scope", Some(BearerError::InsufficientScope)),
        (
            "insufficient_user_authentication",
            Some(BearerError::InsufficientUserAuthentication),
        ),
        ("insufficient_claims", Some(BearerError::InsufficientClaims)),
        ("Invalid_Token", None),
        ("invalid_tokens", None),
        ("", None),
    ] {
        assert_eq!(one(&format!("Bearer error=\"{code}\"")).error(), error);
    }
    assert_eq!(one("Bearer").error(), None);
}

/// BT-02, BT-16
#[test]
fn parser_follows_rfc_9110_grammar() {
    let invalid_token = Some(BearerError::InvalidToken);
    for same in [
        r#"Bearer error="invalid_token""#,
        r#"bearer ERROR="invalid_token""#,
        "BEARER error=invalid_token",
        "Bearer   error = \t invalid_token",
        r#"Bearer error="invalid_\token""#,
        r#" , ,Bearer error="invalid_token", ,"#,
        r#"Basic realm="a, Bearer error=\"x\"", Bearer error="invalid_token""#,
        r#"Bearer error="invalid_token", Basic realm="b""#,
        r#"Negotiate, Bearer error="invalid_token""#,
        r#"Negotiate YIIB+/=, Bearer error="invalid_token""#,
        r#"Negotiate a==, Bearer error="invalid_token""#,
        r#"DPoP algs="ES256", Bearer scope="a", error="invalid_token""#,
    ] {
        assert_eq!(one(same).error(), invalid_token, "{same}");
    }
    for two in [
        "Bearer, Bearer error=invalid_token",
        "Bearer scope=a, bearer error=invalid_token",
    ] {
        let challenges = all(&[two.as_bytes()]);
        assert_eq!(challenges.len(), 2, "{two}");
        assert_eq!(challenges[1].error(), invalid_token, "{two}");
    }
    let lines: [&[u8]; 3] = [b"Basic realm=x", b"Bearer", b"Bearer error=invalid_token"];
    assert_eq!(all(&lines).len(), 2);
}

/// BT-14, BT-16
#[test]
fn malformed_challenge_is_ignored() {
    for bad in [
        "",
        ",",
        "Basic realm=x",
        "BearerX",
        "Bearers error=invalid_token",
        r#"error="invalid_token""#,
        "realm=x, Bearer error=invalid_token",
        r#"Bearer error="invalid_token"#,
        r#"Bearer error="invalid_token\"#,
        r#"Bearer error="invalid_token" scope="a""#,
        r#"Bearer error="invalid_token";scope="a""#,
        r#"Bearer error="invalid_token", scope="#,
        r#"Bearer error="invalid_token"x"#,
        r#"Bearer error="invalid_token", error="insufficient_scope""#,
        r#"Bearer error="invalid_token", ERROR="invalid_token""#,
        r#"Bearer error="invalid_token", "x""#,
        r#"Bearer error="invalid_token", x=(y)"#,
        "Bearer=invalid_token",
        "Bearer\terror=invalid_token",
    ] {
        none(bad);
    }
    // A value that is not text is ignored.
    assert!(all(&[b"Bearer error=\"invalid_token\", realm=\"\xff\""]).is_empty());
}

/// SU-07
#[test]
fn invalid_parameter_value_is_dropped() {
    let odd = one(
        r#"Bearer error="insufficient_user_authentication", acr_values="a\"b", max_age="-1", scope="a\\b", claims="e30x!""#,
    );
    let bare = one(r#"Bearer error="insufficient_user_authentication""#);
    assert_eq!(odd, bare);
    for max_age in ["", "+1", "1.5", "1e3", "18446744073709551616"] {
        assert_eq!(
            one(&format!("Bearer max_age=\"{max_age}\"")).max_age(),
            None
        );
    }
}

/// SU-07
#[test]
fn hostile_challenge_adds_nothing() {
    let hostile = one(
        r#"Bearer error="insufficient_user_authentication", acr_values="gold\", Basic realm=\"x", max_age="5", realm="evil", resource_metadata="https://evil.example""#,
    );
    assert_eq!(
        hostile.step_up().unwrap().to_header_value(),
        r#"Bearer error="insufficient_user_authentication", max_age="5""#
    );
}

/// SU-06, EN-05
#[test]
fn only_step_up_is_passed_on() {
    for same in [
        r#"Bearer error="insufficient_user_authentication""#,
        r#"Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="0""#,
        r#"Bearer error="insufficient_claims", claims="e30=""#,
    ] {
        assert_eq!(one(same).step_up().unwrap().to_header_value(), same);
    }
    for other in [
        "Bearer",
        r#"Bearer error="invalid_token", acr_values="gold""#,
        r#"Bearer error="insufficient_scope", scope="a""#,
        r#"Bearer acr_values="gold""#,
        // Without claims, the user can do nothing.
        r#"Bearer error="insufficient_claims""#,
    ] {
        assert_eq!(one(other).step_up(), None, "{other}");
    }
}

/// TE-06
#[test]
fn challenges_are_bounded() {
    let many = |count: usize| vec!["Bearer"; count].join(", ");
    assert_eq!(
        all(&[many(MAX_CHALLENGES).as_bytes()]).len(),
        MAX_CHALLENGES
    );
    none(&many(MAX_CHALLENGES + 1));
    let with = |count: usize| {
        let parameters: Vec<_> = (0..count).map(|i| format!("p{i}=x")).collect();
        format!("Bearer {}", parameters.join(", "))
    };
    one(&with(MAX_PARAMETERS));
    none(&with(MAX_PARAMETERS + 1));
    let of_length = |length: usize| format!("Bearer{}", " ".repeat(length - 6));
    one(&of_length(MAX_LINE));
    none(&of_length(MAX_LINE + 1));
    let url = |length: usize| format!("Bearer resource_metadata=\"{}\"", "u".repeat(length));
    assert!(one(&url(MAX_URL)).resource_metadata().is_some());
    assert!(one(&url(MAX_URL + 1)).resource_metadata().is_none());
    let acr = format!("Bearer acr_values=\"{}\"", "a ".repeat(600));
    assert!(one(&acr).acr_values().is_empty());
}

/// Bytes of challenges, so that many lines are almost valid.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "Bearer",
        "bearer ",
        "Basic ",
        "error",
        "=",
        "\"",
        "\\",
        ",",
        " ",
        "\t",
        "invalid_token",
        "insufficient_user_authentication",
        "acr_values",
        "claims",
        "e30=",
        "max_age",
        "5",
        "(",
        "é",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// SU-06
    #[test]
    fn any_bytes_parse_without_panic(lines in proptest::collection::vec(line(), 0..4)) {
        let mut headers = HeaderMap::new();
        for value in lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()) {
            headers.append(WWW_AUTHENTICATE, value);
        }
        for challenge in ReceivedChallenge::all(&headers) {
            // Our challenge for it is valid and means the same.
            let Some(own) = challenge.step_up() else { continue };
            let text = own.to_header_value();
            let again = all(&[text.as_bytes()]);
            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!(again[0].step_up(), Some(own));
        }
    }

    /// SU-07
    #[test]
    fn own_challenges_round_trip(
        acr in proptest::collection::vec("[!-~]{1,8}", 0..3),
        max_age in proptest::option::of(any::<u64>()),
        before in proptest::sample::select(vec!["", "Basic realm=\"x\", ", "Negotiate aGk=, ", "DPoP, "]),
        after in proptest::sample::select(vec!["", ", Basic realm=\"x\"", ",, ", ", Negotiate aGk="]),
    ) {
        let mut own = Challenge::error(BearerError::InsufficientUserAuthentication).acr_values(acr);
        if let Some(seconds) = max_age {
            own = own.max_age(seconds);
        }
        let text = own.to_header_value();
        let line = format!("{before}{}{after}", text.to_str().unwrap());
        let read = all(&[line.as_bytes()]);
        prop_assert_eq!(read.len(), 1, "{}", line);
        prop_assert_eq!(read[0].step_up(), Some(own));
        prop_assert_eq!(read[0].max_age(), max_age);
    }
}

fn dpop(line: &str) -> Vec<ReceivedChallenge> {
    let mut headers = HeaderMap::new();
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
    ReceivedChallenge::all_of(TokenScheme::Dpop, &headers)
}

/// DP-14, DP-15, DP-19
#[test]
fn dpop_challenges_are_read() {
    // RFC 9449 sections 7.1 and 9.
    for (line, error, algs) in [
        (
            r#"DPoP algs="ES256 PS256""#,
            None,
            &[Algorithm::Es256, Algorithm::Ps256][..],
        ),
        (
            r#"Bearer, DPoP algs="ES256 PS256""#,
            None,
            &[Algorithm::Es256, Algorithm::Ps256],
        ),
        (
            r#"DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256""#,
            Some(BearerError::InvalidToken),
            &[Algorithm::Es256],
        ),
        (
            r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#,
            Some(BearerError::UseDpopNonce),
            &[],
        ),
        (
            r#"dpop ERROR=invalid_dpop_proof, algs="HS256 none ES256 ES256 x""#,
            Some(BearerError::InvalidDpopProof),
            &[Algorithm::Es256],
        ),
    ] {
        let read = dpop(line);
        assert_eq!(read.len(), 1, "{line}");
        assert_eq!(read[0].scheme(), TokenScheme::Dpop);
        assert_eq!(read[0].error(), error, "{line}");
        assert_eq!(read[0].algorithms(), algs, "{line}");
    }
    for other in [
        r#"Bearer error="use_dpop_nonce""#,
        r#"DPoP error="use_dpop_nonce", error="x""#,
        r#"DPoP error="use_dpop_nonce"#,
        r#"DPoPx error="use_dpop_nonce""#,
        r#"Basic realm="DPoP error=\"use_dpop_nonce\"""#,
    ] {
        assert!(dpop(other).is_empty(), "{other}");
    }
    let bearer = one(r#"Bearer error="use_dpop_nonce", algs="ES256""#);
    assert_eq!((bearer.error(), bearer.algorithms()), (None, &[][..]));
}

/// DP-14
#[test]
fn own_dpop_challenge_reads_back() {
    let own = Challenge::error(BearerError::UseDpopNonce).dpop([Algorithm::Es256]);
    let read = dpop(own.to_header_value().to_str().unwrap());
    assert_eq!(read[0].known, own);
}
