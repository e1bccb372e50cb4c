//! What an issue cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens, as the agent's threads count them.
    pub tokens: u64,
    /// Turns of the agent that are over.
    pub turns: u32,
    /// Milliseconds in which an agent was at work.
    pub millis: u64,
}

impl Spent {
    /// How long an agent was at work.
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(more.tokens),
            turns: self.turns.saturating_add(more.turns),
            millis: self.millis.saturating_add(more.millis),
        }
    }
}

/// What an issue cost since a human last said that it may go on (D10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// By all its runs.
    pub total: Spent,
    /// The day of the last run, as a number of days since the epoch, UTC.
    pub day: i64,
    /// On that day.
    pub today: Spent,
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

impl Spending {
    /// What was spent on the day of `now`.
    pub fn on_day(&self, now: Timestamp) -> Spent {
        if self.day == day(now) { self.today } else { Spent::default() }
    }

    pub(crate) fn add(&mut self, now: Timestamp, spent: &Spent) {
        self.today = self.on_day(now).plus(spent);
        self.day = day(now);
        self.total = self.total.plus(spent);
    }
}

fn day(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY_MILLIS)
}
