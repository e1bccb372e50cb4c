//! Of which paths a diff is made, and which part of it is whose.

use std::collections::{BTreeSet, HashMap};

use super::size_of;
use crate::{
    raw::{Difference, Mode},
    snapshot::shown,
    walk::GitPath,
};

/// The largest file of which a diff is made, in bytes. The gate reads none that is longer.
const MAX_PATCHED_BYTES: u64 = 1024 * 1024;
/// Of all files together, in bytes, old and new.
const MAX_PATCHED_TOTAL: u64 = 64 * 1024 * 1024;
/// Of how many files at most.
const MAX_PATCHED_FILES: usize = 3_000;
/// How long the paths may be that are named on one command line, in bytes. Systems take at least four times as much.
const MAX_PATHS: usize = 512 * 1024;

/// The paths of which a diff is made. The others have none, and the gate says of each test among them that it was not
/// judged.
pub(super) fn worth_patching(
    differences: &[Difference],
    sizes: &HashMap<String, u64>,
) -> BTreeSet<GitPath> {
    let mut paths = BTreeSet::new();
    if MAX_PATCHED_FILES < differences.len() {
        return paths;
    }
    let (mut total, mut length) = (0, 0);
    for difference in differences {
        let sides =
            [&difference.before, &difference.after].map(|side| size_of(sizes, &side.object));
        if sides.iter().any(|bytes| MAX_PATCHED_BYTES < *bytes) {
            continue;
        }
        total += sides.iter().sum::<u64>();
        length += difference.path.len() + 1;
        if MAX_PATCHED_TOTAL < total || MAX_PATHS < length {
            return paths;
        }
        paths.insert(difference.path.clone());
    }
    paths
}

/// Gives each path its part of the diff. Git says both in the same order; what does not fit is given to nobody. Of a
/// renamed file both paths have one, or neither: while nobody sees what became of it, its old path is not explained.
pub(super) fn assigned(
    listed: &[Difference],
    text: &[u8],
    wanted: &BTreeSet<GitPath>,
) -> HashMap<GitPath, String> {
    let mut sections = sections(text).into_iter();
    let mut patches = HashMap::new();
    for difference in listed {
        // What became something else is told as removed and made.
        let (before, after) = (difference.before.mode, difference.after.mode);
        let parts = if is_another_kind(before, after) { 2 } else { 1 };
        let patch: Vec<_> = sections.by_ref().take(parts).map(shown).collect();
        if patch.len() != parts {
            return HashMap::new();
        }
        // A path that became a directory brings all that is below it.
        if !wanted.contains(&difference.path) {
            continue;
        }
        if let Some(from) = &difference.renamed_from {
            patches.insert(from.clone(), String::new());
        }
        patches.insert(difference.path.clone(), patch.concat());
    }
    if sections.next().is_some() {
        return HashMap::new();
    }
    patches
}

fn is_another_kind(before: Mode, after: Mode) -> bool {
    let kind = |mode| match mode {
        Mode::Nothing => None,
        Mode::File | Mode::Executable => Some(0),
        Mode::Link => Some(1),
        Mode::Submodule => Some(2),
    };
    matches!((kind(before), kind(after)), (Some(before), Some(after)) if before != after)
}

/// The parts of a diff. No line of a file begins like their first line: each has a sign before it.
fn sections(text: &[u8]) -> Vec<&[u8]> {
    const BEGINNING: &[u8] = b"diff --git ";
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(BEGINNING) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

#[cfg(test)]
mod tests;
