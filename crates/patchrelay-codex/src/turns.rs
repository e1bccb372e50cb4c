//! The turn of one thread, folded from what the app-server says. No I/O.
//!
//! A turn that was opened ends exactly once: by its `turn/completed`, or by the end of the process. News of other
//! threads, of finished turns and of turns that nobody here started changes nothing.

use std::collections::VecDeque;

use patchrelay_domain::TurnStatus;
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
    pub(crate) fn attend(&mut self, thread: &str) {
        self.thread = Some(thread.to_owned());
    }

    /// A turn was ordered and accepted. Its news come after this.
    pub(crate) fn open(&mut self, id: String) {
        self.open = Some(OpenTurn { id, is_started: false, last_word: None, last_remark: None });
    }

    /// Takes in what was said about some turn.
    pub(crate) fn observe(&mut self, news: News) {
        let Some(turn) = &mut self.open else { return };
        if self.thread.as_ref() != Some(&news.thread) || turn.id != news.turn {
            return;
        }
        match news.what {
            What::Started => turn.is_started = true,
            What::Moved { line } => self.moved(line),
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
        }
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

    /// The next event that nobody saw yet.
    pub(crate) fn next_event(&mut self) -> Option<AgentEvent> {
        self.events.pop_front()
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
