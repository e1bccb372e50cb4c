//! Names that some systems do not tell apart.

use std::collections::{BTreeSet, HashMap, HashSet};

use patchrelay_domain::GateHit;
use unicode_normalization::UnicodeNormalization as _;

use crate::{snapshot::shown, walk::GitPath};

/// The new paths whose name, or that of a directory above them, is another one's if case and composition do not count.
pub(super) fn collisions(new: &[GitPath], all: &[u8]) -> Vec<GateHit> {
    let wanted: HashSet<String> = new.iter().flat_map(|path| prefixes(path)).map(folded).collect();
    let mut spellings: HashMap<String, BTreeSet<&[u8]>> = HashMap::new();
    for path in all.split(|b| *b == 0) {
        for prefix in prefixes(path) {
            let name = folded(prefix);
            if wanted.contains(&name) {
                spellings.entry(name).or_default().insert(prefix);
            }
        }
    }
    let other = |path: &GitPath| {
        prefixes(path).into_iter().find_map(|prefix| {
            let found = spellings.get(&folded(prefix))?;
            found.iter().find(|spelling| **spelling != prefix).map(|other| shown(other))
        })
    };
    new.iter()
        .filter_map(|path| Some(GateHit::SameName { path: shown(path), other: other(path)? }))
        .collect()
}

/// The path, and the directories above it.
fn prefixes(path: &[u8]) -> Vec<&[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    slashes.chain([path.len()]).map(|end| &path[..end]).collect()
}

fn folded(path: &[u8]) -> String {
    String::from_utf8_lossy(path).nfc().flat_map(char::to_lowercase).collect()
}
