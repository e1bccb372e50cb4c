//! Signals to a process group.
//!
//! The number of a group may be given to strangers once its leader is reaped and no member is left. So a group is only
//! signalled while its leader is not reaped, or at the very moment when it was: before any other wait, in which the
//! system would have to hand out every other process number first.

use std::{fs, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

/// How long members may take to be gone after SIGKILL. It is instant but for a process inside a slow system call.
const GONE_DEADLINE: Duration = Duration::from_secs(5);
/// How often the process table is looked at meanwhile.
const GONE_POLL: Duration = Duration::from_millis(5);

/// A process group, by the number of its leader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// The group of this leader; `None` for a number that the system never gives out.
    pub(crate) fn of(leader: u32) -> Option<Self> {
        i32::try_from(leader).ok().filter(|pid| 1 < *pid).map(|pid| Self(Pid::from_raw(pid)))
    }

    /// Sends the signal and tells whether anybody was there to get it.
    pub(crate) fn signal(self, signal: Signal) -> bool {
        killpg(self.0, signal).is_ok()
    }

    /// Waits until nobody of a killed group runs any more; not for ever, since nothing can be done about the rest.
    pub(crate) async fn gone(self) {
        let deadline = Instant::now() + GONE_DEADLINE;
        while self.has_members() && Instant::now() < deadline {
            sleep(GONE_POLL).await;
        }
    }

    /// Zombies do not count: in a container whose first process reaps nobody they stay for ever.
    fn has_members(self) -> bool {
        match killpg(self.0, None) {
            Err(Errno::ESRCH) => false,
            Ok(()) | Err(_) => self.has_living_members().unwrap_or(true),
        }
    }

    /// `None` where there is no `/proc`.
    fn has_living_members(self) -> Option<bool> {
        let entries = fs::read_dir("/proc").ok()?;
        let lives = entries.flatten().any(|entry| {
            let is_process = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
            is_process
                && fs::read_to_string(entry.path().join("stat"))
                    .is_ok_and(|stat| self.lists_living_member(&stat))
        });
        Some(lives)
    }

    /// `pid (name) state ppid pgrp …`; the name may hold anything, parentheses included.
    fn lists_living_member(self, stat: &str) -> bool {
        let Some((_, rest)) = stat.rsplit_once(')') else { return false };
        let mut fields = rest.split_whitespace();
        let (state, group) = (fields.next(), fields.nth(1));
        !matches!(state, Some("Z" | "X") | None)
            && group.and_then(|group| group.parse().ok()) == Some(self.0.as_raw())
    }
}
