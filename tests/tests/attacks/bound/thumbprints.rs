//! The thumbprint of a key (RFC 7638), to which a token is bound.

use std::sync::LazyLock;

use obo_test_support::Signer;

use super::draft::{sha256, thumbprint};
use super::world::Holder;
use crate::case::Case;

/// Keys that were published with their thumbprints.
struct Vector {
    alg: &'static str,
    key: Signer,
    printed: &'static str,
}

static VECTORS: LazyLock<[Vector; 3]> = LazyLock::new(|| {
    let vector = |alg, printed, pkcs8| {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
        let key = Signer::of_pem("published", alg, &pem);
        Vector { alg, key, printed }
    };
    [
        // RFC 7638 section 3.1; the private key is in RFC 7517 appendix A.2.
        vector(
            "RS256",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            RFC_7638_RSA,
        ),
        // RFC 7517 appendix A.2.
        vector(
            "ES256",
            "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJOjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj",
        ),
        // RFC 8037 appendix A.
        vector(
            "EdDSA",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
        ),
    ]
});

const RFC_7638_RSA: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDS/HtqCh5sZxBK64+Isldmm032ed2tCZtcSmzZqIAVtaEzvwuFbHhxtt8AC1VPzrPC7VErto8UXG6ENHUvq1Khz8EkQI95tYpFeMFkKIVXifeiSeOEyy2fri1n/Zb7kmwZjgdzmf3IFcCvCX3eWq3v9E3nDoJ/SHhDJDm/7rlgaNBHT8UNbZC/OpjfrxBAyJwC1pKrOzwolmCdhv1zt3TOB0BkfO7qoxC9EvmFqOufWf3UJs6lshIPTyo0vKt2S35sVNaEAji8xAWHpZ5m7R8ziUV3Y1xHCvdc+Swg0dpD4b/EGeIipvDQuzWMXjj5ywUK6v6QSBTxrBqknMqeoMqDAgMBAAECggEAX4cTteJY/gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH+HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0/YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy/nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d/cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL+Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8QKBgQDzeL7si8wZegxcKyS/vdMqvzrfsWI7tnbvO/yiPqltZRDIs9AFDG09WfAPbRH7rR5MOYPa6Ocy3k+ioyubxF+Y2FVYO2OMyYIyM6lJeJwUePtc65UhhDKpVaVYSHp03foZVliT3c3wFz29jjXHLwH1HPM4ZVDNe80S+fs7SdVt+wKBgQDd185H1y5ir7RL6aQUvOAi2AwR8XMHareFZ6Ey4bSgK6qdve+hsvK6aqNVlA7V0it3CBOcJ2ljMFw59bmvfvQAVeOJZ+380YSKi+ieLOEqmj1VVLvxPMWDGQh2t5xF7Oxn7WRh3+zWoNvG2QMSB8AhMAb0tScAO6fi8hxvrJ6XGQKBgBuLD15HOmGvcvKCVvfyC4+MbqabtJc4vx+1U5EvMY+UnV93KBNKIpmMMSItnpkwLntFDmuXaYBRsgSeHPLUNlReNNl0boCg0z/GpGIRaObQAO+0HvzZrbmGXNwt5tyNuBthr0ebEg8VMgDds6vC35/RFJrOq2Nzm/GHoipE4gY9AoGBALPZQB/X4IAbKBUfDmnNkfxNoMNvNq09pBjgIbyJZRExNXn6wOoblFLzHwXDKZ/Janlur8852GOUkkBe6THQv2oCN5xvCG6dQVG9CVIq2kTalHy4XEG/3fRheA4e3u+Fm0bKG0aJ7o02DdcQmj+kzutY71q1/i9fLcV8OPeEP3IJAoGAGyM/p6JrXySiz1toFgKbWV+JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa+Bk0KWNGDjJHZDdDmFhW3AN7lI+puxk/mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU=";

pub(super) fn cases(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let bound = |jkt: &str| holder.world.confirmed(&format!("{{\"jkt\":{jkt:?}}}"));
    for Vector { alg, key, printed } in &*VECTORS {
        let (token, members) = (bound(printed), key.key_members());
        let case = |name: &str, jwk: String| {
            let proof = holder.proof_by(key, alg, &token);
            let proof = proof.header("jwk", &jwk).text();
            holder.case(format!("{alg}: {name}"), &token, proof, None)
        };
        cases.push(case("the published thumbprint", format!("{{{members}}}")));
        // Other members, their order and white space are no part of it.
        let more =
            format!("{{\"kid\":\"a\",\"use\":\"sig\",{members},\"x5t\":\"a\",\"ext\":true}}");
        cases.push(case("other members", more));
        let mut parts: Vec<&str> = members.split(',').collect();
        parts.reverse();
        cases.push(case(
            "another order",
            format!("{{ {} }}", parts.join(" , ")),
        ));
        for other in VECTORS.iter().filter(|other| other.alg != *alg) {
            let proof = holder.proof_by(&other.key, other.alg, &token).text();
            let name = format!("{alg}: the key of {}", other.alg);
            cases.push(holder.unbound(name, &token, proof, "another_key"));
        }
    }
    let key = holder.key();
    let own = thumbprint(key);
    let unsorted = sha256(format!("{{{}}}", key.key_members()));
    let (first, rest) = own.split_at(1);
    let changed = format!("{}{rest}", if first == "A" { "B" } else { "A" });
    for (name, jkt) in [
        ("of unsorted members", unsorted),
        ("of another key", thumbprint(holder.world.thief.es.raw())),
        ("changed", changed),
    ] {
        let token = bound(&jkt);
        let proof = holder.proof(&token).text();
        cases.push(holder.unbound(format!("jkt {name}"), &token, proof, "another_key"));
    }
    for (name, jkt) in [
        ("empty", String::new()),
        ("padded", format!("{own}=")),
        ("with a blank", format!(" {own}")),
        ("cut", own[..42].to_owned()),
        ("longer", format!("{own}A")),
        (
            "as a URN",
            format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{own}"),
        ),
        ("with bits left over", format!("{}9", &own[..42])),
        (
            "of another alphabet",
            own[..42].replace(['-', '_'], "+") + "+",
        ),
    ] {
        let token = bound(&jkt);
        let proof = holder.proof(&token).text();
        cases.push(holder.unbound(format!("jkt {name}"), &token, proof, "binding_not_checked"));
    }
    cases
}
