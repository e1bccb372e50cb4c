//! `issue watch`: what happens to one issue, line by line, until it is over.

use std::{ops::ControlFlow, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    cli::OneIssue,
    client::{Event, Service},
    failure::Failure,
    output::Output,
    show,
};

/// How many lines of what was before are shown.
const HISTORY: u32 = 20;
/// How long to wait before a service that is away is asked again.
const COME_BACK_AFTER: Duration = Duration::from_secs(1);
/// How long it may be away. Who restarts it is done by then.
const PATIENCE: Duration = Duration::from_secs(300);

/// Prints the newest lines of an issue's feed and then each new one, and ends with the issue: well when it is done, and
/// with a failure when it failed or nothing goes on without a human. A service that is restarted meanwhile is waited for,
/// and no line is left out.
pub(crate) async fn run(output: &Output, service: &Service, one: &OneIssue) -> Result<(), Failure> {
    let feed = service.feed(one, HISTORY).await?;
    for line in feed["entries"].as_array().into_iter().flatten() {
        print(output, line)?;
    }
    let mut cursor = feed["cursor"].as_i64().unwrap_or_default();
    let mut away: Option<Instant> = None;
    loop {
        let mut ended = None;
        let seen = cursor;
        let followed =
            service.follow(one, seen, |event| take(output, &event, &mut cursor, &mut ended)).await;
        if let Some(ended) = ended {
            return ended;
        }
        match followed {
            Ok(()) => away = None,
            Err(failure) if failure.is_unreachable() => {
                let since = *away.get_or_insert_with(|| {
                    output.note("the service is away; waiting for it");
                    Instant::now()
                });
                if PATIENCE < since.elapsed() {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
        if cursor != seen {
            away = None;
        }
        sleep(COME_BACK_AFTER).await;
    }
}

/// Prints a line, or sees whether the issue is over.
fn take(
    output: &Output,
    event: &Event,
    cursor: &mut i64,
    ended: &mut Option<Result<(), Failure>>,
) -> Result<ControlFlow<()>, Failure> {
    // An event that cannot be read is one of a newer service.
    let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
        return Ok(ControlFlow::Continue(()));
    };
    match event.name.as_str() {
        "line" => {
            print(output, &value)?;
            *cursor = value["cursor"].as_i64().unwrap_or(*cursor);
        }
        "issue" => *ended = end(&value),
        _ => {}
    }
    Ok(if ended.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
}

fn print(output: &Output, line: &Value) -> Result<(), Failure> {
    if output.is_json() { output.value_line(line) } else { output.line(&show::feed_line(line)) }
}

/// How it ended, if it did: nothing more happens to it by itself.
fn end(issue: &Value) -> Option<Result<(), Failure>> {
    let key = issue["key"].as_str().unwrap_or_default();
    let why = ["status_note", "waiting_reason"].iter().find_map(|name| issue[name].as_str());
    let why = why.unwrap_or("see `patchrelay issue explain`");
    match issue["state"].as_str() {
        Some("done") => Some(Ok(())),
        Some("failed") => Some(Err(Failure::new(format!("{key} failed: {why}")))),
        Some("escalated") => Some(Err(Failure::new(format!("{key} needs a human: {why}")))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
