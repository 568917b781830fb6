//! Any introspection answer, plain or signed, against a second reading of what an active token must be.

use obo_core::{
    BearerToken, IntrospectionResponse, PrincipalKind, Selection, SignedIntrospection, MissingMembers,
    TokenEndpointError,
};
use serde_json::Value;
use std::time::Duration;

use crate::{model, signer, world};

const CLIENT: &str = "service-a";

/// The lowest and the highest bits of the first byte say what the answer may lack; the others what the rest is: 0, a plain answer; 1,
/// the payload of one that the issuer signs; 2, that of one signed by a key that nobody publishes; 3, a signed answer as
/// it is.
///
/// # Panics
///
/// When it has found something.
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
        0 => judged(IntrospectionResponse::parse(rest), rest, thin),
        1 => {
            let answer = opened(seal(&signer::ISSUER[signer]).as_bytes());
            let Ok(answer) = answer else {
                return;
            };
            let outer = model::unique(rest).expect("each member once");
            assert_eq!(outer["iss"], world::ISSUER);
            let aud = &outer["aud"];
            assert!(
                aud == CLIENT
                    || aud
                        .as_array()
                        .is_some_and(|aud| aud.iter().any(|aud| aud == CLIENT))
            );
            let iat = outer["iat"].as_f64().expect("a time");
            assert!((iat - world::NOW as f64).abs() <= world::LEEWAY as f64 + 1.0);
            let inner = outer["token_introspection"].to_string();
            judged(Ok(answer), inner.as_bytes(), thin);
        }
        2 => assert!(opened(seal(&signer::FORGER[signer]).as_bytes()).is_err()),
        _ => assert!(opened(rest).is_err(), "nobody has signed it"),
    }
}

fn opened(answer: &[u8]) -> Result<IntrospectionResponse, TokenEndpointError> {
    let signed = SignedIntrospection::parse(answer)?;
    match world::PUBLISHED.select(signed.kid(), signed.algorithm()) {
        Selection::Key(key) => world::policy().open(signed, key, CLIENT, world::now()),
        _ => Err(TokenEndpointError::unusable("no key")),
    }
}

fn judged(answer: Result<IntrospectionResponse, TokenEndpointError>, json: &[u8], thin: MissingMembers) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control));
            return;
        }
    };
    let again = IntrospectionResponse::parse(json).expect("it was read before");
    let confirmed = world::policy().confirm(again).is_ok();
    let token = BearerToken::parse("opaque").unwrap();
    let verdict = world::policy().judge(token, answer, thin, world::now());
    if !confirmed {
        assert!(verdict.is_err(), "what is not confirmed is not accepted");
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
    let mut members = model::unique(json).expect("each member once");
    // In a response, null is absent.
    if thin.subject && members.get("sub").is_none_or(Value::is_null) {
        assert!(
            members.get("act").is_none_or(Value::is_null),
            "who acts for nobody"
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
