#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use serde::Deserialize as _;
use serde::de::value::{Error, StrDeserializer};

use super::*;

fn parsed(path: &str) -> RoutePath {
    RoutePath::deserialize(StrDeserializer::<Error>::new(path)).unwrap()
}

fn table(paths: &[&'static str]) -> RouteTable<&'static str> {
    let mut table = RouteTable::default();
    for path in paths {
        table.add(parsed(path), *path).unwrap();
    }
    table
}

fn found(table: &RouteTable<&'static str>, path: &str) -> &'static str {
    match table.find(path) {
        Ok(route) => route,
        Err(Refusal::NoRoute) => "none",
        Err(Refusal::AmbiguousPath) => "ambiguous",
        Err(other) => panic!("{other}"),
    }
}

/// BT-22
#[test]
fn only_listed_spellings_have_a_route() {
    let table = table(&[
        "/{*rest}",
        "/orders/{*rest}",
        "/orders/admin",
        "/orders/done/",
        "/orders/old/{*rest}",
        "/Stock.Stock/{*method}",
    ]);
    for (path, route) in [
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
        ("/orders/admin/", "none"),
        ("/orders/ADMIN", "none"),
        ("/Orders/admin", "none"),
        ("/orders/done", "none"),
        ("/Orders/1", "none"),
        ("/orders/Old/1", "none"),
        ("/order%C5%BF/1", "none"),
        ("/stock.stock/Level", "none"),
        // At the root.
        ("/", "none"),
        ("/orders", "none"),
        ("/orders/", "none"),
        ("/ORDERS/", "none"),
        ("/orders/old", "none"),
        ("/orders/old/", "none"),
        ("/Stock.Stock", "none"),
        ("", "none"),
        ("*", "none"),
        // Anywhere.
        ("/orders/..", "ambiguous"),
        ("/orders//", "ambiguous"),
        ("/orders//admin", "ambiguous"),
        ("//orders/admin", "ambiguous"),
        ("/orders/adm%69n", "ambiguous"),
        ("/orders/..%e0%80%afadmin", "ambiguous"),
    ] {
        assert_eq!(found(&table, path), route, "{path}");
    }
}

/// BT-22
#[test]
fn root_of_a_route_is_listed_by_itself() {
    let table = table(&["/{*rest}", "/", "/a/{*rest}", "/a", "/b/{*rest}", "/b/"]);
    for (path, route) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/b/", "/b/"),
        ("/a/", "none"),
        ("/b", "none"),
        ("/A", "none"),
    ] {
        assert_eq!(found(&table, path), route, "{path}");
    }
}

#[test]
fn paths_of_a_route_are_listed_once() {
    for (path, again) in [
        ("/a", "/a"),
        ("/a/{*rest}", "/a/{*all}"),
        ("/{*a}", "/{*b}"),
    ] {
        let mut table = table(&[]);
        table.add(parsed(path), "first").unwrap();
        table.add(parsed(again), "second").unwrap_err();
    }
}

/// An upstream: two paths are one to it if it reads them alike.
const READINGS: [fn(&str) -> String; 4] = [
    str::to_owned,
    |path| path.trim_end_matches('/').to_owned(),
    str::to_lowercase,
    |path| path.trim_end_matches('/').to_lowercase(),
];

/// BT-22
#[test]
fn no_reading_leads_around_a_route() {
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
    let table = table(&routes);
    let segments = ["", "a", "A", "b", "B", "c", "C", "d", "D", "e", "f"];
    let mut paths = vec![String::new()];
    for _ in 0..4 {
        let longer = paths
            .iter()
            .flat_map(|path| segments.map(|s| format!("{path}/{s}")));
        paths = longer.chain(paths.iter().cloned()).collect();
    }
    paths.sort_unstable();
    paths.dedup();
    paths.retain(|path| is_unambiguous(path));
    let listed = |path: &str| routes.contains(&path);
    let mut routed = 0;
    for path in &paths {
        let route = found(&table, path);
        if route == "none" || listed(path) {
            continue;
        }
        routed += 1;
        // An upstream that reads it as a listed path, or as one below a listed start, would not go by this route.
        for reading in READINGS {
            let read = reading(path);
            for other in routes.iter().filter(|other| **other != route) {
                let (start, has_rest) = match other.strip_suffix("/{*rest}") {
                    Some(start) => (start, true),
                    None => (*other, false),
                };
                let start = reading(start);
                let is_it = read == start
                    || has_rest && reading(&format!("{path}x")).starts_with(&format!("{start}/"));
                let own = route.strip_suffix("/{*rest}").unwrap_or(route);
                assert!(
                    !is_it || start.len() < own.len(),
                    "{path}: {route}, not {other}"
                );
            }
        }
    }
    assert!(routed > 1000, "{routed} of {}", paths.len());
}
