//! Which thread of the agent a run is given.

use crate::ThreadId;

/// What the choice of a thread depends on.
#[derive(Clone, Copy, Debug)]
pub struct ThreadHistory<'a> {
    /// The newest thread, if there was one.
    pub thread: Option<&'a ThreadId>,
    /// How many threads the issue has had.
    pub generation: u32,
    /// How many follow-ups the next turn takes up.
    pub follow_ups: usize,
    /// Whether what woke us asks to go on where we were. What humans say does; a review, a red gate or a queue
    /// incident does not, so that the agent is not anchored to the conversation that led there.
    pub resume: bool,
}

/// The thread that a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadChoice<'a> {
    /// A new one.
    Fresh,
    /// A new one that takes the place of this one, which has grown too long to be worth its price.
    Compacted {
        /// The one whose place it takes; it is kept as the run's parent.
        parent: &'a ThreadId,
    },
    /// This one again.
    Resumed(&'a ThreadId),
}

/// From this generation on a thread may be compacted.
const COMPACTED_FROM_GENERATION: u32 = 4;
/// With this many follow-ups at once a thread is compacted.
const COMPACTED_FROM_FOLLOW_UPS: usize = 4;

/// Chooses the thread for a run. Compaction goes before the wish to resume.
pub fn choose_thread<'a>(history: &ThreadHistory<'a>) -> ThreadChoice<'a> {
    let Some(thread) = history.thread else { return ThreadChoice::Fresh };
    let is_long = history.generation >= COMPACTED_FROM_GENERATION
        && history.follow_ups >= COMPACTED_FROM_FOLLOW_UPS;
    if is_long {
        ThreadChoice::Compacted { parent: thread }
    } else if history.resume {
        ThreadChoice::Resumed(thread)
    } else {
        ThreadChoice::Fresh
    }
}

/// How many threads an issue has had, now that `thread` is its newest.
pub fn next_generation(generation: u32, before: Option<&ThreadId>, thread: &ThreadId) -> u32 {
    if before == Some(thread) { generation } else { generation.saturating_add(1) }
}
