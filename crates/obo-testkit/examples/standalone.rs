//! The server as a process of its own, for clients in other languages.
//!
//! It prints one line of JSON when it listens: the issuer, clients with their secrets and keys, and
//! tokens for `service-b` to accept or to reject. It ends when its standard input ends.
#![allow(clippy::unwrap_used, reason = "the example panics on misuse")]
#![allow(clippy::print_stdout, reason = "its line of JSON")]

use std::io;

use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::{Value, json};

const SECRET: &str = "the secret of service-a: 100% + more/&=?";
/// A client whose identifier must be encoded in Basic credentials.
const ODD: &str = "service:a+%";
/// A client with old habits: Basic credentials not encoded, assertions for the token endpoint.
const OLD: &str = "service-o";

#[tokio::main]
async fn main() {
    // With a path in the issuer, clients often compute the wrong metadata URL.
    let idp = TestIdp::builder().issuer_path("/realms/corp");
    let idp = idp.start().await;
    let key = TestKey::generate(TestAlg::Es256);
    for id in ["service-a", ODD, OLD] {
        let client = idp.client(id).secret(SECRET).jwk(key.public_jwk("key-1"));
        client
            .may_exchange_to("service-b")
            .may_request("service-b")
            .scope_allowed("service-b", "b:read");
    }
    idp.client(OLD).raw_basic().audience_token_endpoint();
    let subject = |client: &str| {
        let token = idp.user("alice").audience(client);
        token.scope("b:read b:write").mint()
    };
    let document = json!({
        "issuer": idp.issuer(),
        "clients": {
            "service-a": { "secret": SECRET, "subject_token": subject("service-a") },
            OLD: { "secret": SECRET, "subject_token": subject(OLD) },
            ODD: { "secret": SECRET, "subject_token": subject(ODD) },
        },
        "client_key": key.private_jwk("key-1"),
        "minted": minted(&idp),
        "forged": forged(&idp),
    });
    println!("{document}");
    let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
}

/// One token per algorithm, and one each from before and after a rotation.
fn minted(idp: &TestIdp) -> Value {
    let token = || idp.user("alice").audience("service-b").scope("b:read");
    let mut minted = Vec::from(TestAlg::ALL.map(|alg| (alg.as_str(), token().alg(alg))));
    minted.push(("of several audiences", token().audience("service-c")));
    minted.push(("with an actor", token().actor("service-a")));
    let before = ("before rotation", token().mint());
    idp.rotate();
    let after = ("after rotation", token().mint());
    let minted = minted.iter().map(|(name, token)| (*name, token.mint()));
    minted.chain([before, after]).collect()
}

fn forged(idp: &TestIdp) -> Value {
    let token = || idp.user("alice").audience("service-b");
    json!({
        "expired": token().expires_in(-60).issued_at(-120).mint(),
        "not valid yet": token().not_before(600).mint(),
        "of another issuer": token().issuer("https://elsewhere.example").mint(),
        "for another audience": idp.user("alice").audience("service-c").mint(),
        "of an unknown key": token().sign_with(&TestKey::generate(TestAlg::Rs256)).mint(),
        "unsigned": token().header("alg", "none").mint(),
        "without subject": token().without("sub").mint(),
        "without client": token().without("client_id").mint(),
        "an ID token": idp.id_token("alice", "service-b").mint(),
    })
}
