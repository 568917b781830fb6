//! A destination at one place matches nothing but that place.

use obo_core::Audience;

use super::{audience, audience_at, destination};
use crate::outbound::destination::{Destination, Destinations};

fn covers(uri: &str, request: &str) -> bool {
    let only = destination(uri).unwrap();
    let known = Destinations::new([only.clone()]).unwrap();
    let request = request.parse().unwrap();
    let is_known = known.find(&request).is_some();
    // The client of this one destination is as strict, except for a channel's requests.
    if request.authority().is_some() {
        assert_eq!(only.find(&request).is_some(), is_known, "{request}");
    }
    is_known
}

/// GR-10, TE-01
#[test]
fn destination_is_https_or_loopback() {
    for bad in [
        "http://stock.example",
        "",
        "stock.example",
        "https://user@stock.example",
        "https://stock.example/?q",
        "https://stock.example/#f",
        "https://{stock}.svc.example",
    ] {
        assert_eq!(destination(bad).unwrap_err().field(), "destination");
    }
    destination("http://127.0.0.1:1").unwrap();
    let audience = Audience::new("b").unwrap();
    Destination::danger_plaintext("http://stock.mesh", audience.clone()).unwrap();
    Destination::danger_plaintext("https://stock.mesh", audience).unwrap_err();
}

/// BT-21
#[test]
fn only_exact_origin_matches() {
    for same in [
        "https://h.example/",
        "https://h.example/x?q",
        "https://H.example:443/x",
    ] {
        assert!(covers("https://h.example", same), "{same}");
    }
    for other in [
        "http://h.example/",
        "http://h.example:443/",
        "https://h.example:444/",
        "https://h.example.evil/",
        "https://evil/h.example",
        "https://sub.h.example/",
        "https://h.example.:443/",
        "https://h.example:99999/",
        "https://user@h.example/",
        "https://h.example:443@h.example/",
        "/x",
    ] {
        assert!(!covers("https://h.example", other), "{other}");
    }
    assert!(covers("https://[::1]:8443", "https://[::1]:8443/x"));
}

/// BT-21
#[test]
fn path_covers_whole_segments() {
    for same in ["https://h/a/b", "https://h/a/b/", "https://h/a/b/c"] {
        assert!(covers("https://h/a/b/", same), "{same}");
    }
    for other in [
        "https://h/a",
        "https://h/a/bc",
        "https://h/a/b/../c",
        "https://h/a/b/%2E%2e/c",
        "https://h/a/b/..%2fc",
        "https://h/a/b/..;x/c",
        "https://h//a/b",
    ] {
        assert!(!covers("https://h/a/b", other), "{other}");
    }
}

#[test]
fn most_specific_destination_wins() {
    let at = |uri: &str, name: &str| Destination::new(uri, audience(name)).unwrap();
    let known = [
        at("https://h", "all"),
        at("https://h/a", "a"),
        at("https://h/a/b/c", "c"),
        at("https://h:8443/a", "8443"),
        at("http://127.0.0.1:443/a", "loopback"),
    ];
    let known = Destinations::new(known).unwrap();
    for (uri, name) in [
        ("https://h", Some("all")),
        ("https://h/x", Some("all")),
        ("https://h/ab", Some("all")),
        ("https://h/x/a/b", Some("all")),
        ("https://h/a", Some("a")),
        ("https://h/a/", Some("a")),
        ("https://h/a/x", Some("a")),
        ("https://h/a/b/", Some("a")),
        ("https://h/a/b/cc", Some("a")),
        ("https://h/a/b/c", Some("c")),
        ("https://h/a/b/c/", Some("c")),
        ("https://h/a/b/c/d/e", Some("c")),
        ("https://h:8443/a/b/c", Some("8443")),
        ("https://h:8443/b", None),
        ("http://127.0.0.1:443/a", Some("loopback")),
        ("https://127.0.0.1/a", None),
    ] {
        assert_eq!(audience_at(&known, uri).as_deref(), name, "{uri}");
    }
    let twice = [at("https://h", "x"), at("https://H:443/", "y")];
    let error = Destinations::new(twice).unwrap_err();
    assert_eq!(error.field(), "destinations");
    assert!(error.to_string().contains("https://h:443"), "{error}");
    let twice = [at("https://h/a", "x"), at("https://h/a/", "x")];
    Destinations::new(twice).unwrap_err();
    Destinations::new([]).unwrap_err();
}

/// BT-21
#[test]
fn impossible_path_is_a_mistake() {
    for bad in [
        "https://h//a",
        "https://h/a;v=1",
        "https://h/a%2fb",
        "https://h/%61",
    ] {
        assert_eq!(
            destination(bad).unwrap_err().field(),
            "destination",
            "{bad}"
        );
    }
    destination("https://h/a%20b/").unwrap();
}

/// BT-21
#[test]
fn request_without_authority_uses_path() {
    let stock = destination("https://h/stock.Stock").unwrap();
    let meant = |uri: &str| stock.find(&uri.parse().unwrap()).is_some();
    assert!(meant("/stock.Stock/Level"));
    for other in [
        "/ledger.Ledger/Entries",
        "/stock.Stocks/Level",
        "/stock.Stock/../ledger.Ledger/Entries",
        "/",
    ] {
        assert!(!meant(other), "{other}");
    }
    assert!(
        destination("https://h")
            .unwrap()
            .find(&"/x".parse().unwrap())
            .is_some()
    );
}

/// BT-21
#[test]
fn ambiguous_path_has_no_destination() {
    let known = [
        destination("https://h").unwrap(),
        destination("https://h/a").unwrap(),
    ];
    let known = Destinations::new(known).unwrap();
    for odd in ["https://h/%61/x", "https://h//a/x", "https://h/b/../a/x"] {
        assert!(known.find(&odd.parse().unwrap()).is_none(), "{odd}");
    }
}
