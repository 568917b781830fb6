use super::*;

fn base(url: &str) -> BaseUrl {
    BaseUrl::new(url).unwrap()
}

/// DP-05, DP-06
#[test]
fn equal_uris_match() {
    for (url, target, htu) in [
        ("https://a.example", "/orders", "https://a.example/orders"),
        ("https://a.example/", "/orders", "https://a.example/orders"),
        // Case of scheme and host.
        ("https://a.example", "/orders", "HTTPS://A.Example/orders"),
        ("HTTPS://A.EXAMPLE", "/orders", "https://a.example/orders"),
        // The default port.
        (
            "https://a.example",
            "/orders",
            "https://a.example:443/orders",
        ),
        ("https://a.example", "/orders", "https://a.example:/orders"),
        (
            "https://a.example:443",
            "/orders",
            "https://a.example/orders",
        ),
        ("http://localhost:80", "/x", "http://localhost/x"),
        ("https://a.example:8443", "/x", "https://a.example:8443/x"),
        // Escapes of unreserved characters, and the case of the others.
        (
            "https://a.example",
            "/~me/a-b",
            "https://a.example/%7Eme/a%2db",
        ),
        ("https://a.example", "/%7eme", "https://a.example/~me"),
        ("https://a.example", "/a%2fb", "https://a.example/a%2Fb"),
        ("https://a.example", "/x", "https://%61.example/x"),
        (
            "https://a.example",
            "/caf%c3%a9",
            "https://a.example/caf%C3%A9",
        ),
        // Dot segments.
        (
            "https://a.example",
            "/orders",
            "https://a.example/x/../orders",
        ),
        ("https://a.example", "/orders", "https://a.example/./orders"),
        (
            "https://a.example",
            "/orders/",
            "https://a.example/orders/.",
        ),
        ("https://a.example", "/a/", "https://a.example/a/b/.."),
        ("https://a.example", "/a", "https://a.example/../a"),
        ("https://a.example", "/a", "https://a.example/%2e%2E/a"),
        (
            "https://a.example",
            "/x/../orders",
            "https://a.example/orders",
        ),
        ("https://a.example", "/a//b", "https://a.example/a//b"),
        // The empty path.
        ("https://a.example", "/", "https://a.example"),
        ("https://a.example", "", "https://a.example/"),
        // Query and fragment.
        (
            "https://a.example",
            "/orders?id=7",
            "https://a.example/orders",
        ),
        (
            "https://a.example",
            "/orders",
            "https://a.example/orders?id=7",
        ),
        (
            "https://a.example",
            "/orders",
            "https://a.example/orders#top",
        ),
        ("https://a.example", "/", "https://a.example?x"),
        // The prefix.
        (
            "https://a.example/v1",
            "/orders",
            "https://a.example/v1/orders",
        ),
        (
            "https://a.example/v1/",
            "/orders",
            "https://a.example/v1/orders",
        ),
        ("https://a.example/v%31", "/x", "https://a.example/v1/x"),
        ("https://a.example/v1", "", "https://a.example/v1"),
        // Addresses.
        (
            "https://[::1]:8443",
            "/x",
            "https://[0:0:0:0:0:0:0:1]:8443/x",
        ),
        ("https://127.0.0.1", "/x", "https://127.0.0.1/x"),
    ] {
        assert_eq!(base(url).check(htu, target), Ok(()), "{url} {target} {htu}");
    }
}

/// DP-05, DP-06
#[test]
fn other_uris_do_not_match() {
    for (url, target, htu, part) in [
        ("https://a.example", "/x", "http://a.example/x", "scheme"),
        (
            "https://a.example",
            "/x",
            "http://a.example:443/x",
            "scheme",
        ),
        ("https://a.example", "/x", "https://b.example/x", "host"),
        ("https://a.example", "/x", "https://a.example./x", "host"),
        (
            "https://a.example",
            "/x",
            "https://a.example.evil/x",
            "host",
        ),
        ("https://127.0.0.1", "/x", "https://2130706433/x", "host"),
        ("https://127.0.0.1", "/x", "https://0x7f.1/x", "host"),
        ("https://a.example", "/x", "https://a.example:444/x", "port"),
        (
            "https://a.example:8443",
            "/x",
            "https://a.example/x",
            "port",
        ),
        ("http://localhost", "/x", "http://localhost:443/x", "port"),
        ("https://a.example", "/x", "https://a.example/X", "path"),
        ("https://a.example", "/x", "https://a.example/x/", "path"),
        ("https://a.example", "/x", "https://a.example", "path"),
        ("https://a.example", "/x", "https://a.example//x", "path"),
        (
            "https://a.example",
            "/a/b",
            "https://a.example/a%2Fb",
            "path",
        ),
        (
            "https://a.example",
            "/a%2Fb",
            "https://a.example/a/b",
            "path",
        ),
        ("https://a.example", "/a", "https://a.example/%2561", "path"),
        (
            "https://a.example",
            "/a/..;/b",
            "https://a.example/b",
            "path",
        ),
        ("https://a.example", "/a", "https://a.example/a;x", "path"),
        (
            "https://a.example",
            "/a+b",
            "https://a.example/a%2Bb",
            "path",
        ),
        (
            "https://a.example",
            "/a+b",
            "https://a.example/a%20b",
            "path",
        ),
        ("https://a.example/v1", "/x", "https://a.example/x", "path"),
        (
            "https://a.example/v1",
            "/x",
            "https://a.example/v1x",
            "path",
        ),
        ("https://a.example", "/v1/x", "https://a.example/x", "path"),
        ("https://a.example/v1", "/", "https://a.example/v1", "path"),
        // Targets that are no path.
        ("https://a.example", "*", "https://a.example/*", "path"),
        ("https://a.example", "x", "https://a.example/x", "path"),
        ("https://a.example", "/a|b", "https://a.example/a", "path"),
    ] {
        let (base, path) = (base(url), target.split('?').next().unwrap());
        let expected = format!("{base}{path}");
        assert_eq!(
            base.check(htu, target),
            Err(ProofError::OtherUri { part, expected }),
            "{url} {target} {htu}"
        );
    }
}

/// DP-05
#[test]
fn repaired_uris_are_rejected() {
    let long = format!("https://a.example/{}", "x".repeat(MAX_URI));
    for htu in [
        "",
        "/x",
        "//a.example/x",
        "a.example/x",
        "https:/a.example/x",
        "https:a.example/x",
        "https:///a.example/x",
        "https:////a.example/x",
        "https:\\\\a.example\\x",
        "https://a.example\\x",
        "https://a.example/\\x",
        " https://a.example/x",
        "https://a.example/x ",
        "https://a.example/ x",
        "https://a.exa\tmple/x",
        "https://a.example/x\n",
        "https://a.example/x\0",
        "https://me@a.example/x",
        "https://me:secret@a.example/x",
        "https://a.example@b.example/x",
        "https://@a.example/x",
        "https://a.ex\u{e4}mple/x",
        "https://\u{430}.example/x",
        "https://a.example/\u{e4}",
        "https://\u{ff41}.example/x",
        "https://a\u{3002}example/x",
        "https://a.example:port/x",
        "https://a.example:+443/x",
        "https://a.example:0443/x",
        "https://a.example:0/x",
        "https://a.example:65979/x",
        "https://a.example:443:443/x",
        "https://a.example/%",
        "https://a.example/%2",
        "https://a.example/%zz",
        "https://a.example/<x>",
        "https://a.example/a|b",
        "https://a.example/\"x\"",
        "https://a.example/[x]",
        "https://a.example/x?[",
        "https://[::1/x",
        "https://[::1]x/x",
        "https://[a.example]/x",
        "https://[fe80::1%25eth0]/x",
        "https://]/x",
        "ftp://a.example/x",
        "javascript:alert(1)",
        "wss://a.example/x",
        &long,
    ] {
        let result = base("https://a.example").check(htu, "/x");
        assert!(
            matches!(result, Err(ProofError::Uri(_))),
            "{htu}: {result:?}"
        );
    }
}

/// DP-06
#[test]
fn base_url_is_checked_at_startup() {
    for bad in [
        "",
        "a.example",
        "http://a.example",
        "https://a.example?x",
        "https://a.example#x",
        "https://me:secret@a.example",
        "https://a.example/a b",
        "https://\u{e4}.example",
    ] {
        let error = BaseUrl::new(bad).unwrap_err();
        assert_eq!(error.field(), "base_url");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(BaseUrl::danger_http("http://a.example").is_ok());
    for loopback in [
        "http://127.0.0.1:8080",
        "http://[::1]:1",
        "http://LOCALHOST",
    ] {
        assert_eq!(BaseUrl::new(loopback).unwrap().as_str(), loopback);
    }
}
