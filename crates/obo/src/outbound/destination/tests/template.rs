//! A template matches one label of a domain, and nothing else.

use std::sync::Arc;

use obo_core::{Audience, ConfigError, Resource, Target};
use proptest::prelude::*;

use super::{audience, audience_at};
use crate::outbound::destination::{Destination, Destinations};

const SVC: &str = "https://{service}.svc.example.com";

fn template(uri: &str, name: &str) -> Result<Destination, ConfigError> {
    Destination::template(uri, audience(name))
}

fn svc() -> Destinations {
    Destinations::new([template(SVC, "api://{service}").unwrap()]).unwrap()
}

/// BT-21
#[test]
fn host_label_names_the_audience() {
    for (uri, name) in [
        ("https://stock.svc.example.com", "api://stock"),
        ("https://stock.svc.example.com:443/a?q", "api://stock"),
        ("https://Stock.SVC.example.com/", "api://stock"),
        ("https://a-1.svc.example.com/", "api://a-1"),
        ("https://1.svc.example.com/", "api://1"),
    ] {
        assert_eq!(audience_at(&svc(), uri).as_deref(), Some(name), "{uri}");
    }
    let longest = "a".repeat(63);
    let uri = format!("https://{longest}.svc.example.com/");
    let name = audience_at(&svc(), &uri);
    assert_eq!(name, Some(format!("api://{longest}")));
}

/// BT-21
#[test]
fn template_matches_no_other_host() {
    let too_long = format!("https://{}.svc.example.com/", "a".repeat(64));
    for other in [
        "http://stock.svc.example.com/",
        "https://stock.svc.example.com:8443/",
        "https://svc.example.com/",
        "https://.svc.example.com/",
        "https://a.b.svc.example.com/",
        "https://stock.svc.example.com./",
        "https://stock.svc.example.com.evil.example/",
        "https://stock.evil-svc.example.com/",
        "https://stocksvc.example.com/",
        "https://evil.example/stock.svc.example.com",
        "https://user@stock.svc.example.com/",
        "https://stock.svc.example.com@evil.example/",
        "https://stock.svc.example.com:443@evil.example/",
        "https://-stock.svc.example.com/",
        "https://stock-.svc.example.com/",
        "https://st_ck.svc.example.com/",
        "https://*.svc.example.com/",
        "https://st%6Fck.svc.example.com/",
        "https://xn--stck-6na.svc.example.com/",
        "https://XN--stck-6na.svc.example.com/",
        "https://[::1]/",
        "https://[::ffff:1.2.3.4]/",
        "https://127.0.0.1/",
        "/stock",
        "stock.svc.example.com:443",
        &too_long,
    ] {
        assert_eq!(audience_at(&svc(), other), None, "{other}");
        // The client of this one destination is as strict.
        let only = template(SVC, "{service}").unwrap();
        let target = other.parse().ok().and_then(|uri| only.find(&uri));
        assert!(target.is_none(), "{other}");
    }
    let only = template(SVC, "{service}").unwrap();
    let target = only.find(&"https://a.svc.example.com/x".parse().unwrap());
    assert_eq!(target.unwrap().target.audiences(), [audience("a")]);
}

/// BT-21
#[test]
fn template_needs_one_label_and_domain() {
    for bad in [
        "",
        "https://stock.svc.example.com",
        "https://{service}",
        "https://{service}/",
        "https://{service}.com",
        "https://{service}.com./",
        "https://{service}.example.com.",
        "https://{service}..example.com",
        "https://{service}.0.0.1",
        "https://{service}.localhost",
        "https://{service}:443",
        "https://{service}-a.example.com",
        "https://a-{service}.example.com",
        "https://a.{service}.example.com",
        "https://{a}.{b}.example.com",
        "https://{a}{b}.example.com",
        "https://{service}.example.com/{service}",
        "https://{}.svc.example.com",
        "https://{Service}.svc.example.com",
        "https://{a.b}.svc.example.com",
        "https://*.svc.example.com",
        "https://{service}.s_c.example.com",
        "https://{service}.%65xample.com%00",
        "https://{service}.svc.example.com@evil.example",
        "https://{service}.@evil.example.com",
        "https://{service}.svc.example.com?q",
        "https://{service}.svc.example.com#f",
        "http://{service}.svc.example.com",
        "http://{service}.app.localhost",
        "HTTPS://{service}.svc.example.com",
        " https://{service}.svc.example.com",
    ] {
        let error = template(bad, "{service}").unwrap_err();
        assert_eq!(error.field(), "destination", "{bad}");
    }
    let audience = audience("{service}");
    let plain = Destination::danger_plaintext("http://{service}.svc.example.com", audience);
    assert_eq!(plain.unwrap_err().field(), "destination");
    template("https://{a_b}.corp.internal:8443/v1", "{a_b}").unwrap();
}

/// TX-40
#[test]
fn token_is_for_one_service() {
    for (name, field) in [
        ("service-b", "audience"),
        ("{srvice}", "audience"),
        ("{service}{service}", "audience"),
        ("{service}{", "audience"),
    ] {
        assert_eq!(template(SVC, name).unwrap_err().field(), field, "{name}");
    }
    let shared = Target::audience(audience("{service}")).and_audience(audience("gateway"));
    let error = Destination::template(SVC, shared).unwrap_err();
    assert_eq!(error.field(), "audience");
    let shared = Target::audience(audience("{service}"))
        .and_resource(Resource::new("https://gateway.example").unwrap());
    let error = Destination::template(SVC, shared).unwrap_err();
    assert_eq!(error.field(), "resource");
    let destination = || template(SVC, "{service}").unwrap();
    let error = destination().scopes(["{other}"]).checked().unwrap_err();
    assert_eq!(error.field(), "scopes");
    let known = [destination(), destination().required_scopes(["a b"])];
    let error = Destinations::new(known).unwrap_err();
    assert_eq!(error.field(), "destinations[1].required_scopes");
}

/// RI-01, RI-04
#[test]
fn every_target_name_has_the_label() {
    let target = Target::audience(audience("api://{service}"))
        .and_audience(audience("{service}"))
        .and_resource(Resource::new("https://{service}.svc.example.com/v1").unwrap());
    let destination = Destination::template(SVC, target).unwrap();
    let destination = destination.scopes(["read", "api://{service}/.default"]);
    let known = Destinations::new([destination]).unwrap();
    let uri = "https://stock.svc.example.com/".parse().unwrap();
    let target = known.find(&uri).unwrap().target;
    assert_eq!(
        target.audiences(),
        [audience("api://stock"), audience("stock")]
    );
    assert_eq!(
        target.resources()[0].as_str(),
        "https://stock.svc.example.com/v1"
    );
    assert_eq!(target.scope().to_string(), "api://stock/.default read");
    assert!(!target.requires_scope());
    // The same target is returned again.
    assert!(Arc::ptr_eq(&target, &known.find(&uri).unwrap().target));
}

/// TX-17
#[test]
fn template_scope_may_be_required() {
    let destination = template(SVC, "{service}").unwrap();
    let destination = destination.required_scopes(["{service}:read"]);
    let known = Destinations::new([destination]).unwrap();
    let uri = "https://stock.svc.example.com/".parse().unwrap();
    let target = known.find(&uri).unwrap().target;
    assert_eq!(target.scope().to_string(), "stock:read");
    assert!(target.requires_scope());
}

/// RI-01
#[test]
fn label_of_invalid_name_is_denied() {
    let resource = Resource::new("https://{service}/").unwrap();
    let known = Destinations::new([Destination::template(SVC, resource).unwrap()]).unwrap();
    let at = |label: &str| {
        let uri = format!("https://{label}.svc.example.com/").parse().unwrap();
        known.find(&uri).map(|found| found.target.to_string())
    };
    assert_eq!(at("stock").as_deref(), Some("\"https://stock/\""));
    // As a whole host it would be an address, and an invalid one.
    assert_eq!(at("4294967296"), None);
}

#[test]
fn exact_destination_precedes_template() {
    let exact = |uri: &str| Destination::new(uri, audience("exact")).unwrap();
    let template = |uri: &str, name: &str| template(uri, name).unwrap();
    let known = Destinations::new([
        template(SVC, "{service}"),
        template("https://{x}.example.com", "outer/{x}"),
        template("https://{x}.svc.example.com:8443", "other-port/{x}"),
        template("https://{x}.app.example.com/v1", "below/{x}"),
        exact("https://stock.svc.example.com"),
        exact("https://ledger.svc.example.com/v2"),
    ]);
    let known = known.unwrap();
    for (uri, name) in [
        ("https://stock.svc.example.com/", Some("exact")),
        ("https://ledger.svc.example.com/v2/x", Some("exact")),
        // At a host with exact destinations, no template applies.
        ("https://ledger.svc.example.com/v1", None),
        ("https://ledger.svc.example.com/v1/../v2", None),
        ("https://orders.svc.example.com/v1", Some("orders")),
        ("https://svc.example.com/", Some("outer/svc")),
        (
            "https://stock.svc.example.com:8443/",
            Some("other-port/stock"),
        ),
        ("https://a.app.example.com/v1/x", Some("below/a")),
        ("https://a.app.example.com/v2", None),
        ("https://a.app.example.com/v1/../v2", None),
    ] {
        assert_eq!(audience_at(&known, uri).as_deref(), name, "{uri}");
    }
    for second in [
        "https://{other}.svc.example.com",
        "https://{other}.SVC.example.com:443/",
        "https://{other}.svc.example.com/v1",
    ] {
        let two = [template(SVC, "{service}"), template(second, "{other}")];
        let error = Destinations::new(two).unwrap_err();
        assert_eq!(error.field(), "destinations");
        assert!(error.to_string().contains("svc.example.com"), "{error}");
    }
}

#[test]
fn template_cache_is_bounded() {
    let known = svc();
    let call = |n: u32| {
        let name = audience_at(&known, &format!("https://s{n}.svc.example.com/"));
        assert_eq!(name, Some(format!("api://s{n}")));
    };
    (0..200).for_each(call);
    let counted = allocation_counter::measure(|| (200..20_000).for_each(call));
    assert!(counted.bytes_current < 1 << 20, "{}", counted.bytes_current);
}

/// Hosts near the domain, and any others.
fn hosts() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z0-9._*%@:-]{0,8}";
    prop_oneof![
        label.prop_map(|label| format!("{label}.svc.example.com")),
        (label, label).prop_map(|(a, b)| format!("{a}.svc.example.com{b}")),
        (label, label).prop_map(|(a, b)| format!("{a}svc.{b}example.com")),
        "[^/?#\\\\]{1,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    /// BT-21
    #[test]
    fn host_outside_domain_is_denied(host in hosts(), path in "(/[a-z.;%/]{0,12})?") {
        let uri = format!("https://{host}{path}");
        if let Some(name) = audience_at(&svc(), &uri) {
            // Another URL parser sees the same host.
            let url = url::Url::parse(&uri).unwrap();
            let host = url.host_str().unwrap();
            let label = host.strip_suffix(".svc.example.com").unwrap();
            prop_assert!(!label.is_empty() && !label.contains(|c: char| c != '-' && !c.is_ascii_alphanumeric()));
            prop_assert_eq!(url.port_or_known_default(), Some(443));
            prop_assert_eq!(url.username(), "");
            prop_assert_eq!(&name, &format!("api://{label}"));
            Audience::new(name).unwrap();
        }
    }

    /// BT-21
    #[test]
    fn every_service_of_domain_matches(label in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?") {
        prop_assume!(label.get(2..4) != Some("--"));
        let name = audience_at(&svc(), &format!("https://{label}.svc.example.com/x"));
        prop_assert_eq!(name, Some(format!("api://{label}")));
    }
}

/// RI-03
#[test]
fn other_name_has_the_label_too() {
    let named = Target::from(Resource::new("https://{service}.svc.example.com/").unwrap());
    let known = |other| Destination::template(SVC, named.clone().or_named(audience(other)));
    let known = Destinations::new([known("api://{service}").unwrap()]).unwrap();
    let found = known.find(&"https://stock.svc.example.com/".parse().unwrap());
    let target = found.unwrap().target;
    assert_eq!(target.other_names(), [audience("api://stock")]);
    // Metrics count all services of the domain as one.
    assert_eq!(target.description(), "https://{service}.svc.example.com/");
    let fixed = Destination::template(SVC, named.or_named(audience("everybody")));
    assert_eq!(fixed.unwrap_err().field(), "audience");
}
