//! Names of branches and directories. They follow from the issue alone, so they are known before anything is made.

use crate::{BranchName, IssueId};

/// The longest slug of a title, in characters.
const MAX_SLUG: usize = 60;

/// The branch that an issue's work is published as: `<prefix>/<KEY>-<slug>`, and `-2`, `-3` for further generations.
pub fn branch_name(prefix: &str, key: &str, title: &str, generation: u32) -> BranchName {
    let mut name = format!("{}/{}", ref_part(prefix), ref_part(key));
    let slug = slug(title);
    if !slug.is_empty() {
        name.push('-');
        name.push_str(&slug);
    }
    if 0 < generation {
        name.push_str(&format!("-{}", u64::from(generation) + 1));
    }
    BranchName::new(name)
}

/// The name of an issue's directory: its key, made unique by the start of the ticket's id, since keys may repeat.
pub fn worktree_name(issue: &IssueId, key: &str) -> String {
    let id: String =
        issue.ticket.as_str().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{}-{}", ref_part(key), if id.is_empty() { "x".to_owned() } else { id })
}

/// Lower case, runs of anything but `a-z0-9` as one dash, no dash at an end, at most [`MAX_SLUG`] characters.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if MAX_SLUG <= slug.len() {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// A part that git accepts in a ref, and that no file system understands as a way out.
fn ref_part(text: &str) -> String {
    let cleaned: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' })
        .collect();
    let cleaned = cleaned.trim_matches('-');
    if cleaned.is_empty() { "x".to_owned() } else { cleaned.to_owned() }
}

#[cfg(test)]
mod tests;
