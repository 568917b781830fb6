#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use super::*;

fn built(paths: &[&'static str]) -> Result<PathTable<&'static str>, obo_core::ConfigError> {
    let entry = |path: &&'static str| (PathPattern::new(path).unwrap(), *path);
    PathTable::new(paths.iter().map(entry).collect())
}

fn found(table: &PathTable<&'static str>, path: &str) -> &'static str {
    match table.find(path) {
        PathMatch::Listed(route) => route,
        PathMatch::Near => "near",
        PathMatch::Unlisted => "none",
        PathMatch::Ambiguous => "ambiguous",
    }
}

fn assert_found(listed: &[&'static str], expected: &[(&str, &str)]) {
    let table = built(listed).unwrap();
    for (path, route) in expected {
        assert_eq!(found(&table, path), *route, "{path}");
    }
}

/// BT-22
#[test]
fn only_listed_spellings_have_a_route() {
    let listed = [
        "/{*rest}",
        "/orders/{*rest}",
        "/orders/admin",
        "/orders/done/",
        "/orders/old/{*rest}",
        "/Stock.Stock/{*method}",
    ];
    let expected = [
        ("/orders/admin", "/orders/admin"),
        ("/orders/admin/x", "/orders/{*rest}"),
        ("/orders/done/", "/orders/done/"),
        ("/orders/1", "/orders/{*rest}"),
        ("/orders/1/", "/orders/{*rest}"),
        ("/orders/OLDER/1", "/orders/{*rest}"),
        ("/orders/old/1", "/orders/old/{*rest}"),
        ("/orders/old/ADMIN/", "/orders/old/{*rest}"),
        ("/ordersx", "/{*rest}"),
        ("/orders%20x/1", "/{*rest}"),
        ("/Stock.Stock/Level", "/Stock.Stock/{*method}"),
        // By letter case or a slash.
        ("/orders/admin/", "near"),
        ("/orders/ADMIN", "near"),
        ("/Orders/admin", "near"),
        ("/orders/done", "near"),
        ("/Orders/1", "near"),
        ("/orders/Old/1", "near"),
        ("/order%C5%BF/1", "near"),
        ("/stock.stock/Level", "near"),
        // At the root.
        ("/", "near"),
        ("/orders", "near"),
        ("/orders/", "near"),
        ("/ORDERS/", "near"),
        ("/orders/old", "near"),
        ("/orders/old/", "near"),
        ("/Stock.Stock", "near"),
        ("", "ambiguous"),
        ("*", "ambiguous"),
        // Anywhere.
        ("/orders/..", "ambiguous"),
        ("/orders//", "ambiguous"),
        ("/orders//admin", "ambiguous"),
        ("//orders/admin", "ambiguous"),
        ("/orders/adm%69n", "ambiguous"),
        ("/orders/..%e0%80%afadmin", "ambiguous"),
    ];
    assert_found(&listed, &expected);
}

/// BT-22
#[test]
fn root_of_route_is_listed_separately() {
    let listed = ["/{*rest}", "/", "/a/{*rest}", "/a", "/b/{*rest}", "/b/"];
    let expected = [
        ("/", "/"),
        ("/a", "/a"),
        ("/b/", "/b/"),
        ("/a/", "near"),
        ("/b", "near"),
        ("/A", "near"),
    ];
    assert_found(&listed, &expected);
}

/// BT-22
#[test]
fn parameter_is_one_whole_segment() {
    let listed = [
        "/orders/{id}",
        "/orders/admin",
        "/orders/{id}/lines",
        "/orders/{id}/lines/{line}/",
        "/Stock.Stock/{method}",
        "/{*rest}",
    ];
    let expected = [
        ("/orders/7", "/orders/{id}"),
        ("/orders/ABC-d%20e%C3%A4", "/orders/{id}"),
        ("/orders/{id}", "/orders/{id}"),
        ("/orders/..7", "/orders/{id}"),
        ("/orders/admins", "/orders/{id}"),
        ("/orders/admin", "/orders/admin"),
        ("/orders/7/lines", "/orders/{id}/lines"),
        ("/orders/admin/lines", "/orders/{id}/lines"),
        ("/orders/7/lines/1/", "/orders/{id}/lines/{line}/"),
        ("/orders/7/other", "/{*rest}"),
        ("/orders/7/lines/1/2", "/{*rest}"),
        ("/Stock.Stock/Level", "/Stock.Stock/{method}"),
        ("/ordersx/7", "/{*rest}"),
        // By letter case, a slash at the end or escapes.
        ("/Orders/7", "near"),
        ("/orders/7/", "near"),
        ("/orders/Admin", "near"),
        ("/orders/admin/", "near"),
        ("/orders/7/Lines", "near"),
        ("/orders/7/lines/1", "near"),
        ("/orders/7/lines/", "near"),
        ("/order%c5%bf/7", "near"),
        ("/stock.Stock/Level", "near"),
        ("/Stock.Stock/Level/", "near"),
        // With an empty parameter.
        ("/orders", "near"),
        ("/orders/", "near"),
        ("/Stock.Stock/", "near"),
        ("/orders//lines", "ambiguous"),
        // With a parameter that leads elsewhere.
        ("/orders/a%2fb", "ambiguous"),
        ("/orders/a%5Cb", "ambiguous"),
        ("/orders/..", "ambiguous"),
        ("/orders/%2e", "ambiguous"),
        ("/orders/7;v=1", "ambiguous"),
        ("/orders/%37", "ambiguous"),
        ("/orders/7%00", "ambiguous"),
        ("/orders/%c0%af", "ambiguous"),
    ];
    assert_found(&listed, &expected);
    // Nothing else is listed, so only the parameter matches.
    assert_found(
        &["/{id}"],
        &[("/7", "/{id}"), ("/", "near"), ("/7/8", "none")],
    );
}

/// BT-22
#[test]
fn pattern_is_not_a_path() {
    // The path of a request may have braces. It is compared as it was sent.
    let listed = ["/a/{*rest}", "/a/{id}"];
    assert_found(
        &listed,
        &[("/a/{*rest}", "/a/{id}"), ("/a/{id}", "/a/{id}")],
    );
    let table = built(&listed).unwrap();
    assert_eq!(table.get("/a/{*rest}"), Some(&"/a/{*rest}"));
    assert_eq!(table.get("/a/{other}"), None);
}

#[test]
fn route_path_is_listed_once() {
    for pair in [
        ["/a", "/a"],
        ["/a/{*rest}", "/a/{*all}"],
        ["/{*a}", "/{*b}"],
        ["/a/{b}/c", "/a/{d}/c"],
    ] {
        let error = built(&pair).unwrap_err().to_string();
        assert!(error.contains(pair[1]), "{error}");
        assert!(error.contains("twice"), "{error}");
    }
    // Each is a separate path, byte by byte.
    for pair in [["/a/", "/a"], ["/a", "/A"], ["/a/{b}", "/a/{b}/"]] {
        built(&pair).unwrap();
    }
}

/// BT-22
#[test]
fn overlapping_patterns_are_rejected() {
    for (one, other, both) in [
        ("/{a}/lines", "/orders/{b}", "/orders/lines"),
        ("/{a}/Lines/{x}", "/Orders/{b}/{y}", "/Orders/Lines/{id}"),
        ("/{a}/{b}", "/orders/{*rest}", "/orders/{id}"),
        (
            "/{a}/lines/{*rest}",
            "/orders/{*rest}",
            "/orders/lines/{*rest}",
        ),
        (
            "/users/{id}/roles/{role}",
            "/users/me/{part}",
            "/users/me/roles",
        ),
        (
            "/{service}/Check",
            "/pkg.Health/{method}",
            "/pkg.Health/Check",
        ),
    ] {
        let both: &'static str = both.to_owned().leak();
        for pair in [[one, other], [other, one]] {
            let error = built(&pair).unwrap_err().to_string();
            for named in [one, other, both] {
                assert!(error.contains(&format!("{named:?}")), "{named}: {error}");
            }
            built(&[pair[0], pair[1], both]).unwrap();
        }
    }
    for pair in [
        ["/{a}/{b}", "/orders/{b}"],
        ["/{a}/{*rest}", "/orders/{b}"],
        ["/{*rest}", "/{a}/lines"],
        ["/{a}/lines", "/orders/{b}/lines"],
        ["/{a}/lines", "/{b}/columns"],
    ] {
        built(&pair).unwrap();
    }
}

/// A server behind the table. It treats paths that it reads alike as the same path.
const READINGS: [fn(&str) -> String; 4] = [
    str::to_owned,
    |path| path.trim_end_matches('/').to_owned(),
    str::to_lowercase,
    |path| path.trim_end_matches('/').to_lowercase(),
];

/// Whether such a server matches the path with the pattern. Shares no code with the table.
fn is_read_as(reading: fn(&str) -> String, pattern: &str, path: &str) -> bool {
    let (path, pattern) = (reading(path), reading(pattern));
    let mut rest = &*path;
    for part in pattern.split_inclusive('/') {
        let (name, slash) = match part.strip_suffix('/') {
            Some(name) => (name, "/"),
            None => (part, ""),
        };
        if name.starts_with("{*") {
            return !rest.trim_matches('/').is_empty();
        }
        let length = match name.starts_with('{') {
            true => rest.find('/').unwrap_or(rest.len()),
            false if rest.starts_with(name) => name.len(),
            false => return false,
        };
        if length == 0 && !name.is_empty() {
            return false;
        }
        let Some(after) = rest[length..].strip_prefix(slash) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

/// Whether the second pattern matches all paths of the first, for a server that ignores case and
/// slashes.
fn is_within(narrow: &str, wide: &str) -> bool {
    let mut narrow = narrow.trim_end_matches('/').split('/');
    let mut wide = wide.trim_end_matches('/').split('/');
    loop {
        match (narrow.next(), wide.next()) {
            (None, None) => return true,
            (Some(_), Some(wide)) if wide.starts_with("{*") => return true,
            (Some(narrow), Some(_)) if narrow.starts_with("{*") => return false,
            (Some(_), Some(wide)) if wide.starts_with('{') => {}
            (Some(narrow), Some(wide)) if narrow.eq_ignore_ascii_case(wide) => {}
            _ => return false,
        }
    }
}

/// All unambiguous paths of up to four of these segments.
fn paths(segments: &[&str]) -> Vec<String> {
    let mut paths = vec![String::new()];
    for _ in 0..4 {
        let longer = paths
            .iter()
            .flat_map(|path| segments.iter().map(move |s| format!("{path}/{s}")));
        paths = longer.chain(paths.iter().cloned()).collect();
    }
    paths.sort_unstable();
    paths.dedup();
    paths.retain(|path| is_unambiguous(path));
    paths
}

/// Compares all paths with the readings of servers. Returns how many match a pattern.
fn assert_not_led_around(routes: &[&'static str], segments: &[&str]) -> usize {
    let table = built(routes).unwrap();
    let mut routed = 0;
    for path in &paths(segments) {
        let route = found(&table, path);
        let by_bytes = |route: &&&str| is_read_as(str::to_owned, route, path);
        if ["near", "none"].contains(&route) {
            // A path is denied only if an entry matches it or is near.
            let is_none = routes
                .iter()
                .all(|r| READINGS.iter().all(|f| !is_read_as(*f, r, path)));
            assert!(route == "near" || is_none, "{path} is listed");
            continue;
        }
        if routes.contains(&&**path) {
            assert_eq!(route, path);
            continue;
        }
        routed += 1;
        // The route matches this path and is the most specific one.
        assert!(is_read_as(str::to_owned, route, path), "{path}: {route}");
        for other in routes.iter().filter(by_bytes) {
            assert!(is_within(route, other), "{path}: {route}, not {other}");
        }
        // No server reads it as a path, or as the root, of a more specific route.
        for reading in READINGS {
            for other in routes.iter().filter(|other| **other != route) {
                let is_it = is_read_as(reading, other, path);
                assert!(
                    !is_it || is_within(route, other),
                    "{path}: {route}, not {other}"
                );
                let root = other
                    .rsplit_once("/{")
                    .filter(|(_, last)| !last.contains('/'));
                if let Some((root, _)) = root.filter(|(root, _)| reading(path) == reading(root)) {
                    panic!("{path}: {route}, not the root {root} of {other}");
                }
            }
        }
    }
    routed
}

/// BT-22
#[test]
fn no_reading_bypasses_a_route() {
    let routes = [
        "/{*rest}",
        "/a/{*rest}",
        "/a/b",
        "/a/B/{*rest}",
        "/a/b/c/",
        "/D/e",
        "/D",
        "/f/{*rest}",
        "/f/",
    ];
    let segments = ["", "a", "A", "b", "B", "c", "C", "d", "D", "e", "f"];
    let routed = assert_not_led_around(&routes, &segments);
    assert!(routed > 1000, "{routed}");
}

/// BT-22
#[test]
fn no_reading_bypasses_a_parameter() {
    for routes in [
        &[
            "/{*rest}",
            "/a/{id}",
            "/a/b",
            "/a/B/{*rest}",
            "/a/{id}/c",
            "/a/b/c/",
            "/a/{id}/{name}/d/",
            "/a/B/{name}/d/",
            "/D/{id}/",
            "/D",
        ][..],
        &[
            "/a/{id}",
            "/a/{id}/b",
            "/A/{id}",
            "/{x}/{y}/{z}/{*rest}",
            "/c/{y}/{z}/{*rest}",
            "/c/{d}/{*rest}",
        ],
        &[
            "/{a}",
            "/{a}/b",
            "/{a}/{b}/",
            "/c/{b}/",
            "/c/B",
            "/c/b",
            "/c/{b}/d/{e}",
        ],
        &[
            "/{a}/b",
            "/a/{b}",
            "/a/b",
            "/{*rest}",
            "/a/b/{*rest}",
            "/a/b/{c}",
            "/{a}/b/{c}",
        ],
    ] {
        let routed = assert_not_led_around(routes, &["", "a", "b", "B", "c", "d", "D"]);
        assert!(routed > 30, "{routed}: {routes:?}");
    }
}
