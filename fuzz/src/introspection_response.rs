//! Any introspection response, plain or signed, against a second reading of the rules for an active
//! token.

use obo_core::{
    BearerToken, IntrospectionResponse, MissingMembers, PrincipalKind, Selection,
    SignedIntrospection, TokenEndpointError,
};
use serde_json::Value;
use std::time::Duration;

use crate::{model, signer, world};

const CLIENT: &str = "service-a";

/// The two lowest bits and the highest bit of the first byte select which members the response may
/// lack. The next two bits select a key. The other three bits select what the rest is:
///
/// - 0: a plain response.
/// - 1: a payload. The issuer signs it.
/// - 2: a payload, signed with a key that is not published.
/// - Others: a signed response.
///
/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let thin = MissingMembers {
        audience: choice & 1 != 0,
        expiry: (choice & 2 != 0).then_some(Duration::from_secs(30)),
        subject: choice & 128 != 0,
    };
    let signer = usize::from(choice >> 2 & 3);
    let header =
        |alg: &str| format!(r#"{{"alg":"{alg}","kid":"{alg}","typ":"token-introspection+jwt"}}"#);
    let seal = |signer: &signer::Signer| signer.seal(header(signer.alg).as_bytes(), rest);
    match choice >> 4 & 7 {
        0 => assert_response(IntrospectionResponse::parse(rest), rest, thin),
        1 => {
            let response = opened(seal(&signer::ISSUER[signer]).as_bytes());
            let Ok(response) = response else {
                return;
            };
            let outer = model::unique(rest).expect("each member occurs once");
            assert_eq!(outer["iss"], world::ISSUER);
            let aud = &outer["aud"];
            assert!(
                aud == CLIENT
                    || aud
                        .as_array()
                        .is_some_and(|aud| aud.iter().any(|aud| aud == CLIENT))
            );
            let iat = outer["iat"].as_f64().expect("`iat` is a number");
            assert!((iat - world::NOW as f64).abs() <= world::LEEWAY as f64 + 1.0);
            let inner = outer["token_introspection"].to_string();
            assert_response(Ok(response), inner.as_bytes(), thin);
        }
        2 => assert!(opened(seal(&signer::FORGER[signer]).as_bytes()).is_err()),
        _ => assert!(opened(rest).is_err(), "an unsigned response is rejected"),
    }
}

fn opened(response: &[u8]) -> Result<IntrospectionResponse, TokenEndpointError> {
    let signed = SignedIntrospection::parse(response)?;
    match world::PUBLISHED.select(signed.kid(), signed.algorithm()) {
        Selection::Key(key) => world::policy().open(signed, key, CLIENT, world::now()),
        _ => Err(TokenEndpointError::unusable("no key")),
    }
}

fn assert_response(
    response: Result<IntrospectionResponse, TokenEndpointError>,
    json: &[u8],
    thin: MissingMembers,
) {
    let response = match response {
        Ok(response) => response,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control));
            return;
        }
    };
    let again = IntrospectionResponse::parse(json).expect("it was parsed before");
    let confirmed = world::policy().confirm(again).is_ok();
    let token = BearerToken::parse("opaque").unwrap();
    let verdict = world::policy().validate(token, response, thin, world::now());
    if !confirmed {
        assert!(verdict.is_err(), "an unconfirmed token is rejected");
        return;
    }
    for (name, raw) in model::members(json).expect("JSON") {
        match &*name {
            "active" => assert_eq!(raw, "true"),
            "token_type" if raw != "null" => {
                let kind: String = serde_json::from_str(raw).expect("text");
                let kind = kind.to_ascii_lowercase();
                assert!(matches!(&*kind, "bearer" | "access_token"), "{kind}");
            }
            _ => {}
        }
    }
    let Ok(caller) = verdict else {
        return;
    };
    let mut members = model::unique(json).expect("each member occurs once");
    // In a response, null means absent.
    if thin.subject && members.get("sub").is_none_or(Value::is_null) {
        assert!(
            members.get("act").is_none_or(Value::is_null),
            "an actor requires a subject"
        );
        assert!(members.get("username").is_none_or(Value::is_null));
        assert_eq!(caller.kind(), PrincipalKind::Service);
        members["sub"] = members["client_id"].clone();
    }
    model::assert_claims(&members, world::NOW);
    let has = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
    assert!(has("aud") || thin.audience);
    assert!(has("exp") || thin.expiry.is_some());
    assert_eq!(Some(caller.subject()), members["sub"].as_str());
    assert_eq!(
        caller.client_id(),
        members.get("client_id").and_then(Value::as_str)
    );
    assert!(
        caller.expires_at().as_secs() as f64
            <= members["exp"].as_f64().unwrap_or(world::NOW as f64 + 30.0) + 1.0
    );
    assert_eq!(caller.subject_token().expose(), "opaque");
}
