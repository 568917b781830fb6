//! The lines that the layer writes, and that they are read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use obo_audit::{Decision, Event, JsonLines, Log};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Noon;

impl FormatTime for Noon {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str("2026-11-29T12:00:00.000001Z")
    }
}

fn written(events: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer: Box<dyn Write + Send> = Box::new(lines.clone());
    let layer = JsonLines::new("service-\"a\"", Mutex::new(writer)).with_timer(Noon);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, events);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

const GOLDEN: &str = r#"{"schema":"obo-audit/1","time":"2026-11-29T12:00:00.000001Z","service":"service-\"a\"","record":"request","decision":"deny","code":"insufficient_scope","reason":"no \"x\"\n\u001b[2J","method":"GET","path":"/orders","subject":"p-1","jti":"1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}
{"schema":"obo-audit/1","time":"2026-11-29T12:00:00.000001Z","service":"service-\"a\"","record":"token","source":"exchange","target_audience":"service-b","caller_jti":"1","issued_jti":"2","seconds":0.0125}
{"schema":"obo-audit/1","time":"2026-11-29T12:00:00.000001Z","service":"service-\"a\"","record":"call","code":"unknown_destination","reason":"https://x","retries":3,"is_new":true}
"#;

fn emit() {
    let reason = "no \"x\"\n\u{1b}[2J";
    tracing::info!(
        target: "obo::audit",
        record = "request",
        decision = "deny",
        code = "insufficient_scope",
        reason = %reason,
        method = "GET",
        path = "/orders",
        issuer = None::<&str>,
        subject = Some("p-1"),
        jti = "1",
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
        "request refused"
    );
    tracing::info!(
        target: "obo::audit",
        record = "token",
        source = "exchange",
        target_audience = %"service-b",
        caller_jti = "1",
        issued_jti = "2",
        seconds = 0.0125,
        "token obtained"
    );
    tracing::warn!(
        target: "obo::audit",
        record = "call",
        code = "unknown_destination",
        reason = "https://x",
        retries = 3,
        is_new = true,
        "call not made"
    );
}

#[test]
fn records_are_lines_of_the_schema() {
    let written = written(|| {
        emit();
        tracing::warn!(target: "obo", record = "call", "another target");
        tracing::info!(target: "obo::audit", "not a record");
    });
    assert_eq!(written, GOLDEN);
}

#[test]
fn written_lines_are_read() {
    let mut log = Log::default();
    log.read("log", GOLDEN.as_bytes());
    assert!(log.problems.is_empty(), "{:?}", log.problems);
    let [request, token, call] = &*log.records else {
        panic!("{:?}", log.records)
    };
    assert_eq!(request.service, "service-\"a\"");
    assert_eq!(request.time.to_string(), "2026-11-29T12:00:00.000001Z");
    match (&request.event, &token.event, &call.event) {
        (Event::Request(request), Event::Token(token), Event::Call(call)) => {
            assert_eq!(request.decision, Decision::Deny);
            assert_eq!(request.reason.as_deref(), Some("no \"x\"\n\u{1b}[2J"));
            assert_eq!(token.seconds.unwrap().as_micros(), 12_500);
            assert_eq!(call.code.as_deref(), Some("unknown_destination"));
        }
        events => panic!("{events:?}"),
    }
}

#[test]
fn failing_writer_is_counted() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("disk full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let layer = JsonLines::new("service-a", || Full);
    let lost = layer.lost().clone();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, emit);
    assert_eq!(lost.load(Ordering::Relaxed), 3);
}

#[test]
fn number_that_json_lacks_is_null() {
    let written = written(|| {
        tracing::info!(target: "obo::audit", record = "token", source = "cache", seconds = f64::NAN);
    });
    let mut log = Log::default();
    log.read("log", written.as_bytes());
    assert_eq!(log.records.len(), 1, "{written} {:?}", log.problems);
}

#[test]
fn span_names_the_service() {
    let lines = Lines::default();
    let writer: Box<dyn Write + Send> = Box::new(lines.clone());
    let layer = JsonLines::new("all", Mutex::new(writer)).with_timer(Noon);
    let subscriber = tracing_subscriber::registry().with(layer.service_field("service"));
    let record = || tracing::info!(target: "obo::audit", record = "call", code = "no_subject");
    tracing::subscriber::with_default(subscriber, || {
        record();
        let name = String::from("service-b");
        let outer = tracing::info_span!("request", service = "service-a");
        let other = tracing::info_span!(parent: &outer, "work", job = "service-x");
        let inner = tracing::info_span!(parent: &outer, "request", service = %name);
        other.in_scope(record);
        inner.in_scope(record);
        tracing::info!(target: "obo::audit", parent: &outer, record = "call", code = "no_subject");
    });
    let mut log = Log::default();
    log.read("log", &**lines.0.lock().unwrap());
    let services: Vec<_> = log.records.iter().map(|it| &*it.service).collect();
    assert_eq!(services, ["all", "service-a", "service-b", "service-a"]);
}
