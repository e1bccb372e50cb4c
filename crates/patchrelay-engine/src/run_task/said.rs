//! What is said in a run, kept for people who look into it. Nothing is decided by it, so that it is not stored for once
//! delays nothing.

use patchrelay_ports::{RunText, RunTextKind};
use tracing::debug;

use super::{Progress, RunTask};
use crate::error::chain;

/// The most lines of what an agent does that are kept of a run. Prompts and reports are few.
const MOST_EVENTS: usize = 900;
/// The longest line, in characters.
const MAX_EVENT: usize = 300;
/// The longest prompt or report, in characters: prompts are shorter.
const MAX_TEXT: usize = 200_000;

/// What was said and is not stored yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    waiting: Vec<RunText>,
    /// How many lines there were.
    events: usize,
}

impl Said {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl RunTask {
    /// Notes what was said. One of our secrets in it is withheld.
    pub(super) fn note(&self, progress: &mut Progress, kind: RunTextKind, text: &str) {
        let said = &mut progress.said;
        let max = match kind {
            RunTextKind::Prompt | RunTextKind::Report => MAX_TEXT,
            RunTextKind::Event => {
                said.events = said.events.saturating_add(1);
                if MOST_EVENTS < said.events {
                    return;
                }
                MAX_EVENT
            }
        };
        let text = self.context.settings.secrets.harmless(text).chars().take(max).collect();
        said.waiting.push(RunText { at: self.context.now(), kind, text });
    }

    /// Stores what was noted.
    pub(super) async fn keep_said(&self, progress: &mut Progress) {
        let texts = std::mem::take(&mut progress.said.waiting);
        if texts.is_empty() {
            return;
        }
        let store = &self.context.ports.store;
        let kept = store.keep_texts(self.lease.lease(), &self.run, &texts, self.context.now());
        match kept.await {
            Ok(true) => self.context.nudge.run_moved(),
            // Whoever has the run now says so elsewhere.
            Ok(false) => {}
            Err(error) => {
                debug!(run = %self.run, error = %chain(&error), "what was said was not kept");
            }
        }
    }
}
