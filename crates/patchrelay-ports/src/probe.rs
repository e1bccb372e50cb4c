//! Where a crash test may strike (D41).

/// A step whose two sides a crash test wants to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Storing that a run was claimed.
    Claim,
    /// Asking the agent for a turn.
    Turn,
    /// Making the commit that carries a run's work.
    Commit,
    /// Pushing it.
    Push,
    /// Opening the pull request.
    OpenPullRequest,
    /// Storing that a run ended.
    Settle,
    /// Sending a report to the tracker.
    SendReport,
    /// Applying what the inbox holds.
    Intake,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 8] = [
        Self::Claim,
        Self::Turn,
        Self::Commit,
        Self::Push,
        Self::OpenPullRequest,
        Self::Settle,
        Self::SendReport,
        Self::Intake,
    ];

    /// The name in `PATCHRELAY_CRASH_AT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Turn => "turn",
            Self::Commit => "commit",
            Self::Push => "push",
            Self::OpenPullRequest => "open_pull_request",
            Self::Settle => "settle",
            Self::SendReport => "send_report",
            Self::Intake => "intake",
        }
    }
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
