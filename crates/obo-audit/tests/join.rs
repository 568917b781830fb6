//! Records of many services, joined into chains.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use obo_audit::{Chain, Hop, Log, Outcome, Time, join};
use proptest::prelude::*;

/// A line of JSON: `service@milliseconds record field=value …`.
fn line(text: &str) -> String {
    let mut words = text.split_whitespace();
    let (service, millis) = words.next().unwrap().split_once('@').unwrap();
    let since = Duration::from_secs(1_000_000) + Duration::from_millis(millis.parse().unwrap());
    let time = Time::from(SystemTime::UNIX_EPOCH + since);
    let record = words.next().unwrap();
    let mut json = format!(
        r#"{{"schema":"obo-audit/1","time":"{time}","service":"{service}","record":"{record}""#
    );
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "seconds" => write!(json, r#","{name}":{value}"#).unwrap(),
            _ => write!(json, r#","{name}":"{}""#, value.replace('+', " ")).unwrap(),
        }
    }
    json + "}\n"
}

fn chains(lines: &[String]) -> Vec<Chain> {
    let mut log = Log::default();
    log.read("log", lines.concat().as_bytes());
    assert!(log.problems.is_empty(), "{:?}", log.problems);
    assert!(log.notes.is_empty());
    join(log.records)
}

/// The chains as `service outcome source gap [calls]`, with what is not usual only.
fn sketch(chains: &[Chain]) -> Vec<String> {
    fn of(hop: &Hop, sketch: &mut String) {
        sketch.push_str(&hop.service);
        if hop.outcome != Outcome::Allowed {
            write!(sketch, " {}", hop.outcome).unwrap();
        }
        if let Some(obtained) = &hop.obtained {
            write!(sketch, " {:?}", obtained.source).unwrap();
        }
        if let Some(gap) = &hop.gap {
            write!(sketch, " {gap:?}").unwrap();
        }
        if !hop.calls.is_empty() {
            sketch.push('[');
            for (at, call) in hop.calls.iter().enumerate() {
                sketch.push_str(if at == 0 { "" } else { ", " });
                of(call, sketch);
            }
            sketch.push(']');
        }
    }
    let chains = chains.iter().map(|chain| {
        let mut sketch = String::new();
        of(&chain.root, &mut sketch);
        sketch
    });
    chains.collect()
}

fn joined(records: &[&str]) -> Vec<String> {
    let lines: Vec<_> = records.iter().map(|it| line(it)).collect();
    let expected = chains(&lines);
    let mut other: Vec<_> = lines.iter().rev().cloned().collect();
    other.extend(lines);
    assert_eq!(
        chains(&other),
        expected,
        "order and duplicates do not matter"
    );
    sketch(&expected)
}

#[test]
fn three_services_join_by_tokens() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i subject=alice audience=a",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b seconds=0.1",
        "b@5 request decision=allow jti=2 issuer=i subject=alice actor=a audience=b",
        "b@6 token source=cache caller_jti=2 issuer=i issued_jti=3 target_audience=c",
        "c@9 request decision=deny code=scope jti=3 issuer=i subject=alice actor=b audience=c",
        "a@20 call code=unknown_destination caller_jti=1 issuer=i",
    ]);
    let chain = "a[b Exchange[c refused Cache], unknown service not made]";
    assert_eq!(chains, [chain]);
}

#[test]
fn digests_join_opaque_tokens() {
    let chains = joined(&[
        "a@0 request decision=allow token_digest=x issuer=i",
        "a@1 token source=shared caller_digest=x issuer=i issued_digest=y target_audience=b",
        "b@5 request decision=allow token_digest=y issuer=i",
        "b@5 request decision=allow jti=y issuer=i",
    ]);
    assert_eq!(chains, ["a[b Shared]", "b"], "a digest is not a `jti`");
}

#[test]
fn introspected_jti_is_joined_by_digest() {
    // The token itself is opaque, so its `jti` is known to its receiver only.
    let chains = joined(&[
        "a@0 request decision=allow jti=1 token_digest=x issuer=i",
        "a@1 token source=exchange caller_jti=1 caller_digest=x issuer=i issued_digest=y target_audience=b",
        "b@5 request decision=allow jti=2 token_digest=y issuer=i actor=a",
        "b@6 call code=overloaded caller_jti=2 issuer=i target_audience=c",
    ]);
    assert_eq!(chains, ["a[b Exchange[c not made]]"]);
    // The services have different keys, and the trace joins them.
    let chains = joined(&[
        "a@0 request decision=allow jti=1 token_digest=x issuer=i trace_id=t",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_digest=y target_audience=b trace_id=t",
        "b@5 request decision=allow jti=2 token_digest=z issuer=i actor=a trace_id=t",
    ]);
    assert_eq!(chains, ["a[b Exchange]"]);
}

#[test]
fn introspected_jti_is_joined_by_trace() {
    let request = "a@0 request decision=allow token_digest=1 issuer=i trace_id=t";
    let call = "a@1 token source=exchange caller_digest=1 issuer=i target_audience=b trace_id=t";
    let received = "b@2 request decision=allow jti=3 issuer=i actor=a trace_id=t";
    let opaque = format!("{call} issued_digest=2");
    assert_eq!(joined(&[request, &opaque, received]), ["a[b Exchange]"]);
    let jwt = format!("{call} issued_jti=2");
    assert_eq!(joined(&[request, &jwt, received]).len(), 2);
    let other = received.replace("b@2", "c@2");
    assert_eq!(joined(&[request, &opaque, &other]).len(), 2);
}

#[test]
fn same_jti_of_other_issuer_differs() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b",
        "b@2 request decision=allow jti=2 issuer=j",
        "b@5 request decision=allow jti=2 issuer=i",
    ]);
    assert_eq!(chains, ["a[b Exchange]", "b"]);
    // A token of another server, by identity chaining.
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b",
        "b@2 request decision=allow jti=2 issuer=j",
    ]);
    assert_eq!(chains, ["a[b Exchange]"]);
}

#[test]
fn trace_picks_call_of_cached_token() {
    let mut records = Vec::new();
    // All requests at the same time, with the same tokens.
    for trace in ["t1", "t2", "t3"] {
        records.push(format!(
            "a@0 request decision=allow jti=1 issuer=i trace_id={trace} path=/{trace}"
        ));
        records.push(format!("a@1 token source=cache caller_jti=1 issuer=i issued_jti=2 target_audience=b trace_id={trace}"));
        records.push(format!(
            "b@1 request decision=allow jti=2 issuer=i trace_id={trace} path=/{trace}"
        ));
    }
    let lines: Vec<_> = records.iter().rev().map(|it| line(it)).collect();
    let chains = chains(&lines);
    assert_eq!(sketch(&chains), ["a[b Cache]"; 3]);
    for chain in chains {
        let path = format!("/{}", chain.trace_id.as_deref().unwrap());
        assert!(chain.hops().all(|hop| hop.path.as_deref() == Some(&path)));
    }
}

#[test]
fn time_picks_call_without_trace() {
    let mut records = Vec::new();
    for start in [0, 1000, 2000] {
        records.push(format!(
            "a@{start} request decision=allow jti=1 issuer=i path=/{start}"
        ));
        let token = start + 1;
        records.push(format!(
            "a@{token} token source=cache caller_jti=1 issuer=i issued_jti=2 target_audience=b"
        ));
        if start != 1000 {
            let received = start + 300;
            records.push(format!(
                "b@{received} request decision=allow jti=2 issuer=i path=/{start}"
            ));
        }
    }
    let lines: Vec<_> = records.iter().map(|it| line(it)).collect();
    let chains = chains(&lines);
    let expected = [
        "a[b Cache]",
        "a[b no record Cache NotReceived]",
        "a[b Cache]",
    ];
    assert_eq!(sketch(&chains), expected);
    for chain in chains.iter().step_by(2) {
        assert_eq!(chain.root.path, chain.root.calls[0].path);
    }
}

#[test]
fn unrecorded_cached_token_use_is_joined() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i trace_id=t1",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b trace_id=t1",
        "b@2 request decision=allow jti=2 issuer=i actor=a trace_id=t1",
        "a@100 request decision=allow jti=1 issuer=i trace_id=t2",
        "b@102 request decision=allow jti=2 issuer=i actor=a trace_id=t2",
        "b@202 request decision=allow jti=2 issuer=i actor=a trace_id=t3",
    ]);
    assert_eq!(chains, ["a[b Exchange]", "a[b Cache]", "b NotIssued"]);
}

#[test]
fn repeated_call_has_two_requests() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i trace_id=t1",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b trace_id=t1",
        "b@2 request decision=allow jti=2 issuer=i trace_id=t1",
        "b@3 request decision=allow jti=2 issuer=i trace_id=t1",
    ]);
    assert_eq!(chains, ["a[b Exchange, b Exchange]"]);
}

#[test]
fn renewal_is_not_a_call() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i trace_id=t1",
        "a@1 token source=cache caller_jti=1 issuer=i issued_jti=2 target_audience=b trace_id=t1",
        "b@2 request decision=allow jti=2 issuer=i trace_id=t1",
        // The cached token expires soon.
        "a@9 token source=exchange caller_jti=1 issuer=i issued_jti=3 target_audience=b trace_id=t1",
        "a@20 request decision=allow jti=1 issuer=i trace_id=t2",
        "a@21 token source=cache caller_jti=1 issuer=i issued_jti=3 target_audience=b trace_id=t2",
        "b@22 request decision=allow jti=3 issuer=i trace_id=t2",
    ]);
    assert_eq!(chains, ["a[b Cache]", "a[b Cache]"]);
}

#[test]
fn missing_hops_are_marked() {
    let lines = [
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b",
        "c@3 request decision=allow jti=3 issuer=i actor=b audience=c",
        "job@9 token source=exchange issued_jti=4 target_audience=c",
        "c@10 request decision=allow jti=4 issuer=i audience=c",
    ];
    let chains = chains(&lines.map(line));
    let missing = chains.iter().flat_map(Chain::hops);
    let missing: Vec<_> = missing.filter_map(Hop::missing).collect();
    let expected = [
        "no record that a received token 1, for which it made calls",
        "no record that b received token 2, which was issued for it",
        "no record of the exchange that issued token 3, which c received",
    ];
    assert_eq!(missing, expected);
    let sketch = sketch(&chains);
    assert_eq!(sketch[2], "job own call[c Exchange]");
}

#[test]
fn token_of_outside_actor_misses_nothing() {
    let minted = "b@0 request decision=allow jti=1 issuer=i actor=web audience=b";
    let call = "b@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=c client_id=bob";
    let received = "c@2 request decision=allow jti=2 issuer=i actor=bob audience=c";
    assert_eq!(joined(&[minted, call, received]), ["b[c Exchange]"]);
    // The actor is a service of these records: by its name, as a client, or as a target.
    for actor in ["b", "bob", "c"] {
        let other = format!("c@9 request decision=allow jti=9 issuer=i actor={actor} audience=c");
        let chains = joined(&[minted, call, received, &other]);
        assert_eq!(chains, ["b[c Exchange]", "c NotIssued"]);
    }
}

#[test]
fn refusal_inside_is_one_request() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i path=/x",
        "a@2 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b",
        "a@3 request decision=deny code=scope jti=1 issuer=i path=/x",
        "a@4 request decision=deny code=scope jti=1 issuer=i path=/x",
    ]);
    let first = "a refused[b no record Exchange NotReceived]";
    assert_eq!(chains, [first, "a refused"]);
}

#[test]
fn trace_joins_refused_unknown_token() {
    let call = "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 trace_id=t";
    let request = "a@0 request decision=allow jti=1 issuer=i trace_id=t";
    let refused = "b@3 request decision=deny code=audience trace_id=t";
    for target in ["b", "https://b.example"] {
        let call = format!("{call} target_audience={target}");
        let chains = joined(&[request, &call, refused]);
        assert_eq!(chains, ["a[b refused Exchange]"]);
    }
    // The service is one of the audiences, and of two calls.
    let both = format!("{call} target_audience=x+b");
    let other = format!("{call} target_audience=c").replace("=2", "=3");
    let chains = joined(&[request, &both, &other, refused]);
    let expected = "a[c no record Exchange NotReceived, b refused Exchange]";
    assert_eq!(chains, [expected]);
    // Which of the two calls it was is not known.
    let c = format!("{call} target_audience=c").replace("=2", "=3");
    let d = format!("{call} target_audience=d");
    assert_eq!(joined(&[request, &c, &d, refused]).len(), 2);
    // Another trace.
    let c = format!("{call} target_audience=b");
    let chains = joined(&[request, &c, &refused.replace("=t", "=u")]);
    assert_eq!(chains.len(), 2);
}

#[test]
fn forged_circles_end() {
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=2 target_audience=b",
        "b@2 request decision=allow jti=2 issuer=i",
        "b@3 token source=exchange caller_jti=2 issuer=i issued_jti=1 target_audience=a",
    ]);
    let circle = "a Circle[b Exchange[a no record Exchange NotReceived]]";
    assert_eq!(chains, [circle]);
    let chains = joined(&[
        "a@0 request decision=allow jti=1 issuer=i",
        "a@1 token source=exchange caller_jti=1 issuer=i issued_jti=1 target_audience=a",
    ]);
    assert_eq!(chains, ["a Circle[a no record Exchange NotReceived]"]);
}

#[test]
fn forged_depths_are_cut() {
    let depth = 20_000;
    let lines: Vec<_> = (0..depth)
        .flat_map(|at| {
            let next = at + 1;
            let request = format!("s{at}@{at} request decision=allow jti={at} issuer=i");
            let token = format!("s{at}@{at} token source=exchange caller_jti={at} issuer=i issued_jti={next} target_audience=s{next}");
            [line(&request), line(&token)]
        })
        .collect();
    let chains = chains(&lines);
    assert_eq!(chains.len(), depth / 64 + 1);
    assert!(chains.iter().all(|chain| chain.hops().count() <= 65));
}

/// A service, how its token was obtained, and its calls.
#[derive(Clone, Debug)]
struct Story {
    service: u8,
    is_cached: bool,
    outcome: u8,
    calls: Vec<Story>,
}

fn story() -> impl Strategy<Value = Story> {
    let alone = (0..6_u8, any::<bool>(), 0..10_u8);
    let leaf = alone
        .clone()
        .prop_map(|(service, is_cached, outcome)| Story {
            service,
            is_cached,
            outcome,
            calls: Vec::new(),
        });
    leaf.prop_recursive(5, 12, 3, move |inner| {
        (alone.clone(), proptest::collection::vec(inner, 0..3)).prop_map(
            |((service, is_cached, _), calls)| Story {
                service,
                is_cached,
                outcome: 9,
                calls,
            },
        )
    })
}

/// Writes the records of stories, and what is expected of them.
struct Writer {
    lines: Vec<String>,
    now: u64,
    next_token: u64,
    trace: Option<String>,
    skew: [u64; 6],
}

impl Writer {
    fn push(&mut self, service: u8, text: &str) {
        self.now += 7;
        let time = self.now + self.skew[usize::from(service)];
        let trace = self.trace.iter().map(|trace| format!(" trace_id={trace}"));
        let trace: String = trace.collect();
        self.lines
            .push(line(&format!("s{service}@{time} {text}{trace}")));
    }

    fn tell(&mut self, story: &Story, token: &str, sketch: &mut String) {
        let service = story.service;
        let request = format!("request issuer=i jti={token} audience=s{service}");
        write!(sketch, "s{service}").unwrap();
        match story.outcome {
            0 => {
                // A rule refuses what the layer has allowed.
                self.push(service, &format!("{request} decision=allow"));
                self.push(service, &format!("{request} decision=deny code=scope"));
                sketch.push_str(" refused");
            }
            1 => {
                sketch.push_str(" no record");
            }
            _ => self.push(service, &format!("{request} decision=allow")),
        }
    }

    fn calls(&mut self, story: &Story, token: &str, sketch: &mut String) {
        let from = story.service;
        for (at, call) in story.calls.iter().enumerate() {
            sketch.push_str(if at == 0 { "[" } else { ", " });
            let to = call.service;
            let caller = format!("issuer=i caller_jti={token} target_audience=s{to}");
            if call.outcome == 2 {
                self.push(from, &format!("call {caller} code=overloaded"));
                write!(sketch, "s{to} not made").unwrap();
                continue;
            }
            self.next_token += 1;
            // A cached token is the same for all calls of the same kind. If the record of one of
            // them is missing and clocks differ, nothing says which one.
            let mut calls = story.calls.iter();
            let is_lost = calls.any(|call| call.outcome == 1 && call.service == to);
            let is_cached = call.is_cached && !is_lost && self.trace.is_some();
            let (source, issued) = match is_cached {
                true => ("cache", format!("{token}-{to}")),
                false => ("exchange", self.next_token.to_string()),
            };
            self.push(
                from,
                &format!("token {caller} source={source} issued_jti={issued}"),
            );
            self.tell(call, &issued, sketch);
            sketch.push_str(if is_cached { " Cache" } else { " Exchange" });
            if call.outcome == 1 {
                sketch.push_str(" NotReceived");
            }
            self.calls(call, &issued, sketch);
        }
        if !story.calls.is_empty() {
            sketch.push(']');
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn shuffled_records_join_to_their_chains(
        mut stories in proptest::collection::vec(story(), 1..6),
        is_traced in any::<bool>(),
        skew in proptest::array::uniform6(0..5_000_u64),
        seeds in proptest::collection::vec(any::<u64>(), 300),
        duplicates in 0..20_usize,
    ) {
        let (lines, next_token) = (Vec::new(), 0);
        let mut writer = Writer { lines, now: 0, next_token, trace: None, skew };
        let mut expected = Vec::new();
        for (at, story) in stories.iter_mut().enumerate() {
            // The same user's token in each story, if traces can tell them apart.
            let token = match is_traced {
                true => "user".to_owned(),
                false => format!("user{at}"),
            };
            writer.trace = is_traced.then(|| format!("t{at}"));
            story.outcome = 9;
            let mut sketch = String::new();
            writer.tell(story, &token, &mut sketch);
            writer.calls(story, &token, &mut sketch);
            expected.push(sketch);
        }
        let mut lines = writer.lines;
        lines.extend_from_within(..duplicates.min(lines.len()));
        let mut seeds = seeds.into_iter().cycle();
        for at in (1..lines.len()).rev() {
            lines.swap(at, seeds.next().unwrap_or_default() as usize % (at + 1));
        }
        let mut found = sketch(&chains(&lines));
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
