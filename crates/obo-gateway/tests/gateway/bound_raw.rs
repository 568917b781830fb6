//! Proofs in requests that no HTTP library would write.

use crate::bound::{ACCEPT, Bound};

/// The status of the response to these bytes, and its head.
async fn status(bound: &Bound, head: &str) -> (String, String) {
    let got = bound
        .world
        .raw(&format!("{head}connection: close\r\n\r\n"))
        .await;
    let head = got.split("\r\n\r\n").next().unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    (status, head.to_ascii_lowercase())
}

/// DP-01, BT-05
#[tokio::test]
async fn second_line_is_refused() {
    let bound = Bound::start(ACCEPT).await;
    let token = &bound.token;
    let start = "GET /protected HTTP/1.1\r\nhost: a\r\n";
    let line = format!("authorization: DPoP {token}\r\n");
    let proof = || format!("dpop: {}\r\n", bound.proof("/protected").make());
    let bearer = format!("authorization: Bearer {}\r\n", bound.world.alice().mint());
    let one = proof();
    let folded = one.trim_end().replacen('.', ".\r\n ", 1) + "\r\n";
    for (what, lines, expected, error) in [
        ("one of each", vec![&*line, &proof()], "200", ""),
        (
            "two proofs",
            vec![&line, &proof(), &proof()],
            "401",
            "invalid_dpop_proof",
        ),
        (
            "one proof twice",
            vec![&line, &one, &one],
            "401",
            "invalid_dpop_proof",
        ),
        (
            "an empty one",
            vec![&line, "dpop:\r\n", &proof()],
            "401",
            "invalid_dpop_proof",
        ),
        (
            "another case",
            vec![&line, &proof(), &proof().replacen("dpop", "DPOP", 1)],
            "401",
            "invalid_dpop_proof",
        ),
        (
            "the token twice",
            vec![&line, &line, &proof()],
            "400",
            "invalid_request",
        ),
        (
            "both schemes",
            vec![&line, &bearer, &proof()],
            "400",
            "invalid_request",
        ),
        (
            "the other order",
            vec![&bearer, &line, &proof()],
            "400",
            "invalid_request",
        ),
        ("a folded line", vec![&line, &folded], "400", ""),
        // What is refused is not used.
        ("the proof alone", vec![&line, &one], "200", ""),
    ] {
        let (status, head) = status(&bound, &format!("{start}{}", lines.concat())).await;
        assert_eq!(status, expected, "{what}: {head}");
        assert!(head.contains(error), "{what}: {head}");
    }
}

/// DP-06
#[tokio::test]
async fn target_and_host_change_no_url() {
    let bound = Bound::start(ACCEPT).await;
    let token = &bound.token;
    let right = || bound.proof("/protected").make();
    let of = |url: &str| bound.proof("/protected").claim("htu", url).make();
    for (start, proof, expected) in [
        (
            "GET /protected HTTP/1.1\r\nhost: evil.example\r\n",
            right(),
            "200",
        ),
        ("GET /protected HTTP/1.1\r\nhost:\r\n", right(), "200"),
        (
            "GET /protected HTTP/1.1\r\nhost: API.example:443\r\n",
            right(),
            "200",
        ),
        ("GET /protected HTTP/1.0\r\n", right(), "200"),
        ("GET /protected?x=1 HTTP/1.1\r\nhost: a\r\n", right(), "200"),
        (
            "GET http://evil.example/protected HTTP/1.1\r\nhost: evil.example\r\n",
            right(),
            "200",
        ),
        (
            "GET https://evil.example/protected HTTP/1.1\r\nhost: api.example\r\n",
            right(),
            "200",
        ),
        (
            "GET http://evil.example/protected HTTP/1.1\r\nhost: evil.example\r\n",
            of("http://evil.example/protected"),
            "401",
        ),
        (
            "GET http://evil.example/v1/protected HTTP/1.1\r\nhost: evil.example\r\n",
            right(),
            "401",
        ),
        (
            "GET /protected HTTP/1.1\r\nhost: evil.example\r\n",
            of("https://evil.example/v1/protected"),
            "401",
        ),
        (
            "GET /protected HTTP/1.1\r\nhost: a\r\nforwarded: host=evil.example;proto=http\r\n\
             x-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\n\
             x-forwarded-prefix: /v2\r\nx-original-url: /other\r\n",
            right(),
            "200",
        ),
        (
            "GET /protected HTTP/1.1\r\nhost: a\r\nx-forwarded-host: evil.example\r\n",
            of("https://evil.example/v1/protected"),
            "401",
        ),
        ("GET /protected HTTP/1.1\r\n", right(), "400"),
        (
            "GET /protected HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
            right(),
            "400",
        ),
        ("GET /protected HTTP/1.1\r\nhost: a b\r\n", right(), "400"),
        (
            "GET /protected HTTP/1.1\r\nhost: user@api.example\r\n",
            right(),
            "400",
        ),
    ] {
        let head = format!("{start}authorization: DPoP {token}\r\ndpop: {proof}\r\n");
        let (status, head) = status(&bound, &head).await;
        assert_eq!(status, expected, "{start}: {head}");
    }
}

/// DP-05, DP-06
#[tokio::test]
async fn proof_is_for_path_as_received() {
    let bound = Bound::start(ACCEPT).await;
    let token = &bound.token;
    // The route's upstream has another path, and no spelling leads to another resource.
    for (target, url, expected) in [
        ("/orders/a%3Ab", "/orders/a%3ab", "200"),
        ("/orders/a%3Ab", "/orders/a:b", "401"),
        ("/orders/a%2Fb", "/orders/a%2Fb", "400"),
        ("/orders/%61", "/orders/a", "400"),
        ("/orders/a", "/orders/%61", "200"),
        ("/orders/a", "/base/a", "401"),
        ("/orders/a?x=/orders/b", "/orders/b", "401"),
        ("/orders/a/../b", "/orders/b", "400"),
        ("/orders//a", "/orders/a", "401"),
    ] {
        let proof = bound.proof(url).make();
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: a\r\nauthorization: DPoP {token}\r\ndpop: {proof}\r\n"
        );
        let (status, head) = status(&bound, &head).await;
        assert_eq!(status, expected, "{target} {url}: {head}");
    }
}
