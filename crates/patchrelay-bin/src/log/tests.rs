use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tracing::{Subscriber, debug, error_span, info};

use super::*;

const TOKEN: &str = "ghp_0123456789abcdef";

/// What was written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn secrets(values: &[&str]) -> SecretPatterns {
    let named: Vec<_> =
        values.iter().map(|value| ("TOKEN".to_owned(), SecretString::from(*value))).collect();
    patterns(&named).unwrap()
}

/// What is written in this form while something is logged.
fn logged(form: Option<Form>, secret: &str, log: impl FnOnce()) -> String {
    let written = Written::default();
    let to = written.clone();
    let writer = Redacted::over(secrets(&[secret]), move || to.clone());
    let subscriber: Box<dyn Subscriber + Send + Sync> = match form {
        Some(form) => Box::new(tracing_subscriber::registry().with(Flat::new(form, writer))),
        None => Box::new(
            tracing_subscriber::registry()
                .with(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false)),
        ),
    };
    tracing::subscriber::with_default(subscriber, log);
    written.text()
}

fn of_a_run() {
    let run = error_span!("run", issue = "acme/t1", run = "r1", number = 7);
    run.in_scope(|| {
        error_span!("push", run = "r2").in_scope(|| {
            info!(branch = "app/x y", done = true, count = -3, "pushed \"it\"");
        });
    });
}

#[test]
fn a_json_line_has_the_ids_of_its_spans_as_fields() {
    let line = logged(Some(Form::Json), TOKEN, of_a_run);
    assert_eq!(line.lines().count(), 1);
    let mut line: Value = serde_json::from_str(&line).unwrap();
    let time = line["timestamp"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    let expected = serde_json::json!({
        "timestamp": null, "level": "info", "target": module_path!(), "message": "pushed \"it\"",
        "issue": "acme/t1", "run": "r2", "number": 7, "branch": "app/x y", "done": true, "count": -3,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_logfmt_line_quotes_what_needs_it() {
    let line = logged(Some(Form::Logfmt), TOKEN, of_a_run);
    assert_eq!(line.lines().count(), 1);
    for part in [
        " issue=acme/t1",
        " run=r2",
        " branch=\"app/x y\"",
        " done=true",
        " count=-3",
        " message=\"pushed \\\"it\\\"\"",
        "level=info",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let broken = logged(Some(Form::Logfmt), TOKEN, || info!(text = "a\nlevel=error \u{1b}[2J", ""));
    assert_eq!(broken.lines().count(), 1, "{broken}");
    assert!(!broken.contains('\u{1b}'), "{broken}");
}

#[test]
fn no_form_of_a_secret_is_logged_in_any_format() {
    let key = "-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwx\n\"quoted\"\n-----END KEY-----";
    for form in [None, Some(Form::Json), Some(Form::Logfmt)] {
        let text = logged(form, TOKEN, || {
            let span = error_span!("call", header = format!("Bearer {TOKEN}"));
            span.in_scope(|| {
                info!("sent {TOKEN}");
                debug!(value = TOKEN, encoded = "Z2hwXzAxMjM0NTY3ODlhYmNkZWY=", "again");
            });
        });
        assert!(!text.contains("0123456789"), "{form:?}: {text}");
        assert!(!text.contains("AxMjM0NTY3ODlhYm"), "{form:?}: {text}");
        assert!(text.contains("Bearer (TOKEN)") && text.contains("sent (TOKEN)"), "{text}");
        let text = logged(form, key, || {
            info!(key, "read");
            info!(key = ?key, "read");
            info!("a line of it: abcdefghijklmnopqrstuvwx");
        });
        assert!(!text.contains("abcdefghijkl"), "{form:?}: {text}");
        assert!(3 <= text.matches("(TOKEN)").count(), "{form:?}: {text}");
    }
}

#[test]
fn a_filter_that_is_none_is_one_clear_line() {
    let telemetry = TelemetrySection { log: "info,=".to_owned(), ..TelemetrySection::default() };
    let choice = LogChoice { level: None, color: false };
    let failure = start(&telemetry, choice, &[]).err().expect("it is refused");
    assert!(failure.message().starts_with("telemetry.log: `info,=`"), "{}", failure.message());
}
