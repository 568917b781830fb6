//! Tokens: inspected and exchanged.

use snapbox::{assert_data_eq, str};

use crate::causes::introspecting;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn token_is_shown_with_its_chain() {
    let world = World::new().await;
    let token = world
        .idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read");
    let token = token
        .actor("web")
        .actor("shop")
        .claim("note", "a\u{1b}[2Jb\u{202e}c");
    let ran = world.run(&["inspect"], &token.mint()).await;
    let drawn = "  alice  the subject\n  └─ web  acted before\n     └─ shop  acts now\n";
    assert!(ran.out.contains(drawn), "{}", ran.out);
    assert_data_eq!(
        ran.plain(),
        str![[r#"
header (not verified)
alg RS256
kid rs256-[..]
typ at+jwt
claims (not verified)
act {"act":{"sub":"web"},"sub":"shop"}
aud service-a
client_id test-app
exp [..]
iat [..]
iss ISSUER
jti [..]
note a�[2Jb�c
scope orders:read
sub alice

chain (not verified)
alice the subject
└─ web acted before
└─ shop acts now
└─▶ service-a the audience

exit code 0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_rule_is_shown() {
    let world = World::new().await;
    let token = world
        .idp
        .user("alice")
        .audience("billing")
        .expires_in(-180)
        .typ(Some("JWT"));
    let token = token.without("jti").mint();
    let ran = world
        .run(&["inspect", "-c", &world.service()], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ type header `typ` is JWT; the issuer's profile expects at+jwt; if it is an ID token, the client must send its access token instead; otherwise let the server issue access tokens of type at+jwt, or use the profile of the server's product (module `dialect`, or its name in a file); `Profile::LENIENT` accepts it too, but requires `require_client` to reject ID tokens that have no mark such as `nonce`
✗ audience token is addressed to "billing" and not to this service; expected audience service-a; `Trust::audience` (`audiences` in a file) accepts another name of this service
✗ expiry token expired 3min[..] ago, leeway 60s; the client must renew it, or the clock of this machine is wrong
✗ required claims claim `jti` is missing, and the issuer's profile requires it; the server's own profile may not require it, and `Profile::LENIENT` does not; use that with `require_client`, to reject ID tokens
? signature not checked, because no keys were fetched
→ add --online
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_verdict_is_open() {
    let world = World::new().await;
    let ran = world
        .run(&["inspect", "-c", &world.service()], &world.alice())
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
? signature not checked, because no keys were fetched
→ add --online
exit code 2

"#]]
    );
    assert_eq!(world.idp.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_token_lists_its_rules() {
    let world = World::new().await;
    let token = world
        .idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read")
        .actor("web");
    let ran = world
        .run(
            &["inspect", "--online", "-c", &world.service()],
            &token.mint(),
        )
        .await;
    let checks = ran.plain();
    let (_, checks) = checks.split_once("the audience\n").unwrap();
    assert_data_eq!(
        checks.to_owned(),
        str![[r#"

✓ form a JWT
✓ algorithm RS256
✓ type at+jwt
✓ issuer ISSUER
✓ audience service-a
✓ expiry [..]
✓ issued at [..]
✓ not before none
✓ subject alice
✓ client test-app
✓ actors as expected
✓ kind an access token
✓ scope orders:read
✓ binding none
✓ required claims as expected
✓ signature verified by the key rs256-[..]
✓ verdict accepted, for the user alice
· rule GET /orders/{id} passes: issuer ISSUER; scope orders:read; any of (actor web | no actor)
exit code 0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_token_is_refused() {
    let world = World::new().await;
    let key = obo_testkit::TestKey::generate(obo_testkit::TestAlg::Rs256);
    let token = world
        .idp
        .user("alice")
        .audience("service-a")
        .sign_with(&key)
        .mint();
    let ran = world
        .run(&["inspect", "--online", "-c", &world.service()], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ signature signature does not verify
→ it was signed with a key that the issuer does not publish: forged, or of another environment; `obo doctor` lists the keys
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_reported() {
    let world = World::new().await;
    for (input, problem) in [
        ("", "there is no token in -"),
        ("one two", "has more than a token"),
        ("\u{fffd}", "an opaque token"),
    ] {
        let ran = world.run(&["inspect"], input).await;
        assert!((ran.out.clone() + &ran.err).contains(problem), "{ran:?}");
    }
    let ran = world
        .run(&["inspect", "-c", &world.service()], "not.a.token")
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ form not a compact JWS: header
exit code 1

"#]]
    );
    let ran = world.run(&["inspect", &world.alice()], "").await;
    assert!(
        ran.code == 2 && ran.err.contains("looks like a token"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("eyJ"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_token_is_not_opaque() {
    let world = World::new().await;
    let token = world.alice();
    let cut = token.rsplit_once('.').unwrap().0;
    let ran = world.run(&["inspect"], cut).await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✗ form a damaged JWT: it has 2 of 3 segments: the signature is missing; copy the token again, whole and unchanged
exit code 1

"#]]
    );
    let ran = world
        .run(&["inspect", "-c", &world.service()], &cut[..cut.len() - 8])
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✗ form not a compact JWS: it must have three segments: the payload [..]; copy the token again, whole and unchanged
exit code 1

"#]]
    );
    let ran = world.run(&["inspect"], &token[..token.len() - 9]).await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ form a damaged JWT: the signature of 333 characters is not base64url: characters are missing or added; copy the token again, whole and unchanged
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_opaque_token_is_open() {
    let world = World::new().await;
    let config = introspecting(&world, "for = \"opaque_tokens\"");
    let opaque = world.idp.user("alice").audience("service-a").mint_opaque();
    let ran = world.run(&["inspect", "-c", &config], &opaque).await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
? verdict only the issuer knows the token
→ add --online, which introspects it
exit code 2

"#]]
    );
    // A damaged JWT is introspected as an opaque token, and the result says so.
    let token = world.alice();
    let cut = token.rsplit_once('.').unwrap().0;
    let ran = world.run(&["inspect", "-c", &config], cut).await;
    let hint = "looks like a damaged JWT: it has 2 of 3 segments";
    assert!(ran.code == 2 && ran.out.contains(hint), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_token_is_shown() {
    let world = World::new().await;
    let ran = world
        .run(
            &["exchange", "-c", &world.service(), "--to", "stock"],
            &world.alice(),
        )
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
header (not verified)
alg RS256
kid rs256-[..]
typ at+jwt
claims (not verified)
act {"sub":"service-a"}
aud stock
client_id service-a
exp [..]
iat [..]
iss ISSUER
jti [..]
scope orders:read
sub alice

chain (not verified)
alice the subject
└─ service-a acts now
└─▶ stock the audience

✓ caller accepted, for alice
✓ exchange a token for stock
exit code 0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_command_has_no_secret() {
    let world = World::new().await;
    let config = world.service();
    let arguments = ["exchange", "-c", &config, "--to", "stock", "--curl"];
    let ran = world.run(&arguments, &world.alice()).await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
curl --request POST 'ISSUER/token' /
--user "$CLIENT_ID:$CLIENT_SECRET" /
--data-urlencode 'grant_type=urn:ietf:params:oauth:grant-type:token-exchange' /
--data-urlencode "subject_token=$SUBJECT_TOKEN" /
--data-urlencode 'subject_token_type=urn:ietf:params:oauth:token-type:access_token' /
--data-urlencode 'audience=stock'
✓ caller accepted, for alice
· exchange not sent, because of --curl
exit code 0

"#]]
    );
    assert_eq!(world.idp.token_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_issuer_is_unknown() {
    let world = World::new().await;
    let token = world.alice();
    world.idp.stop();
    let ran = world.run(&["doctor", "-c", &world.service()], "").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = world
        .run(&["inspect", "--online", "-c", &world.service()], &token)
        .await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_set_up_is_right() {
    let world = World::new().await;
    let config = world.service();
    let ran = world
        .run(&["doctor", "-c", &config, "--token", "-"], &world.alice())
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ ISSUER discovery the issuer is spelled as in ISSUER/.well-known/openid-configuration
✓ ISSUER keys 3 usable: rs256-[..] RS256, es256-[..] ES256, eddsa-[..] EdDSA
✓ ISSUER algorithms a key fits the accepted algorithms
✓ ISSUER clock no difference
✓ token form a JWT
✓ token algorithm RS256
✓ token type at+jwt
✓ token issuer ISSUER
✓ token audience service-a
✓ token expiry [..]
✓ token issued at [..]
✓ token not before none
✓ token subject alice
✓ token client test-app
✓ token actors as expected
✓ token kind an access token
✓ token scope orders:read
✓ token binding none
✓ token required claims as expected
✓ token signature verified by the key rs256-[..]
✓ token verdict accepted, for the user alice
✓ client service-a at ISSUER authenticates
✓ destination stock (https://stock.corp.example) the caller's token was exchanged
exit code 0

"#]]
    );
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ ISSUER discovery the issuer is spelled as in ISSUER/.well-known/openid-configuration
✓ ISSUER keys 3 usable: rs256-[..] RS256, es256-[..] ES256, eddsa-[..] EdDSA
✓ ISSUER algorithms a key fits the accepted algorithms
✓ ISSUER clock no difference
✓ client service-a at ISSUER authenticates
· destination stock (https://stock.corp.example) the client gets its own token for it; no exchange was tried
→ give the token of a caller with --token to try one
exit code 0

"#]]
    );
}

/// No error repeats a token that stands in the wrong place.
#[tokio::test(flavor = "multi_thread")]
async fn token_argument_is_not_repeated() {
    let world = World::new().await;
    let (token, config) = (world.alice(), world.service());
    let query = format!("/x?token={token}");
    for arguments in [
        &["exchange", "-c", &config, "--to", &token][..],
        &["check", "-c", &config, "GET", &query],
        &["check", "-c", &config, &token, "/x"],
        &["inspect", "-c", &token],
        &["trace", &token],
        &[&token],
    ] {
        let ran = world.run(arguments, "").await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("looks like a token"), "{ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn non_text_argument_is_an_error() {
    use std::os::unix::ffi::OsStrExt as _;

    let argument = std::ffi::OsStr::from_bytes(b"in\xffspect");
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_obo"))
        .arg(argument)
        .output();
    assert_eq!(ran.unwrap().status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn binding_of_token_is_shown() {
    let world = World::new().await;
    let key = obo_testkit::TestKey::generate(obo_testkit::TestAlg::Es256);
    let token = world
        .idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read")
        .bound_to(&key)
        .bound_to_certificate(&[0x30, 3, 2, 1, 7])
        .mint();
    let ran = world.run(&["inspect"], &token).await;
    let shown = ran.plain();
    let (_, shown) = shown.split_once("the audience\n").unwrap();
    assert_data_eq!(
        shown.to_owned(),
        str![[r#"

binding (not verified)
the key [..] (a proof per request: DPoP) and the certificate [..] (mutual TLS)

exit code 0

"#]]
    );

    let config = world.service();
    let ran = world
        .run(&["inspect", "--online", "-c", &config], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ binding token is bound to a key or certificate (`cnf`), and this service does not check the binding; `ResourceServerBuilder::bound_tokens` (`[binding]` in a file) does
→ add a table [binding] to [..]service.toml, which accepts bound tokens with a proof
exit code 1

"#]]
    );

    let file = std::fs::read_to_string(&config).unwrap();
    let binding = "[binding]\nbase_url = \"https://a.example\"\ndpop = \"accept\"\ncertificate = \"connection\"";
    let config = world.file("bound.toml", &format!("{binding}\n{file}"));
    let ran = world
        .run(&["inspect", "--online", "-c", &config], &token)
        .await;
    let shown = ran.plain();
    assert_eq!(ran.code, 0, "{shown}");
    assert!(shown.contains("✓ binding the key "), "{shown}");
    let verdict =
        "✓ verdict accepted, for the user alice, from a sender that proves the binding by a proof";
    assert!(shown.contains(verdict), "{shown}");
}
