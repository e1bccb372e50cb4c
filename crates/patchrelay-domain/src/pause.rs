//! When nobody asks the agent's model, because it answers nobody with this login.

use std::time::Duration;

use crate::{Timestamp, TurnStatus};

/// The first wait where the model does not say when it answers again; doubled each time it bars us again.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest such wait: somebody may have logged in or paid meanwhile.
const LAST_PAUSE: Duration = Duration::from_secs(30 * 60);
/// The longest wait that is believed. A login is repaired and a quota is raised without anybody telling us.
const MAX_BELIEVED: Duration = Duration::from_secs(24 * 60 * 60);

/// What a node remembers of a model that bars its login. A quota and a login belong to all runs of the node, so one run
/// finds it out for all. It is in memory only: after a restart, one run finds it out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelPause {
    until: Timestamp,
    /// How often it barred us since a turn last completed.
    in_a_row: u32,
}

impl ModelPause {
    /// Takes in how a turn ended. Tells why a pause began by that, if one did.
    pub fn heard<'a>(&mut self, now: Timestamp, status: &'a TurnStatus) -> Option<&'a str> {
        let is_over = self.until <= now;
        match status {
            TurnStatus::Barred { reason, retry_after } => {
                // Several runs find the same thing out; only the first of them counts.
                self.in_a_row += u32::from(is_over);
                let doublings = self.in_a_row.saturating_sub(1).min(16);
                let backoff = FIRST_PAUSE.saturating_mul(1 << doublings).min(LAST_PAUSE);
                let wait = retry_after.unwrap_or(backoff).clamp(FIRST_PAUSE, MAX_BELIEVED);
                self.until = self.until.max(now.plus(wait));
                is_over.then_some(reason)
            }
            TurnStatus::Completed => {
                // One that was asked before the pause says nothing of what holds now.
                self.in_a_row = if is_over { 0 } else { self.in_a_row };
                None
            }
            TurnStatus::Interrupted
            | TurnStatus::Unavailable { .. }
            | TurnStatus::ThreadFull { .. }
            | TurnStatus::Refused { .. }
            | TurnStatus::Failed { .. } => None,
        }
    }

    /// Until when no agent is started, if that is so.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.until).filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests;
