//! Any JWS in compact form. The first byte selects how the other bytes are used; see [`run`].

use obo_core::{BearerToken, TokenError, UnverifiedJwt};

use crate::{model, signer, world};

/// The lower four bits of the first byte select a key. The upper four bits select what the rest is:
///
/// - 0: a token.
/// - 1: a header and a payload, separated by a NUL byte. The issuer signs them.
/// - 2: the same, but signed with a key that is not published.
/// - Others: changes to a valid token, each with a position and a byte to xor.
///
/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let key = usize::from(choice & 0x0f) % signer::ISSUER.len();
    let (issuer, forger) = (&signer::ISSUER[key], &signer::FORGER[key]);
    match choice >> 4 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else {
                return;
            };
            assert!(verdict(text).is_err(), "an unsigned token is rejected");
        }
        1 => {
            let (header, payload) = parts(rest);
            let token = issuer.seal(header, payload);
            if verdict(&token).is_ok() {
                model::assert_acceptable(header, payload, issuer.alg, world::NOW);
                assert_facts(&token, payload);
            }
        }
        2 => {
            let (header, payload) = parts(rest);
            let verdict = verdict(&forger.seal(header, payload));
            assert!(
                verdict.is_err(),
                "a token of an unpublished key is rejected"
            );
        }
        _ => {
            let valid = issuer.mint(issuer.alg, &world::claims());
            let mut changed = valid.clone().into_bytes();
            for change in rest.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
                changed[at] ^= change[2];
            }
            let Ok(changed) = String::from_utf8(changed) else {
                return;
            };
            assert_eq!(verdict(&changed).is_ok(), changed == valid);
        }
    }
}

fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let nul = bytes.iter().position(|byte| *byte == 0);
    match nul {
        Some(nul) => (&bytes[..nul], &bytes[nul + 1..]),
        None => (bytes, b""),
    }
}

fn verdict(token: &str) -> Result<obo_core::Caller, TokenError> {
    let verdict = world::verify(&world::policy(), &world::PUBLISHED, token, world::now());
    if let Err(error) = &verdict {
        let text = format!("{error} {error:?} {}", error.code());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    if let Ok(jwt) = BearerToken::parse(token).and_then(UnverifiedJwt::parse) {
        let shown = format!("{jwt:?}");
        assert!(shown.len() < 100, "`Debug` does not show the token");
    }
    verdict
}

/// Asserts that the `Caller` has the signed values.
fn assert_facts(token: &str, payload: &[u8]) {
    let caller = verdict(token).unwrap();
    let claims = model::unique(payload).unwrap();
    let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
    assert_eq!(Some(caller.subject()), text("sub"));
    assert_eq!(caller.client_id(), text("client_id"));
    assert_eq!(caller.issuer().as_str(), world::ISSUER);
    assert_eq!(caller.subject_token().expose(), token);
    let exp = claims["exp"].as_f64().unwrap();
    assert!((caller.expires_at().as_secs() as f64 - exp).abs() <= 1.0);
    let mut scope: Vec<_> = text("scope")
        .unwrap_or("")
        .split(' ')
        .filter(|s| !s.is_empty())
        .collect();
    scope.sort_unstable();
    scope.dedup();
    assert_eq!(caller.scope().iter().collect::<Vec<_>>(), scope);
    let act = claims.get("act").and_then(|act| act.get("sub"));
    let act = act.and_then(serde_json::Value::as_str);
    assert_eq!(caller.current_actor().is_some(), act.is_some());
}
