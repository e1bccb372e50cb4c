//! Where a crash test may strike (D41).

/// Declares the steps with their names, so that none is forgotten in a list.
macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $name:literal,)+) => {
        /// A step whose two sides a crash test wants to tell apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Step {
            $($(#[$doc])* $step,)+
        }

        impl Step {
            /// Every step, in the order of a ticket's way.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$step),+];

            /// The name in `PATCHRELAY_CRASH_AT`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)+
                }
            }
        }
    };
}

steps! {
    /// Storing a delivery, before it is acknowledged.
    Receive = "receive",
    /// Applying a delivery that the inbox holds.
    Intake = "intake",
    /// Storing what became known of an issue.
    Observe = "observe",
    /// Storing that a run was claimed.
    Claim = "claim",
    /// Making the worktree.
    Prepare = "prepare",
    /// Starting or resuming the agent's thread.
    OpenThread = "open_thread",
    /// Asking the agent for a turn of work.
    StartTurn = "start_turn",
    /// Storing that the turn of work ended.
    EndTurn = "end_turn",
    /// Asking the agent for its report.
    Report = "report",
    /// Looking at what lies in the worktree.
    Snapshot = "snapshot",
    /// Making the commit that carries a run's work.
    Commit = "commit",
    /// Pushing it.
    Push = "push",
    /// Opening the pull request.
    OpenPullRequest = "open_pull_request",
    /// Storing that a run ended.
    Settle = "settle",
    /// Sending a report to the tracker.
    SendReport = "send_report",
    /// Storing that a pull request was merged.
    SeeMerge = "see_merge",
    /// Ending what a dead owner's agent left running.
    Reap = "reap",
    /// Keeping a copy of the edits in a worktree.
    Rescue = "rescue",
}

/// Which side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Nothing of it has happened.
    Before,
    /// It has happened, and nobody has stored that yet.
    After,
}

/// Told of each step as it is passed. The product wires [`NoProbe`]; only a test binary does anything here.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Probe: Send + Sync {
    /// This side of this step is reached.
    fn reached(&self, step: Step, side: Side);
}

/// Does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn reached(&self, _: Step, _: Side) {}
}
