//! Requests that no client sends, to the gateway over HTTP/1.1 (RFC 9112).

use crate::key_sets::KeySetKind;
use crate::world::{IntrospectedTokens, World};

const TARGET: &str = "/test.Probe/Call";
const BARE: &str = "www-authenticate: Bearer\r\n";

/// A request with these header lines, the last one of its connection.
fn request(lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("POST {TARGET} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n{body}")
}

/// The statuses of the responses, in order.
fn statuses(back: &str) -> Vec<&str> {
    let starts = back.split("HTTP/1.").skip(1);
    starts
        .map(|response| response.get(2..5).unwrap_or_default())
        .collect()
}

/// BT-05, BT-10, BT-11
#[tokio::test]
async fn malformed_raw_requests_are_rejected() {
    let world = World::start(KeySetKind::Clean, IntrospectedTokens::None).await;
    let (gateway, token) = (world.gateway(), world.good());
    let line = format!("authorization: Bearer {token}");
    let check = async |what: &str, bytes: &str, expected: &[&str]| {
        let back = gateway.raw(bytes.as_bytes()).await;
        assert_eq!(statuses(&back), expected, "{what}: {back}");
        let reached = gateway.take_upstream().len();
        let wanted = expected.iter().filter(|status| **status == "200").count();
        assert_eq!(reached, wanted, "{what}");
        back
    };
    // Heads that two parsers may read differently.
    for (what, changed) in [
        ("NUL at the end", format!("{line}\0")),
        ("NUL within", line.replace("Bearer", "Bea\0rer")),
        ("a fold", line.replace(' ', "\r\n ")),
        ("a fold at the end", format!("{line}\r\n b")),
        ("a space before the colon", line.replacen(':', " :", 1)),
        ("a lone CR", format!("{line}\rx: 1")),
        ("no colon", line.replacen(": ", " ", 1)),
        ("a space in the name", line.replacen("author", "author ", 1)),
        (
            "a letter of another script",
            line.replacen('a', "\u{430}", 1),
        ),
    ] {
        check(
            what,
            &request(&[&changed, "content-length: 0"], ""),
            &["400"],
        )
        .await;
    }
    for (what, same) in [
        ("unchanged", line.clone()),
        (
            "upper case",
            line.replacen("authorization", "AUTHORIZATION", 1),
        ),
        ("no space", line.replacen(": ", ":", 1)),
        ("a tab", line.replacen(": ", ":\t", 1)),
        ("spaces around", line.replacen(": ", ":   ", 1) + "  \t "),
    ] {
        check(what, &request(&[&same, "content-length: 0"], ""), &["200"]).await;
    }
    // Trailers are fields too, but no place for a token.
    let chunked = "transfer-encoding: chunked";
    let trailers = format!("1\r\nx\r\n0\r\n{line}\r\n\r\n");
    let back = check(
        "trailers",
        &request(&[chunked, "trailer: authorization"], &trailers),
        &["401"],
    )
    .await;
    assert!(back.contains(BARE), "{back}");
    let back = check(
        "a body that never arrives",
        &request(&["content-length: 1000000"], ""),
        &["401"],
    )
    .await;
    assert!(back.contains(BARE), "{back}");
    check(
        "a body that waits for 100",
        &request(&["content-length: 1000000", "expect: 100-continue"], ""),
        &["401"],
    )
    .await;
    let many: Vec<_> = (0..300).map(|i| format!("x-{i}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain([&*line]).collect();
    check("many fields", &request(&many, ""), &["431"]).await;
    for length in [70_000, 1_000_000] {
        let long = format!("{line}{}", "A".repeat(length));
        let back = gateway.raw(request(&[&long], "").as_bytes()).await;
        // A client that keeps sending may not receive the response.
        assert!(
            back.is_empty() || statuses(&back) == ["431"],
            "{length}: {back}"
        );
    }
    assert_eq!(gateway.take_upstream().len(), 0);
}

/// BT-10
#[tokio::test]
async fn connection_carries_no_state() {
    let world = World::start(KeySetKind::Clean, IntrospectedTokens::None).await;
    let (gateway, token) = (world.gateway(), world.good());
    let with = format!("authorization: Bearer {token}\r\n");
    let head = |lines: &str| format!("POST {TARGET} HTTP/1.1\r\nhost: a\r\n{lines}");
    let none = head("content-length: 0\r\n\r\n");
    let good = head(&format!("{with}content-length: 0\r\n\r\n"));
    let last = head("connection: close\r\ncontent-length: 0\r\n\r\n");
    let hidden = good.replace("content-length: 0", "x: 1");
    for (what, sent, expected, reached) in [
        (
            "good, then none",
            format!("{good}{last}"),
            &["200", "401"][..],
            1,
        ),
        (
            "none, then good, then none",
            format!("{none}{good}{last}"),
            &["401", "200", "401"],
            1,
        ),
        (
            "a request in the body of a refused one",
            format!(
                "{}{good}{last}",
                head(&format!("content-length: {}\r\n\r\n", good.len()))
            ),
            &["401", "401"],
            0,
        ),
        (
            "a request in a chunk",
            format!(
                "{}{:x}\r\n{good}\r\n0\r\n\r\n{last}",
                head("transfer-encoding: chunked\r\n\r\n"),
                good.len()
            ),
            &["401", "401"],
            0,
        ),
        (
            "a head without its end in the body",
            format!(
                "{}{hidden}",
                head(&format!(
                    "connection: close\r\ncontent-length: {}\r\n\r\n",
                    hidden.len()
                ))
            ),
            &["401"],
            0,
        ),
    ] {
        let back = gateway.raw(sent.as_bytes()).await;
        let statuses = statuses(&back);
        // The gateway may close a connection after a refusal, without further responses.
        assert_eq!(statuses, expected[..statuses.len()], "{what}: {back}");
        assert!(!statuses.is_empty(), "{what}");
        assert_eq!(
            gateway.take_upstream().len(),
            reached.min(statuses.iter().filter(|s| **s == "200").count()),
            "{what}"
        );
    }
    // Contradictory lengths: whichever applies, no request without a token is admitted.
    for lengths in [
        "content-length: 0\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity\r\ncontent-length: 0\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length: -1\r\n",
        "content-length: 18446744073709551616\r\n",
    ] {
        let back = gateway
            .raw(format!("{}\r\n0\r\n\r\n{last}", head(lengths)).as_bytes())
            .await;
        let statuses = statuses(&back);
        assert!(
            statuses
                .iter()
                .all(|status| ["400", "401"].contains(status)),
            "{lengths}: {back}"
        );
        assert_eq!(gateway.take_upstream().len(), 0, "{lengths}");
    }
}

#[tokio::test]
async fn leeway_token_is_not_exchanged() {
    let world = World::start(KeySetKind::Clean, IntrospectedTokens::None).await;
    let line = format!("authorization: Bearer {}", world.expiring_in(-10));
    let back = world
        .gateway()
        .raw(request(&[&line, "content-length: 0"], "").as_bytes())
        .await;
    assert_eq!(statuses(&back), ["401"], "{back}");
    assert!(
        back.contains("www-authenticate: Bearer error=\"invalid_token\"\r\n"),
        "{back}"
    );
    assert_eq!(world.gateway().take_upstream().len(), 0);
}
