//! The cost of a lookup, and its result after a replacement.

use http::Uri;

use super::{audience, audience_at};
use crate::outbound::destination::{Destination, Destinations};

fn many() -> Destinations {
    let exact = (0..500).flat_map(|n| {
        let name = format!("service-{n}");
        let hosts = Destination::new(&format!("https://{name}.corp.example"), audience(&name));
        let paths = Destination::new(
            &format!("https://gateway.example/{name}/v1"),
            audience(&name),
        );
        [hosts.unwrap(), paths.unwrap()]
    });
    let template = Destination::template("https://{name}.svc.example.com", audience("{name}"));
    Destinations::new(exact.chain([template.unwrap()])).unwrap()
}

#[test]
fn lookup_allocates_nothing() {
    let (known, clone) = (many(), many().clone());
    for (uri, name) in [
        (
            "https://service-499.corp.example/stock?q=1",
            Some("service-499"),
        ),
        (
            "https://gateway.example/service-250/v1/a/b/c",
            Some("service-250"),
        ),
        ("https://stock.svc.example.com:443/a", Some("stock")),
        ("https://unknown.corp.example/", None),
        ("https://gateway.example/unknown", None),
    ] {
        assert_eq!(audience_at(&known, uri).as_deref(), name, "{uri}");
        assert_eq!(audience_at(&clone, uri).as_deref(), name, "{uri}");
        let uri: Uri = uri.parse().unwrap();
        let counted = allocation_counter::measure(|| drop(known.find(&uri)));
        assert_eq!(counted.count_total, 0, "{uri}");
        let one = Destination::new("https://service-499.corp.example", audience("b")).unwrap();
        let counted = allocation_counter::measure(|| drop((one.find(&uri), one.clone())));
        assert_eq!(counted.count_total, 0, "{uri}");
    }
}

#[test]
fn clones_see_the_replacement() {
    let of =
        |uri: &str| Destinations::new([Destination::new(uri, audience("b")).unwrap()]).unwrap();
    let (old, new) = ("https://old.example/", "https://new.example/");
    let known = of(old);
    let clone = known.clone();
    let looked_up = clone.find(&old.parse().unwrap()).unwrap();
    let other = of(new);
    known.replace(other.clone());
    assert_eq!(audience_at(&clone, old), None);
    assert_eq!(audience_at(&clone, new).as_deref(), Some("b"));
    assert_eq!(looked_up.target.audiences(), [audience("b")]);
    // The two registries are separate from then on.
    known.replace(of(old));
    assert_eq!(audience_at(&other, old), None);
    assert_eq!(audience_at(&clone, old).as_deref(), Some("b"));
    let found = std::thread::scope(|scope| {
        let client = scope.spawn(|| clone.find(&old.parse().unwrap()));
        client.join().unwrap()
    });
    assert!(found.is_some());
}
