//! Whether the conflicts of a merge that we began are resolved (D30).

use crate::{Resolution, Resolved, prompt::ConflictKind, text::single_line};

/// A path that the merge of the base, begun by us, left unmerged, as it is after the turn. Only these are looked at:
/// conflict markers elsewhere are somebody's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmergedPath {
    /// The path.
    pub path: String,
    /// What was at odds.
    pub kind: ConflictKind,
    /// Whether the file has conflict markers.
    pub has_markers: bool,
    /// Whether there is a file.
    pub exists: bool,
}

/// How many paths are named.
const NAMED: usize = 20;
/// The longest path that is shown, in characters.
const MAX_PATH: usize = 200;

/// What is left of the conflicts, for the agent, or `None` when all are resolved.
pub(super) fn left(unmerged: &[UnmergedPath], resolved: &[Resolved]) -> Option<String> {
    let open: Vec<_> = unmerged.iter().filter_map(|path| missing(path, resolved)).collect();
    if open.is_empty() {
        return None;
    }
    let mut text = "These conflicts with the base branch are not resolved:".to_owned();
    for line in open.iter().take(NAMED) {
        text.push_str("\n- ");
        text.push_str(line);
    }
    if NAMED < open.len() {
        text.push_str(&format!("\n- and {} more", open.len() - NAMED));
    }
    Some(text)
}

fn missing(unmerged: &UnmergedPath, resolved: &[Resolved]) -> Option<String> {
    let path = single_line(&unmerged.path, MAX_PATH);
    if unmerged.has_markers {
        return Some(format!("`{path}` has conflict markers"));
    }
    if unmerged.kind.has_markers() {
        return None;
    }
    // Such a file looks the same whether somebody decided or nobody did.
    let choice =
        resolved.iter().find(|entry| entry.path == unmerged.path).map(|entry| entry.choice);
    match (choice, unmerged.exists) {
        (None, _) => Some(format!("`{path}` is not listed under `resolved` in your report")),
        (Some(Resolution::Keep), true) | (Some(Resolution::Delete), false) => None,
        (Some(Resolution::Keep), false) => {
            Some(format!("`{path}` is reported as kept, and there is no such file"))
        }
        (Some(Resolution::Delete), true) => {
            Some(format!("`{path}` is reported as deleted, and the file is there"))
        }
    }
}
