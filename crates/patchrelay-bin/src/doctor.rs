//! `patchrelay doctor`: what is wrong on this machine, and what to do about it. It changes nothing and asks no model.

mod checks;
mod reach;

use std::path::Path;

use serde::Serialize;

use self::checks::look;
use crate::{environment::Environment, failure::Failure, output::Output};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Its name, which stays the same.
    check: &'static str,
    result: Grade,
    /// What was found.
    detail: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Grade {
    Pass,
    /// It works, but not as most people want it.
    Warn,
    /// Nothing works before this is mended.
    Fail,
}

impl Check {
    fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, result: Grade::Pass, detail: detail.into(), fix: None }
    }

    fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, result: Grade::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn fail(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, result: Grade::Fail, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn line(&self) -> String {
        let word = match self.result {
            Grade::Pass => "pass",
            Grade::Warn => "warn",
            Grade::Fail => "FAIL",
        };
        let fix = self.fix.as_ref().map(|fix| format!(" -> {fix}")).unwrap_or_default();
        format!("{word}  {:<20}  {}{fix}", self.check, self.detail)
    }
}

/// Looks at everything, prints what was found, and fails when something does.
pub(crate) async fn run(
    flag: Option<&Path>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let checks = look(flag, environment).await?;
    let failed = checks.iter().filter(|check| check.result == Grade::Fail).count();
    if output.is_json() {
        output.value(&serde_json::json!({ "ok": failed == 0, "checks": checks }))?;
    } else {
        for check in &checks {
            output.line(&check.line())?;
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("one check failed: do what stands behind it, and run doctor again")),
        more => Err(Failure::new(format!(
            "{more} checks failed: do what stands behind them, and run doctor again"
        ))),
    }
}

#[cfg(test)]
mod tests;
