//! `GET /metrics`: numbers for Prometheus, as text.
//!
//! What is in the store is counted there, and is the same whichever node is asked. What was done since the start is
//! counted by the process that did it.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Write},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use patchrelay_domain::{RunType, Timestamp};
use patchrelay_ports::{Census, WorkDone};
use tokio::time::Instant;

use crate::{ServerState, error::ApiError};

/// The content type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What was answered to senders of webhooks, and since when.
#[derive(Clone, Debug)]
pub struct Meter {
    since: Instant,
    answers: Arc<Mutex<BTreeMap<Answer, u64>>>,
}

/// The source, the status and the code of an answer. All of them are ours, so there are not many.
type Answer = (&'static str, u16, &'static str);

impl Default for Meter {
    fn default() -> Self {
        Self { since: Instant::now(), answers: Arc::default() }
    }
}

impl Meter {
    /// Counts an answer.
    pub(crate) fn answered(&self, source: &'static str, status: u16, code: &'static str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((source, status, code)).or_default() += 1;
    }

    fn answers(&self) -> BTreeMap<Answer, u64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `GET /metrics`.
pub(crate) async fn show(State(state): State<ServerState>) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let census = state.store.census(now).await?;
    let mut page = Page::default();
    of_process(&mut page, &state);
    of_store(&mut page, now, &census);
    of_work(&mut page, &state.tally.work_done());
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(TEXT))];
    Ok((content_type, page.0).into_response())
}

fn of_process(page: &mut Page, state: &ServerState) {
    page.gauge("build_info", "The version that runs.", [([("version", state.version)], 1)]);
    let uptime = state.meter.since.elapsed().as_secs_f64();
    page.gauge("uptime_seconds", "How long the process runs.", one(uptime));
    let streams = state.streams.open();
    page.gauge("streams", "Live streams that are open.", one(streams));
    let answers = state.meter.answers();
    let statuses: Vec<_> = answers.keys().map(|(_, status, _)| status.to_string()).collect();
    page.counter(
        "webhook_answers_total",
        "Answers to senders of webhooks, by status and code.",
        answers.iter().zip(&statuses).map(|(((source, _, code), count), status)| {
            ([("source", *source), ("status", status.as_str()), ("code", *code)], *count)
        }),
    );
}

fn of_store(page: &mut Page, now: Timestamp, census: &Census) {
    let age = |since: Option<Timestamp>| since.map_or(0.0, |since| now.since(since).as_secs_f64());
    page.gauge(
        "issues",
        "Issues by project and factory state, as of their last change.",
        census.issues.iter().map(|(project, state, count)| {
            ([("project", project.as_str()), ("state", state.as_str())], *count)
        }),
    );
    for (name, help, count) in [
        ("issues_ready", "Issues for which a run could be started.", census.ready),
        ("runs_active", "Runs that are not settled.", census.active_runs),
        ("inbox_waiting", "Deliveries that wait to be applied.", census.inbox_waiting),
        ("inbox_dead", "Deliveries that were put aside as dead.", census.inbox_dead),
        ("outbox_waiting", "Reports that are not done.", census.outbox_waiting),
    ] {
        page.gauge(name, help, one(count));
    }
    page.gauge(
        "inbox_newest_id",
        "The number of the newest delivery that was stored.",
        one(census.newest_delivery),
    );
    page.gauge(
        "inbox_oldest_seconds",
        "The age of the oldest delivery that waits; 0 when none does.",
        one(age(census.inbox_oldest)),
    );
    page.gauge(
        "outbox_lag_seconds",
        "For how long the first report is due that is not done; 0 when none is.",
        one(age(census.outbox_due)),
    );
}

fn of_work(page: &mut Page, done: &WorkDone) {
    page.counter(
        "runs_ended_total",
        "Runs that ended in this process, by type and outcome.",
        done.runs.iter().map(|(run_type, outcome, count)| {
            ([("type", RunType::as_str(*run_type)), ("outcome", *outcome)], *count)
        }),
    );
    page.counter("tokens_total", "What these runs cost, in tokens.", one(done.tokens));
    page.counter(
        "reports_total",
        "Reports that this process is done with, by what became of them.",
        done.reports.iter().map(|(ending, count)| ([("ending", *ending)], *count)),
    );
    page.counter(
        "store_retries_total",
        "Changes that were tried again: others were faster, or the store failed.",
        [([("reason", "conflict")], done.conflicts), ([("reason", "failure")], done.store_retries)],
    );
}

/// A number without labels.
fn one<T>(value: T) -> [([(&'static str, &'static str); 0], T); 1] {
    [([], value)]
}

/// The text of the answer.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn gauge<'a, const N: usize, T: Display>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'static str, &'a str); N], T)>,
    ) {
        self.family("gauge", name, help, samples);
    }

    fn counter<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'static str, &'a str); N], u64)>,
    ) {
        self.family("counter", name, help, samples);
    }

    fn family<'a, const N: usize, T: Display>(
        &mut self,
        kind: &str,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'static str, &'a str); N], T)>,
    ) {
        self.line(format_args!("# HELP patchrelay_{name} {help}"));
        self.line(format_args!("# TYPE patchrelay_{name} {kind}"));
        for (labels, value) in samples {
            let labels: Vec<_> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                .collect();
            if labels.is_empty() {
                self.line(format_args!("patchrelay_{name} {value}"));
            } else {
                self.line(format_args!("patchrelay_{name}{{{}}} {value}", labels.join(",")));
            }
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a text takes any text");
    }
}

/// The value of a label as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
