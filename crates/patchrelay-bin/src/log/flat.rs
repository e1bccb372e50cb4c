//! Lines for programs: everything that is known of one in one flat list of fields.

use std::{fmt, io::Write};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::Context,
    registry::LookupSpan,
};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object.
    Json,
    /// `name=value`, in the way of logfmt.
    Logfmt,
}

/// The names that every line has, and that no field of it may take.
const OURS: [&str; 4] = ["timestamp", "level", "target", "message"];

/// Writes each event as a line, with the fields of its spans. Of two fields with one name the inner one counts.
#[derive(Debug)]
pub(super) struct Flat<W> {
    form: Form,
    writer: W,
}

impl<W> Flat<W> {
    pub(super) fn new(form: Form, writer: W) -> Self {
        Self { form, writer }
    }
}

/// The fields of a span or of an event, in their order.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value);
    }
}

impl Fields {
    fn record(&mut self, field: &Field, value: impl Into<Value>) {
        // What raw identifiers begin with is no part of a name.
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.0.insert(name.to_owned(), value.into());
    }
}

impl<S, W> Layer<S> for Flat<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut all = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                all.0.extend(fields.0.clone());
            }
        }
        event.record(&mut all);
        let meta = event.metadata();
        let message = all.0.remove("message");
        let ours = [
            ("timestamp", Some(now().into())),
            ("level", Some(meta.level().as_str().to_ascii_lowercase().into())),
            ("target", Some(meta.target().into())),
            ("message", message),
        ];
        let mut line: Vec<(String, Value)> =
            ours.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        line.extend(all.0.into_iter().filter(|(name, _)| !OURS.contains(&name.as_str())));
        let text = match self.form {
            Form::Json => json(&line),
            Form::Logfmt => logfmt(&line),
        };
        // Nobody is left to tell that the log cannot be written.
        drop(self.writer.make_writer_for(meta).write_all(text.as_bytes()));
    }
}

/// The time as RFC 3339 in UTC.
fn now() -> String {
    let mut text = String::new();
    match SystemTime.format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        Err(fmt::Error) => String::new(),
    }
}

fn json(line: &[(String, Value)]) -> String {
    let fields = line.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
    format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
}

fn logfmt(line: &[(String, Value)]) -> String {
    let fields = line.iter().map(|(name, value)| match value {
        Value::String(value) if is_plain(value) => format!("{name}={value}"),
        other => format!("{name}={other}"),
    });
    format!("{}\n", fields.collect::<Vec<_>>().join(" "))
}

/// Whether a value needs no quotes.
fn is_plain(value: &str) -> bool {
    let is_special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=' | '\\');
    !value.is_empty() && !value.chars().any(is_special)
}
