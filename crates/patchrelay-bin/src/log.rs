//! The log: lines on standard error, each with the ids that it is found by, and without any secret of ours.
//!
//! Whatever a line tells of belongs to a span (a delivery, a run, a report) whose fields are ids (D43). In the formats for
//! programs they are fields of the line itself.

mod flat;
mod redact;

use patchrelay::domain::SecretPatterns;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, reload, util::SubscriberInitExt};

use self::{
    flat::{Flat, Form},
    redact::Redacted,
};
use crate::{
    cli::LogChoice,
    config::{LogFormat, TelemetrySection},
    failure::Failure,
    reload::Log,
};

/// A line of a secret that is shorter, in bytes, may be a line of anything.
const MIN_LINE: usize = 16;

/// Starts the log on standard error. In what it writes, names stand in the place of these secrets. The answer replaces what
/// is logged.
pub(crate) fn start(
    telemetry: &TelemetrySection,
    choice: LogChoice,
    secrets: &[(String, SecretString)],
) -> Result<Log, Failure> {
    let filter = choice.level.unwrap_or(&telemetry.log);
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(format!("telemetry.log: `{filter}` is no log filter: {error}"))
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let writer = Redacted::new(patterns(secrets)?);
    let lines = match telemetry.log_format {
        LogFormat::Pretty => {
            tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(choice.color).boxed()
        }
        LogFormat::Json => Flat::new(Form::Json, writer).boxed(),
        LogFormat::Logfmt => Flat::new(Form::Logfmt, writer).boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    started.map_err(|error| Failure::new(format!("failed to start the log: {error}")))?;
    let replace = move |new| handle.reload(new).map_err(|error| error.to_string());
    Ok(Log { replace: Box::new(replace), is_fixed: choice.level.is_some() })
}

/// The secrets, also as a log writes them: line breaks and quotes are escaped there, and a text of many lines may be
/// logged line by line.
fn patterns(secrets: &[(String, SecretString)]) -> Result<SecretPatterns, Failure> {
    let mut forms: Vec<(&str, String)> = Vec::new();
    for (name, secret) in secrets {
        let value = secret.expose_secret().trim();
        let as_json = serde_json::Value::from(value).to_string();
        forms.push((name, as_json.trim_matches('"').to_owned()));
        forms.push((name, value.escape_debug().to_string()));
        forms.push((name, value.to_owned()));
        if value.contains('\n') {
            let lines = value.lines().filter(|line| MIN_LINE <= line.len());
            forms.extend(lines.map(|line| (name.as_str(), line.to_owned())));
        }
    }
    SecretPatterns::new(forms).map_err(|error| Failure::new(error.to_string()))
}

#[cfg(test)]
mod tests;
