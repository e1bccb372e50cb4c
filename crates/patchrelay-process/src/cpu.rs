//! How much processor time the descendants of a process use: whether a silent program has commands at work.
//!
//! The family is found by its parents and not by its process group, because programs such as codex give each command a
//! session of its own.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    time::Duration,
};

use tokio::task::spawn_blocking;

/// The unit of the times in `/proc`, of which Linux shows a hundred to the second on every machine that we run on.
const TICK: Duration = Duration::from_millis(10);

/// How much processor time the descendants of this process have used so far: those that live, and those that ended and
/// were waited for. Its own time is not counted. `None` if there is no such process, and where there is no `/proc`.
///
/// The sum can fall when a descendant leaves the family or is never waited for; the difference of two looks is what
/// says something. May be dropped at any time.
pub async fn descendants_cpu_time(process: u32) -> Option<Duration> {
    let looked = spawn_blocking(move || family(Path::new("/proc"), process)).await;
    looked.unwrap_or_else(|error| {
        tracing::warn!(process, %error, "the look at a process's descendants failed");
        None
    })
}

/// What one process used, in ticks.
struct Used {
    parent: u32,
    by_itself: u64,
    by_ended_children: u64,
}

impl Used {
    /// `pid (name) state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime …`;
    /// the name may hold anything, parentheses included.
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            by_itself: ticks(11)?.saturating_add(ticks(12)?),
            by_ended_children: ticks(13)?.saturating_add(ticks(14)?),
        })
    }
}

fn family(table: &Path, process: u32) -> Option<Duration> {
    let mut processes = HashMap::new();
    for entry in fs::read_dir(table).ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between these calls; its time is its parent's then.
        let stat = fs::read_to_string(entry.path().join("stat"));
        if let Some(used) = stat.ok().and_then(|stat| Used::parse(&stat)) {
            processes.insert(pid, used);
        }
    }
    let mut ticks = processes.get(&process)?.by_ended_children;
    let mut parents = HashSet::from([process]);
    // Generation after generation; a process has one parent, so none is counted twice.
    loop {
        let is_child = |used: &Used| parents.contains(&used.parent);
        let children: HashSet<_> =
            processes.iter().filter(|(_, used)| is_child(used)).map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            return Some(TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX)));
        }
        for used in children.iter().filter_map(|pid| processes.remove(pid)) {
            ticks = ticks.saturating_add(used.by_itself).saturating_add(used.by_ended_children);
        }
        parents = children;
    }
}

#[cfg(test)]
mod tests;
