//! The project's prepare hook: what it is told, and what its end means for the run (D32).

use std::time::Duration;

use crate::{
    FeedEntry, FeedKind, FeedLevel, RunOutcome, RunType, SecretPatterns, Ticket, Worktree,
    text::single_line,
};

/// How often a hook is tried in one run: what it fetches may not be there for a moment.
const MAX_TRIES: u32 = 3;
/// How long to wait before the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How much of the end of its output is told, in characters. Complaints come last, and a line of the feed has to hold it.
const TOLD: usize = 180;

/// How a hook ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEnd {
    /// It did what it had to.
    Done,
    /// It said that it failed, or was ended by a signal.
    Failed {
        /// Which, in the system's words.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// It was ended because it took too long.
    Late {
        /// How long it had.
        after: Duration,
        /// The end of what it printed.
        output: String,
    },
}

/// What happens after a try of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterHook {
    /// The agent begins.
    Begin,
    /// It is tried again.
    TryAgain {
        /// After this time.
        after: Duration,
        /// What people are told.
        line: FeedEntry,
    },
    /// The run ends. That is a launch that failed (D9): it costs no attempt of the work, whose fault it is not, and is
    /// counted as a recovery, so that a hook which never works calls a human in the end.
    GiveUp(RunOutcome),
}

/// What happens after this end of so many tries. One that took too long would do so again.
pub fn after_hook(end: &HookEnd, tries: u32, secrets: &SecretPatterns) -> AfterHook {
    let (how, output) = match end {
        HookEnd::Done => return AfterHook::Begin,
        HookEnd::Failed { status, output } => (format!("ended with {status}"), output),
        HookEnd::Late { after, output } => {
            (format!("was ended after {} s", after.as_secs()), output)
        }
    };
    let reason = format!("the prepare hook {how}: {}", ending(output, secrets));
    let is_hopeless = matches!(end, HookEnd::Late { .. });
    if is_hopeless || MAX_TRIES <= tries {
        return AfterHook::GiveUp(RunOutcome::Failed { reason });
    }
    let text = format!("{reason} (try {tries} of {MAX_TRIES})");
    let line = entry(FeedLevel::Warn, "hook_failed", text);
    AfterHook::TryAgain { after: TRY_AGAIN_AFTER, line }
}

/// The line for a hook that is about to run.
pub fn describe_hook() -> FeedEntry {
    entry(FeedLevel::Info, "hook", "running the project's prepare hook".to_owned())
}

/// The variables that a hook gets beside those of every command: what it is run for.
pub fn hook_variables(
    ticket: &Ticket,
    run_type: RunType,
    worktree: &Worktree,
) -> Vec<(String, String)> {
    [
        ("PATCHRELAY_ISSUE_KEY", ticket.key.as_str()),
        ("PATCHRELAY_BRANCH", worktree.branch.as_str()),
        ("PATCHRELAY_STAGE", run_type.as_str()),
        ("PATCHRELAY_WORKTREE", worktree.path.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The end of what it printed, on one line, or what stands for it.
fn ending(output: &str, secrets: &SecretPatterns) -> String {
    if !secrets.find("", output.as_bytes()).is_empty() {
        return "(its output is withheld: it contains a secret)".to_owned();
    }
    let line = single_line(output, usize::MAX);
    match line.chars().count().checked_sub(TOLD) {
        _ if line.is_empty() => "no output".to_owned(),
        Some(surplus @ 1..) => format!("…{}", line.chars().skip(surplus).collect::<String>()),
        Some(0) | None => line,
    }
}

fn entry(level: FeedLevel, event: &str, text: String) -> FeedEntry {
    FeedEntry { kind: FeedKind::Run, level, event: event.to_owned(), text }
}

#[cfg(test)]
mod tests;
