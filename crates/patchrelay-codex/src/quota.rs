//! How much of the login's quota is used, as codex last said. It reads that from the answers of the model's service.

use std::time::Duration;

use patchrelay_domain::TurnStatus;
use serde::Deserialize;
use serde_json::Value;

/// The windows of time in which a quota counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    windows: Vec<Window>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    used_percent: u32,
    window_duration_mins: Option<u64>,
    /// In seconds since the epoch.
    resets_at: Option<i64>,
}

/// What is used up.
const ALL: u32 = 100;

impl Quota {
    /// Reads the parameters of `account/rateLimits/updated`; `None` if they say nothing of it.
    pub(crate) fn parse(params: &Value) -> Option<Self> {
        let limits = &params["rateLimits"];
        let window = |name: &str| Window::deserialize(&limits[name]).ok();
        let windows: Vec<_> =
            [window("primary"), window("secondary")].into_iter().flatten().collect();
        (!windows.is_empty()).then_some(Self { windows })
    }

    /// In words: `100 % of 300 minutes, 41 % of 10080 minutes`.
    pub(crate) fn describe(&self) -> String {
        let window = |window: &Window| match window.window_duration_mins {
            Some(minutes) => format!("{} % of {minutes} minutes", window.used_percent),
            None => format!("{} %", window.used_percent),
        };
        self.windows.iter().map(window).collect::<Vec<_>>().join(", ")
    }

    /// In how long everything that is used up begins anew, if that is known. `now` is in seconds since the epoch.
    fn resets_in(&self, now: i64) -> Option<Duration> {
        let used_up = self.windows.iter().filter(|window| ALL <= window.used_percent);
        let last = used_up.filter_map(|window| window.resets_at).max()?;
        u64::try_from(last.saturating_sub(now)).ok().map(Duration::from_secs)
    }

    /// Adds to the end of a turn that the quota ended how much is used, and when it begins anew if nobody said so.
    pub(crate) fn explain(&self, status: TurnStatus, now: i64) -> TurnStatus {
        match status {
            TurnStatus::Barred { reason, retry_after } => TurnStatus::Barred {
                reason: format!("{reason}; used of the quota: {}", self.describe()),
                retry_after: retry_after.or_else(|| self.resets_in(now)),
            },
            TurnStatus::Completed
            | TurnStatus::Interrupted
            | TurnStatus::Unavailable { .. }
            | TurnStatus::ThreadFull { .. }
            | TurnStatus::Refused { .. }
            | TurnStatus::Failed { .. } => status,
        }
    }
}

#[cfg(test)]
mod tests;
