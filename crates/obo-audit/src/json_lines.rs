//! The layer that writes audit records.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::ser::{SerializeMap, Serializer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::record::SCHEMA;

/// The target of audit events.
const TARGET: &str = "obo::audit";

/// A layer of `tracing_subscriber` that writes each audit event as one line of JSON, in the schema
/// [`SCHEMA`].
///
/// Requests that were allowed and tokens that were cached are events of the level DEBUG. Give the
/// layer a filter, so that other events of that level stay off:
///
/// ```
/// use obo_audit::JsonLines;
/// use tracing_subscriber::filter::{LevelFilter, Targets};
/// use tracing_subscriber::layer::{Layer, SubscriberExt};
/// use tracing_subscriber::util::SubscriberInitExt;
///
/// let records = JsonLines::new("service-a", std::io::stdout);
/// let audit = Targets::new().with_target("obo::audit", LevelFilter::DEBUG);
/// tracing_subscriber::registry()
///     .with(records.with_filter(audit))
///     .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO))
///     .init();
/// ```
///
/// A line is written with one call of `write_all`. A line that cannot be written is lost, and
/// [`lost`](Self::lost) counts it; the request continues.
pub struct JsonLines<W, T = SystemTime> {
    service: String,
    writer: W,
    timer: T,
    lost: Arc<AtomicU64>,
    /// The field of spans that names the service.
    service_field: Option<&'static str>,
}

impl<W: for<'w> MakeWriter<'w>> JsonLines<W> {
    /// Writes the records of this service, for example to `std::io::stdout`, to an `Arc<File>`, or
    /// to a `Mutex<Box<dyn Write + Send>>`.
    pub fn new(service: impl Into<String>, writer: W) -> Self {
        let service = service.into();
        let lost = Arc::default();
        Self {
            service,
            writer,
            timer: SystemTime,
            lost,
            service_field: None,
        }
    }
}

impl<W, T> JsonLines<W, T> {
    /// Replaces the source of times. It writes RFC 3339 in UTC.
    pub fn with_timer<U: FormatTime>(self, timer: U) -> JsonLines<W, U> {
        JsonLines {
            service: self.service,
            writer: self.writer,
            timer,
            lost: self.lost,
            service_field: self.service_field,
        }
    }

    /// Takes the name of the service from a field of spans, for a process with several services.
    /// The innermost span around a record that has this field names the service. Without such a
    /// span, the name is that of [`new`](JsonLines::new).
    ///
    /// The layer's filter must let these spans pass. The field needs its value when the span is
    /// made.
    ///
    /// ```
    /// use obo_audit::JsonLines;
    /// use tracing_subscriber::filter::{LevelFilter, Targets};
    /// use tracing_subscriber::layer::{Layer, SubscriberExt};
    /// use tracing_subscriber::util::SubscriberInitExt;
    ///
    /// let records = JsonLines::new("all", std::io::stdout).service_field("service");
    /// let filter = Targets::new()
    ///     .with_target("obo::audit", LevelFilter::DEBUG)
    ///     .with_target("my_services", LevelFilter::INFO);
    /// tracing_subscriber::registry().with(records.with_filter(filter)).init();
    ///
    /// let span = tracing::info_span!(target: "my_services", "request", service = "service-a");
    /// ```
    #[must_use]
    pub fn service_field(mut self, name: &'static str) -> Self {
        self.service_field = Some(name);
        self
    }

    /// The number of lines that could not be written. Clone it before the layer is moved.
    pub fn lost(&self) -> &Arc<AtomicU64> {
        &self.lost
    }
}

impl<W, T> fmt::Debug for JsonLines<W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("JsonLines");
        debug
            .field("service", &self.service)
            .field("lost", &self.lost);
        debug.finish_non_exhaustive()
    }
}

impl<W, T> JsonLines<W, T>
where
    W: for<'w> MakeWriter<'w>,
    T: FormatTime,
{
    fn write(&self, event: &Event<'_>, service: &str) -> io::Result<()> {
        let mut time = String::new();
        let timed = self.timer.format_time(&mut Writer::new(&mut time));
        timed.map_err(|_| io::Error::other("no time"))?;
        let mut line = Vec::with_capacity(512);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("schema", SCHEMA)?;
        map.serialize_entry("time", &time)?;
        map.serialize_entry("service", service)?;
        let mut fields = Fields {
            map,
            outcome: Ok(()),
        };
        event.record(&mut fields);
        fields.outcome?;
        fields.map.end()?;
        line.push(b'\n');
        self.writer
            .make_writer_for(event.metadata())
            .write_all(&line)
    }
}

impl<S, W, T> Layer<S> for JsonLines<W, T>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
    T: FormatTime + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(field) = self.service_field else {
            return;
        };
        let mut named = Named { field, value: None };
        attributes.record(&mut named);
        if let (Some(name), Some(span)) = (named.value, context.span(id)) {
            span.extensions_mut().replace(ServiceName(name));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !is_record(event.metadata()) {
            return;
        }
        let spans = context
            .event_scope(event)
            .filter(|_| self.service_field.is_some());
        let named = spans.into_iter().flatten().find_map(|span| {
            let name = span.extensions().get::<ServiceName>()?.0.clone();
            Some(name)
        });
        let service = named.as_ref().unwrap_or(&self.service);
        if self.write(event, service).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The service that a span belongs to.
struct ServiceName(String);

/// Reads the text of one field.
struct Named {
    field: &'static str,
    value: Option<String>,
}

impl Visit for Named {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            self.value = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.field {
            self.value = Some(format!("{value:?}"));
        }
    }
}

fn is_record(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET && metadata.fields().field("record").is_some()
}

/// Writes the fields of an event. The text of the event is for people, and not part of the schema.
struct Fields<M: SerializeMap> {
    map: M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Fields<M> {
    fn write(&mut self, field: &Field, value: impl serde::Serialize) {
        if field.name() != "message" && self.outcome.is_ok() {
            self.outcome = self.map.serialize_entry(field.name(), &value);
        }
    }
}

impl<M: SerializeMap> Visit for Fields<M> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}
