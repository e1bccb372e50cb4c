//! Lines of the feed.

use patchrelay_domain::{FeedKind, FeedLevel, IssueFacts};
use patchrelay_ports::StoredFeedEntry;
use serde::Serialize;

use super::rfc3339;

/// A part of the feed, oldest line first.
#[derive(Debug, Serialize)]
pub(crate) struct FeedView {
    pub(crate) entries: Vec<LineView>,
    /// Whoever goes on after this misses no line.
    pub(crate) cursor: i64,
}

/// A line of the feed.
#[derive(Debug, Serialize)]
pub(crate) struct LineView {
    pub(crate) cursor: i64,
    at: String,
    /// The ticket's key as it is now.
    issue: String,
    issue_id: String,
    project: Option<String>,
    kind: FeedKind,
    level: FeedLevel,
    event: String,
    text: String,
}

impl LineView {
    /// A line, and what is known of its issue.
    pub(crate) fn new(line: StoredFeedEntry, facts: Option<&IssueFacts>) -> Self {
        let id = line.issue.to_string();
        Self {
            cursor: line.cursor,
            at: rfc3339(line.at),
            issue: facts.map_or_else(|| id.clone(), |facts| facts.key().to_owned()),
            issue_id: id,
            project: facts.map(|facts| facts.project.to_string()),
            kind: line.entry.kind,
            level: line.entry.level,
            event: line.entry.event,
            text: line.entry.text,
        }
    }
}
