//! Any logout token or security event token, against a second reading of the rules.

use obo_core::event::{EventError, Logout};
use obo_core::fleet::Revoked;
use obo_core::{BearerToken, Selection, TokenError, UnverifiedJwt};
use serde_json::Value;

use crate::{model, signer, world};

const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";

/// The lowest three bits of the first byte select a key. The next one selects the kind: 0 is a
/// logout token, 1 a security event token. The upper four bits select what the rest is:
///
/// - 3: a header and a payload, separated by a NUL byte. The issuer signs them.
/// - 4: the same, but signed with a key that is not published.
/// - Others: a token.
///
/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let key = usize::from(choice & 7) % signer::ISSUER.len();
    let (issuer, forger) = (&signer::ISSUER[key], &signer::FORGER[key]);
    let is_logout = choice & 8 == 0;
    let nul = rest.iter().position(|byte| *byte == 0);
    let (header, payload) = match nul {
        Some(nul) => (&rest[..nul], &rest[nul + 1..]),
        None => (rest, &b""[..]),
    };
    match choice >> 4 {
        3 => {
            let Ok(logout) = verdict(&issuer.seal(header, payload), is_logout) else {
                return;
            };
            assert_header(header, issuer.alg, is_logout);
            let claims = model::unique(payload).expect("each member occurs once");
            assert_common(&claims);
            match is_logout {
                true => assert_logout(&claims, &logout.expect("a logout")),
                false => assert_events(&claims, logout.as_ref()),
            }
        }
        4 => {
            let verdict = verdict(&forger.seal(header, payload), is_logout);
            assert!(
                verdict.is_err(),
                "a token of an unpublished key is rejected"
            );
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(rest) {
                let verdict = verdict(text, is_logout);
                assert!(verdict.is_err(), "an unsigned token is rejected");
            }
        }
    }
}

fn verdict(token: &str, is_logout: bool) -> Result<Option<Logout>, EventError> {
    let verdict = verify(token, is_logout);
    if let Err(error) = &verdict {
        let text = format!("{error} {error:?} {} {}", error.code(), error.description());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    verdict
}

fn verify(token: &str, is_logout: bool) -> Result<Option<Logout>, EventError> {
    let jwt = UnverifiedJwt::parse(BearerToken::parse(token)?)?;
    let Selection::Key(key) = world::PUBLISHED.select(jwt.kid(), jwt.algorithm()) else {
        return Err(TokenError::UnknownKey.into());
    };
    let (policy, audience) = (world::policy(), world::audience(world::AUDIENCE));
    match is_logout {
        true => {
            let logout = policy.verify_logout_token(&jwt, key, &audience, world::now());
            logout.map(Some)
        }
        false => policy.verify_security_event(&jwt, key, &audience, world::now()),
    }
}

fn assert_header(header: &[u8], alg: &str, is_logout: bool) {
    let header = model::unique(header).expect("the header has each member once");
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let same_alg = text("alg") == Some(alg) || alg == "EdDSA" && text("alg") == Some("Ed25519");
    assert!(same_alg, "the algorithm is that of the key");
    for refused in ["crit", "b64", "zip", "enc", "cty"] {
        assert!(header.get(refused).is_none(), "{refused}");
    }
    let typ = text("typ").map(str::to_ascii_lowercase);
    let typ = typ
        .as_deref()
        .map(|typ| typ.trim_start_matches("application/"));
    match typ {
        Some("logout+jwt" | "jwt") | None => assert!(is_logout),
        Some("secevent+jwt") => assert!(!is_logout),
        Some(other) => panic!("{other}"),
    }
}

fn assert_common(claims: &Value) {
    assert_eq!(claims["iss"], world::ISSUER);
    let aud = match &claims["aud"] {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    };
    assert!(aud.iter().any(|aud| **aud == world::AUDIENCE));
    assert!(!claims["jti"].as_str().expect("jti").is_empty());
    let (now, leeway) = (world::NOW as f64, world::LEEWAY as f64);
    let time = |name: &str| {
        let time = claims.get(name);
        time.map(|time| time.as_f64().expect(name))
    };
    assert!(time("iat").expect("iat") <= now + leeway);
    assert!(time("nbf").is_none_or(|nbf| nbf <= now + leeway));
    assert!(time("exp").is_none_or(|exp| now < exp + leeway));
}

fn assert_logout(claims: &Value, logout: &Logout) {
    assert!(claims.get("nonce").is_none());
    assert!(claims["events"][LOGOUT].is_object());
    let iat = claims["iat"].as_f64().expect("iat");
    let is_recent = world::NOW as f64 - iat < 600.0 + world::LEEWAY as f64;
    assert!(is_recent || claims.get("exp").is_some());
    let expected = match claims.get("sid") {
        Some(sid) => Revoked::Session(owned(sid)),
        None => Revoked::Subject(owned(&claims["sub"])),
    };
    assert_eq!(logout.of, expected);
    assert_facts(claims, logout, iat);
}

fn assert_events(claims: &Value, logout: Option<&Logout>) {
    let events = claims["events"].as_object().expect("events");
    assert!(!events.is_empty() && events.values().all(Value::is_object));
    let is_revoking = |name: &&String| {
        let caep = [
            "session-revoked",
            "credential-change",
            "token-claims-change",
        ];
        let risc = ["sessions-revoked", "account-disabled", "account-purged"];
        let after = |start| name.strip_prefix(start);
        after(CAEP).is_some_and(|name| caep.contains(&name))
            || after(RISC).is_some_and(|name| risc.contains(&name))
    };
    let revoking: Vec<&String> = events.keys().filter(is_revoking).collect();
    let Some(logout) = logout else {
        assert!(revoking.is_empty(), "an event is not ignored");
        return;
    };
    let iat = claims["iat"].as_f64().expect("iat");
    let is_narrow = revoking
        .iter()
        .all(|name| name.ends_with("/session-revoked"));
    let mut until = 0_f64;
    for name in &revoking {
        let event = &events[*name];
        let at = present(event, "event_timestamp");
        until = until.max(at.map_or(iat, |at| at.as_f64().expect("a time")));
        let subject = claims.get("sub_id").or_else(|| present(event, "subject"));
        let expected = expected(subject.expect("a subject"), is_narrow);
        assert_eq!(logout.of, expected);
    }
    assert_facts(claims, logout, until.min(iat.max(world::NOW as f64)));
}

/// Who is revoked, by a subject identifier.
fn expected(subject: &Value, is_narrow: bool) -> Revoked {
    let format = present(subject, "format").map(owned);
    let (user, session) = match format.as_deref() {
        Some("complex") | None => (present(subject, "user"), present(subject, "session")),
        Some(_) => (Some(subject), None),
    };
    let user = user.map(|user| match &*owned(&user["format"]) {
        "iss_sub" => {
            assert_eq!(
                user["iss"],
                world::ISSUER,
                "an issuer speaks for its own users"
            );
            Revoked::Subject(owned(&user["sub"]))
        }
        "opaque" => Revoked::Subject(owned(&user["id"])),
        other => panic!("{other}"),
    });
    let session = session.map(|session| {
        assert_eq!(session["format"], "opaque");
        Revoked::Session(owned(&session["id"]))
    });
    let found = match is_narrow {
        true => session.or(user),
        false => user.or(session),
    };
    found.expect("a user or a session")
}

fn assert_facts(claims: &Value, logout: &Logout, until: f64) {
    assert_eq!(logout.issuer.as_str(), world::ISSUER);
    assert_eq!(claims["jti"], *logout.jti);
    // A fraction of a second may be rounded.
    assert!((logout.until.as_secs() as f64 - until).abs() <= 1.0);
}

fn present<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn owned(text: &Value) -> String {
    let text = text.as_str().expect("a text");
    assert!(!text.is_empty());
    text.to_owned()
}
