//! The turn of one thread, folded from what the app-server says. No I/O.
//!
//! A turn that was opened ends exactly once: by its `turn/completed`, or by the end of the process. News of other
//! threads, of finished turns and of turns that nobody here started changes nothing.

use std::collections::VecDeque;

use patchrelay_domain::{Glimpse, TurnStatus};
use patchrelay_ports::AgentEvent;

use crate::wire::{News, What, one_line};

/// How many progress lines wait for a session that does not ask. The oldest are dropped: they are for people.
const MAX_WAITING_PROGRESS: usize = 256;

/// The turns of one process.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    thread: Option<String>,
    open: Option<OpenTurn>,
    events: VecDeque<AgentEvent>,
    over: Option<String>,
    meter: Meter,
    /// The tokens that no event told yet.
    unread: u64,
    /// The newest plan and the newest deed that no event showed yet.
    planned: Option<Glimpse>,
    doing: Option<Glimpse>,
}

/// How much of what a thread has cost is told already.
///
/// Codex counts for the life of a thread, and says the same total again when the thread is resumed or a turn is
/// interrupted. So what is told is always the difference to the total before, and the first total of a resumed thread is
/// where counting begins.
#[derive(Debug, Default)]
struct Meter {
    /// The total up to which it is told; `None` until it is known where counting begins.
    told: Option<u64>,
    /// The last total of any thread, which may come before the answer that says that it is ours.
    last_heard: Option<(String, u64)>,
}

impl Meter {
    /// Counting begins for this thread.
    fn begin(&mut self, thread: &str, is_new: bool) {
        let heard = self.last_heard.take().filter(|(of, _)| of == thread).map(|(_, total)| total);
        self.told = if is_new { Some(0) } else { heard };
    }

    /// The tokens of this total that were not told yet. `last` of them are of a turn of ours, if the turn is.
    fn count(&mut self, total: u64, last: u64, is_ours: bool) -> u64 {
        let before =
            self.told.unwrap_or_else(|| total.saturating_sub(if is_ours { last } else { 0 }));
        self.told = Some(before.max(total));
        total.saturating_sub(before)
    }
}

#[derive(Debug)]
struct OpenTurn {
    id: String,
    is_started: bool,
    last_word: Option<String>,
    last_remark: Option<String>,
}

/// How far the open turn is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is none.
    None,
    /// It was ordered and does not run yet.
    Ordered,
    /// It runs.
    Running {
        /// Its id.
        id: String,
    },
}

impl Turns {
    /// From now on this is the thread.
    pub(crate) fn attend(&mut self, thread: &str, is_new: bool) {
        self.thread = Some(thread.to_owned());
        self.meter.begin(thread, is_new);
    }

    /// A turn was ordered and accepted. Its news come after this.
    pub(crate) fn open(&mut self, id: String) {
        self.open = Some(OpenTurn { id, is_started: false, last_word: None, last_remark: None });
    }

    /// Takes in what was said about some turn.
    pub(crate) fn observe(&mut self, news: News) {
        if let What::Cost { total, last } = news.what {
            return self.cost(news.thread, &news.turn, total, last);
        }
        let Some(turn) = &mut self.open else { return };
        if self.thread.as_ref() != Some(&news.thread) || turn.id != news.turn {
            return;
        }
        match news.what {
            What::Started => turn.is_started = true,
            What::Moved { line, seen } => {
                self.moved(line);
                match seen {
                    Some(Glimpse::Planned { .. }) => self.planned = seen,
                    Some(Glimpse::Doing { .. }) => self.doing = seen,
                    None => {}
                }
            }
            What::Heard { message } => self.events.push_back(AgentEvent::Heard { message }),
            What::Said { text, is_final } => {
                let line = format!("it says: {}", one_line(&text));
                if is_final {
                    turn.last_word = Some(text);
                } else {
                    turn.last_remark = Some(text);
                }
                self.moved(line);
            }
            What::Ended { status, last_message } => self.ended(status, last_message),
            What::Cost { .. } => {}
        }
    }

    /// A thread has cost so much. It may be told outside of a turn, too: the last request of one ends with it.
    fn cost(&mut self, thread: String, turn: &str, total: u64, last: u64) {
        if self.thread.as_ref() != Some(&thread) {
            self.meter.last_heard = Some((thread, total));
            return;
        }
        let is_ours = self.open.as_ref().is_some_and(|open| open.id == turn);
        let more = self.meter.count(total, last, is_ours);
        self.unread = self.unread.saturating_add(more);
    }

    /// The process is gone. An open turn ends with it.
    pub(crate) fn finish(&mut self, reason: &str) {
        if self.over.is_none() {
            self.over = Some(reason.to_owned());
            self.ended(
                TurnStatus::Failed { reason: format!("the agent process ended: {reason}") },
                None,
            );
        }
    }

    /// Why there is no process any more, if there is none.
    pub(crate) fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// How far the open turn is.
    pub(crate) fn stage(&self) -> Stage {
        match &self.open {
            None => Stage::None,
            Some(OpenTurn { is_started: false, .. }) => Stage::Ordered,
            Some(OpenTurn { is_started: true, id, .. }) => Stage::Running { id: id.clone() },
        }
    }

    /// The next event that nobody saw yet. What it cost comes before what came of it.
    pub(crate) fn next_event(&mut self) -> Option<AgentEvent> {
        match std::mem::take(&mut self.unread) {
            0 => self
                .planned
                .take()
                .or_else(|| self.doing.take())
                .map(AgentEvent::Seen)
                .or_else(|| self.events.pop_front()),
            tokens => Some(AgentEvent::Spent { tokens }),
        }
    }

    fn moved(&mut self, line: String) {
        if MAX_WAITING_PROGRESS <= self.events.len()
            && let Some(oldest) =
                self.events.iter().position(|event| matches!(event, AgentEvent::Progress { .. }))
        {
            self.events.remove(oldest);
        }
        self.events.push_back(AgentEvent::Progress { line });
    }

    fn ended(&mut self, status: TurnStatus, last_message: Option<String>) {
        let Some(turn) = self.open.take() else { return };
        let answer = turn.last_word.or(last_message).or(turn.last_remark).unwrap_or_default();
        self.events.push_back(AgentEvent::TurnEnded { status, answer });
    }
}

#[cfg(test)]
mod tests;
