//! The `htu` of a proof: equal URIs by RFC 3986, and what only looks equal.

use obo_tests::expected::PROOF;
use obo_tests::servers::CALL;

use super::world::{Holder, proven};
use crate::case::Case;

const MALFORMED: Option<&str> = Some("proof_malformed_uri");
const OTHER: Option<&str> = Some("proof_other_uri");

/// The parts of the URL that clients call, in lower case.
struct Base {
    host: String,
    /// With its colon; empty for the default port.
    port: String,
    prefix: String,
}

impl Base {
    fn of(holder: &Holder<'_>) -> Self {
        let url = holder.world.settings.base_url;
        let rest = url[8..].trim_end_matches('/');
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        Self {
            host: host.to_ascii_lowercase(),
            port: port.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    fn url(&self, path: &str) -> String {
        let Self { host, port, prefix } = self;
        format!("https://{host}{port}{prefix}{path}")
    }

    /// The URL of the call with another host and port.
    fn at(&self, authority: &str) -> String {
        format!("https://{authority}{}{CALL}", self.prefix)
    }
}

/// Each text with its percent-encoding of one character.
fn escaped(text: &str, character: char, hex: &str) -> String {
    text.replacen(character, hex, 1)
}

pub(super) fn cases(holder: &Holder<'_>) -> Vec<Case> {
    let base = Base::of(holder);
    let mut cases: Vec<_> = [
        (equal(&base), None),
        (other(&base), OTHER),
        (malformed(&base), MALFORMED),
    ]
    .into_iter()
    .flat_map(|(urls, code)| urls.into_iter().map(move |url| (url, code)))
    .map(|(url, code)| {
        let name = format!("htu {url:?}");
        holder.changed(name, |proof| proof.text_claim("htu", &url), code)
    })
    .collect();
    let invalid = Some("proof_invalid_claim");
    for json in [r#""""#, "null", "7", "true", "[]", "{}"] {
        let name = format!("htu {json}");
        cases.push(holder.changed(name, |proof| proof.claim("htu", json), invalid));
    }
    let array = format!("[{:?}]", base.url(CALL));
    cases.push(holder.changed("an array", |proof| proof.claim("htu", &array), invalid));
    let long = format!("{}?{}", base.url(CALL), "a".repeat(9000));
    let too_long = Some("proof_too_long");
    cases.push(holder.changed("a long query", |it| it.text_claim("htu", &long), too_long));
    let missing = Some("proof_missing_claim");
    cases.push(holder.changed("no htu", |proof| proof.without("htu"), missing));
    cases.extend(requests(holder));
    cases
}

fn equal(base: &Base) -> Vec<String> {
    let good = base.url(CALL);
    let (host, port) = (&base.host, &base.port);
    let mut urls = vec![
        good.clone(),
        good.replacen("https", "HTTPS", 1),
        good.replacen("https", "hTtPs", 1),
        base.at(&format!("{}{port}", host.to_ascii_uppercase())),
        base.at(&format!("{}{port}", escaped(host, 'a', "%61"))),
        base.at(&format!("{}{port}", escaped(host, 'a', "%41"))),
        base.url(&escaped(CALL, 'C', "%43")),
        base.url(&escaped(CALL, '.', "%2e")),
        base.url(&escaped(CALL, '.', "%2E")),
        base.url(&CALL.replace('l', "%6c")),
        base.url("/./test.Probe/Call"),
        base.url("/x/../test.Probe/Call"),
        base.url("/test.Probe/x/../Call"),
        base.url("/test.Probe/x/y/../../Call"),
        base.url("/test.Probe/./././Call"),
        base.url("/%2e/test.Probe/Call"),
        base.url("/x/%2E%2e/test.Probe/Call"),
        base.url("/x/.%2e/test.Probe/Call"),
        format!("{good}?"),
        format!("{good}#"),
        format!("{good}?a=b&c"),
        format!("{good}?/../x?y"),
        format!("{good}#top"),
        format!("{good}?a=b#top/?"),
        format!("{good}?a=https://evil.example/"),
        format!("https://{host}{port}/../..{}{CALL}", base.prefix),
    ];
    if port.is_empty() {
        urls.push(base.at(&format!("{host}:443")));
        urls.push(base.at(&format!("{host}:")));
    }
    urls
}

fn other(base: &Base) -> Vec<String> {
    let good = base.url(CALL);
    let (host, port, prefix) = (&base.host, &base.port, &base.prefix);
    let mut urls = vec![
        good.replacen("https", "http", 1),
        base.at(&format!("b.example{port}")),
        base.at(&format!("{host}.{port}")),
        base.at(&format!("{host}.evil.example{port}")),
        base.at(&format!("evil-{host}{port}")),
        base.at(&format!("127.0.0.1{port}")),
        base.at(&format!("[::1]{port}")),
        base.at(&format!("xn--{host}{port}")),
        base.at(&format!("{}{port}", escaped(host, '.', "%2f."))),
        base.at(&format!("{}{port}", escaped(host, 'a', "%2561"))),
        base.at(&format!("{host}:444")),
        base.at(&format!("{host}:80")),
        base.at(&format!("{host}:44")),
        base.url(""),
        base.url("/"),
        base.url("/test.Probe"),
        base.url("/test.Probe/"),
        base.url("/test.Probe/Call/"),
        base.url("/test.Probe/Call/."),
        base.url("/test.Probe/call"),
        base.url("/TEST.PROBE/CALL"),
        base.url("/test.Probe//Call"),
        base.url("//test.Probe/Call"),
        base.url("/test.Probe%2FCall"),
        base.url("/test.Probe%2fCall"),
        base.url("/test.Probe%5CCall"),
        base.url("/test.Probe/%2543all"),
        base.url("/test.Probe/Call%00"),
        base.url("/test.Probe/Call%20"),
        base.url("/test.Probe/Call;a=b"),
        base.url("/test.Probe/Call:443"),
        base.url("/test.Probe/Calls"),
        base.url("/test.Probe/Cal"),
        base.url("/test.Probe/Call/.."),
        base.url("/test.Probe/..%2fCall"),
        base.url("/test.Probe/%c3%a7all"),
        base.url("/test.Probe/*"),
        base.url("/api/test.Probe/Call"),
        format!("https://{host}{port}?{prefix}{CALL}"),
        format!("https://{host}{port}#{prefix}{CALL}"),
        format!("https://{host}{port}/?x={prefix}{CALL}"),
        format!("https://{host}{port}{prefix}{prefix}/x{CALL}"),
    ];
    if port.is_empty() {
        urls.push(base.at(&format!("{host}:8443")));
    } else {
        // A port that is not the default one is no part of what may be left out.
        urls.extend([
            base.at(host),
            base.at(&format!("{host}:")),
            base.at(&format!("{host}:443")),
        ]);
    }
    if !prefix.is_empty() {
        urls.push(format!("https://{host}{port}{CALL}"));
        urls.push(format!(
            "https://{host}{port}{}{CALL}",
            prefix.to_ascii_lowercase()
        ));
        urls.push(format!("https://{host}{port}{prefix}x{CALL}"));
        urls.push(base.url("/../test.Probe/Call"));
        urls.push(format!("https://{host}{port}/x{prefix}{CALL}"));
    }
    urls
}

fn malformed(base: &Base) -> Vec<String> {
    let good = base.url(CALL);
    let (host, port, prefix) = (&base.host, &base.port, &base.prefix);
    let rest = format!("{host}{port}{prefix}{CALL}");
    vec![
        CALL.to_owned(),
        rest.clone(),
        format!("//{rest}"),
        format!("https:{rest}"),
        format!("https:/{rest}"),
        format!("https:///{rest}"),
        format!("https:////{rest}"),
        format!("https//{rest}"),
        format!("https:\\\\{rest}"),
        format!("https:/\\{rest}"),
        good.replace('/', "\\"),
        base.url("\\test.Probe\\Call"),
        base.url("/test.Probe\\Call"),
        base.at(&format!("{host}{port}\\")),
        base.at(&format!("evil.example\\@{host}{port}")),
        format!(" {good}"),
        format!("{good} "),
        format!("\t{good}"),
        format!("{good}\t"),
        format!("{good}\n"),
        format!("{good}\r\n"),
        format!("{good}\0"),
        base.url("/test.Probe/ Call"),
        base.url("/test.Probe/\tCall"),
        base.url("/test.\nProbe/Call"),
        base.at(&format!("{} {port}", host)),
        base.at(&format!("a\t{host}{port}")),
        base.at(&format!("me@{host}{port}")),
        base.at(&format!("me:secret@{host}{port}")),
        base.at(&format!("@{host}{port}")),
        base.at(&format!(":@{host}{port}")),
        base.at(&format!("{host}{port}@evil.example")),
        // Other alphabets, which some parsers fold into ASCII.
        base.at(&format!("{}{port}", host.replacen('a', "\u{430}", 1))),
        base.at(&format!("{}{port}", host.replacen('a', "\u{ff41}", 1))),
        base.at(&format!("{}{port}", host.replacen('a', "\u{24d0}", 1))),
        base.at(&format!("{}{port}", host.replacen('.', "\u{3002}", 1))),
        base.at(&format!("{}{port}", host.replacen('.', "\u{ff0e}", 1))),
        base.at(&format!("{host}\u{ad}{port}")),
        base.at(&format!("{host}\u{200b}{port}")),
        base.at(&format!("{host}\u{2100}{port}")),
        good.replacen("https", "http\u{17f}", 1),
        base.url("/test.Probe/C\u{e4}ll"),
        base.url("/test.Probe\u{2215}Call"),
        base.url("/test.Probe/\u{ff23}all"),
        base.at(&format!("{host}:port")),
        base.at(&format!("{host}:+443")),
        base.at(&format!("{host}:-1")),
        base.at(&format!("{host}:0443")),
        base.at(&format!("{host}:08443")),
        base.at(&format!("{host}:0")),
        base.at(&format!("{host}:65979")),
        base.at(&format!("{host}:73979")),
        base.at(&format!("{host}:443:443")),
        base.at(&format!("{host}:4\u{ff14}3")),
        base.at(&format!("{host}::443")),
        base.at(&format!("[{host}]{port}")),
        base.at("[::1"),
        base.at("[::1]x"),
        base.at("[v1.x]"),
        base.at(":8443"),
        base.at(""),
        base.url("/test.Probe/Call%"),
        base.url("/test.Probe/Call%2"),
        base.url("/test.Probe/%zzCall"),
        base.url("/test.Probe/%u0043all"),
        base.url("/test.Probe/<Call>"),
        base.url("/test.Probe/Call|"),
        base.url("/test.Probe/Call\""),
        base.url("/test.Probe/Call^"),
        base.url("/test.Probe/Call`"),
        base.url("/test.Probe/{Call}"),
        base.url("/test.Probe/[Call]"),
        format!("{good}?["),
        format!("{good}?a b"),
        format!("{good}#\u{e4}"),
        good.replacen("https", "ftp", 1),
        good.replacen("https", "wss", 1),
        good.replacen("https", "http+unix", 1),
        good.replacen("https", "file", 1),
        format!("javascript:{good}"),
        format!("https:https://{rest}"),
        format!("urn:{good}"),
        format!("<{good}>"),
        format!("URL:{good}"),
        "*".to_owned(),
        "https://".to_owned(),
        "https:".to_owned(),
        ":".to_owned(),
    ]
}

/// What a sender writes about the address of a request changes nothing, and neither does a query.
fn requests(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let sent = |url: &str| {
        let token = holder.token();
        let proof = holder.proof(&token).text_claim("htu", url).text();
        proven(&token, proof)
    };
    for query in ["a=b", "htu=https://evil.example", "a=/../x"] {
        let sent = sent(&holder.url()).query(query);
        cases.push(Case::request(format!("the query {query}"), sent, None));
    }
    let evil = format!("https://evil.example{CALL}");
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/api"),
        ("x-forwarded-port", "8080"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/other"),
        ("x-rewrite-url", "/other"),
        ("x-original-host", "evil.example"),
    ] {
        let right = sent(&holder.url()).field(name, value);
        cases.push(Case::request(format!("{name}: {value}"), right, None));
        let wrong = sent(&evil).field(name, value);
        let wrong = Case::request(format!("{name}: {value} with its htu"), wrong, Some(PROOF));
        cases.push(wrong.because("proof_other_uri"));
    }
    for path in [
        "/test.Probe/Other",
        "/test.Probe/Call2",
        "/grpc.health.v1.Health/Check",
    ] {
        let sent = sent(&holder.url()).to(path);
        let case = Case::request(
            format!("the proof of the call at {path}"),
            sent,
            Some(PROOF),
        );
        cases.push(case.because("proof_other_uri"));
    }
    let (other, token) = ("/test.Probe/Other", holder.token());
    let url = holder.world.settings.url(other);
    let proof = holder.proof(&token).text_claim("htu", &url).text();
    let sent = proven(&token, proof).to(other);
    cases.push(Case::request("another path with its own proof", sent, None));
    cases
}
