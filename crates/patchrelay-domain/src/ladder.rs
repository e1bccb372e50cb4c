//! What is done about an agent that says nothing.
//!
//! Silence alone proves nothing: a test suite may take its time, the news of a turn's end may be lost, the model's
//! service may never answer, the process may hang. So the gentlest thing that helps is tried first, and each thing is
//! tried once: [`climb`] is told what was seen and says which is next. The edits stay in the worktree on every rung
//! (D26). Whatever is tried, the turn ends at its own time limit; the run task sees to that.

use std::time::Duration;

use crate::RunOutcome;

/// How often one run may go on with its thread in a new process.
pub const MAX_RESUMES: u32 = 3;
/// How often one run may begin a new thread in place of one that does not go on.
pub const MAX_FRESH: u32 = 1;
/// Commands are at work when they use at least one part in so many of a processor. What only sleeps uses none, and a
/// server that waits for requests next to none.
const BUSY_SHARE: u32 = 100;

/// One thing that is done about a silence, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Nothing: a command of the agent is at work.
    Wait,
    /// Ask the agent's own records how the turn stands.
    Ask,
    /// Take the turn as ended: only the news of its end was lost.
    TakeEnd,
    /// Interrupt the turn, and wait for its end.
    Interrupt,
    /// End the process group, and go on with the same thread in a new process.
    Resume,
    /// End the process group, and begin a new thread that is told of the edits.
    Fresh,
    /// End the run.
    GiveUp,
}

impl Rung {
    /// What the agent is told when its thread goes on.
    pub const GO_ON: &str = "Nothing was heard of you for a long time, so your process was ended and started again. What \
        you wrote is still in this directory. Look at it and go on where you were. Do not run commands that wait for \
        input or that never end.";

    /// The name in the feed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "silence_busy",
            Self::Ask => "silence_asked",
            Self::TakeEnd => "silence_ended",
            Self::Interrupt => "silence_interrupted",
            Self::Resume => "silence_resumed",
            Self::Fresh => "silence_fresh_thread",
            Self::GiveUp => "silence_given_up",
        }
    }
}

/// How a turn stands by the agent's own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnRecord {
    /// It is under way.
    InProgress,
    /// It is over, in whichever way.
    Ended,
    /// There is no such turn, or its state has a name that is not known.
    Unknown,
}

/// What was seen of a silent agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It said nothing for as long as it may.
    Silence {
        /// How much processor time its commands used within that time; `None` where that cannot be told.
        used: Option<Duration>,
        /// Within which time.
        within: Duration,
    },
    /// What its records say of the turn.
    Record(TurnRecord),
    /// It did not answer, or could not tell, how the turn stands.
    Unanswered,
    /// The time is over in which an interrupted turn has to end, or it has ended by that.
    Interrupted,
}

/// What was tried about the silences of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// The last thing that was tried about this silence of this turn.
    tried: Option<Rung>,
    /// Whether the turn under way took the place of a silent one, and how, and nothing came of it yet.
    replaced: Option<Rung>,
    resumes: u32,
    fresh: u32,
}

impl Ladder {
    /// The agent did something. The next silence is a new one; what the run has used up stays used up.
    pub fn moved(&mut self) {
        self.tried = None;
        self.replaced = None;
    }

    /// How a run ends whose agent stayed silent. It costs no attempt: its work was never judged (D9).
    pub fn given_up(&self) -> RunOutcome {
        RunOutcome::Failed {
            reason: format!(
                "the agent was ended: it was silent for too long (threads resumed: {}, begun anew: {})",
                self.resumes, self.fresh
            ),
        }
    }

    /// Puts something else in the place of the turn.
    fn replace(&self) -> Rung {
        let may_begin = self.fresh < MAX_FRESH;
        match self.replaced {
            None if self.resumes < MAX_RESUMES => Rung::Resume,
            // A thread that hangs again at once may be what makes it hang.
            None | Some(Rung::Resume) if may_begin => Rung::Fresh,
            None
            | Some(
                Rung::Wait
                | Rung::Ask
                | Rung::TakeEnd
                | Rung::Interrupt
                | Rung::Resume
                | Rung::Fresh
                | Rung::GiveUp,
            ) => Rung::GiveUp,
        }
    }
}

/// Says what to do next about a silence in which this was seen, and notes it as tried.
#[must_use]
pub fn climb(ladder: &mut Ladder, sign: Sign) -> Rung {
    let rung = match (sign, ladder.tried) {
        (Sign::Silence { used: Some(used), within }, _) if is_busy(used, within) => {
            return Rung::Wait;
        }
        (Sign::Silence { .. }, None) => Rung::Ask,
        (Sign::Record(TurnRecord::Ended), Some(Rung::Ask)) => Rung::TakeEnd,
        (Sign::Record(TurnRecord::InProgress), Some(Rung::Ask)) => Rung::Interrupt,
        // What was tried did not help, or there is nothing that could be interrupted.
        (
            Sign::Silence { .. } | Sign::Record(_) | Sign::Unanswered | Sign::Interrupted,
            None | Some(_),
        ) => ladder.replace(),
    };
    match rung {
        Rung::Wait | Rung::Ask | Rung::TakeEnd | Rung::Interrupt | Rung::GiveUp => {
            ladder.tried = Some(rung);
        }
        // Another turn takes its place, and its silence is a new one.
        Rung::Resume | Rung::Fresh => {
            ladder.tried = None;
            ladder.replaced = Some(rung);
            ladder.resumes += u32::from(rung == Rung::Resume);
            ladder.fresh += u32::from(rung == Rung::Fresh);
        }
    }
    rung
}

/// Whether commands that used so much of a processor are at work.
fn is_busy(used: Duration, within: Duration) -> bool {
    !used.is_zero() && within <= used.saturating_mul(BUSY_SHARE)
}

#[cfg(test)]
mod tests;
