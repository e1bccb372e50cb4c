//! Whether something that is to be published contains one of our secrets.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use thiserror::Error;

use super::GateHit;
use crate::Report;

/// Shorter values are not looked for: they would be found in ordinary text.
const MIN_BYTES: usize = 8;

/// How much text without white space is searched at a time, in bytes.
const WINDOW: usize = 64 * 1024;

/// What stands for a path that contains a secret itself.
const HIDDEN_PATH: &str = "(a path that contains it)";

/// What stands for a text that contains a secret.
const WITHHELD: &str = "(withheld: it contains a secret)";

/// There are more secrets, or longer ones, than can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secrets are too many or too long to look for")]
pub struct TooManySecrets;

/// The loaded secrets, made ready to be looked for. Their values are in nothing that it gives or prints.
pub struct SecretPatterns {
    /// What each pattern is a form of: a place in `names`.
    owners: Vec<usize>,
    names: Vec<String>,
    search: AhoCorasick,
    /// The length of the longest pattern, in bytes.
    longest: usize,
}

impl fmt::Debug for SecretPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretPatterns").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Default for SecretPatterns {
    /// Looks for nothing.
    fn default() -> Self {
        Self::new([("", ""); 0]).expect("nothing is neither too many nor too long")
    }
}

impl SecretPatterns {
    /// Looks for these secrets, each a name and its value. White space around a value is not part of it; a value of
    /// less than 8 bytes is left out.
    pub fn new<N: Into<String>, V: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, TooManySecrets> {
        let (mut names, mut owners, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in secrets {
            let value = value.as_ref().trim_ascii();
            if value.len() < MIN_BYTES {
                continue;
            }
            let forms = forms(value);
            owners.extend(std::iter::repeat_n(names.len(), forms.len()));
            patterns.extend(forms);
            names.push(name.into());
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        // The kind that stays small: a key of some kilobytes has nine forms.
        let search = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns)
            .map_err(|_| TooManySecrets)?;
        Ok(Self { owners, names, search, longest })
    }

    /// One hit for each secret that stands in the path or in what was added there: as it is, in base64 of either
    /// alphabet (alone or within a longer encoded text) or in hexadecimal digits. White space within hides none of
    /// them, because encoders break lines.
    ///
    /// All of `added` is searched, in time proportional to its length: what lies behind a bound could be a secret.
    pub fn find(&self, path: &str, added: &[u8]) -> Vec<GateHit> {
        let mut in_path = BTreeSet::new();
        self.search_in(path.as_bytes(), &mut in_path);
        let mut found = in_path.clone();
        self.search_in(added, &mut found);
        self.search_without_white_space(added, &mut found);
        let path = if in_path.is_empty() { path } else { HIDDEN_PATH };
        found
            .into_iter()
            .filter_map(|owner| self.names.get(owner))
            .map(|name| GateHit::Secret { name: name.clone(), path: path.to_owned() })
            .collect()
    }

    /// The path as it may be shown: one that contains a secret is not.
    pub fn shown_path<'a>(&self, path: &'a str) -> &'a str {
        let mut found = BTreeSet::new();
        self.search_in(path.as_bytes(), &mut found);
        if found.is_empty() { path } else { HIDDEN_PATH }
    }

    /// The text as it may be kept and shown: one that contains a secret is withheld.
    pub fn harmless<'a>(&self, text: &'a str) -> &'a str {
        if self.find("", text.as_bytes()).is_empty() { text } else { WITHHELD }
    }

    /// The text with a name in the place of each secret that stands in it as it is, in base64 or in hexadecimal digits:
    /// for what is written line by line and is of no use without the rest.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut found: Vec<_> = self
            .search
            .find_overlapping_iter(text)
            .map(|hit| (hit.start(), hit.end(), hit.pattern().as_usize()))
            .collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let (mut redacted, mut at) = (String::with_capacity(text.len()), 0);
        for (start, end, pattern) in found {
            // What follows on another hit without a gap belongs to it.
            if at == 0 || at < start {
                redacted.push_str(&text[at..text.floor_char_boundary(start)]);
                let name = self.owners.get(pattern).and_then(|owner| self.names.get(*owner));
                redacted.push_str(&format!("({})", name.map_or("secret", String::as_str)));
            }
            at = at.max(text.ceil_char_boundary(end));
        }
        redacted.push_str(&text[at..]);
        Cow::Owned(redacted)
    }

    /// Takes out of a report each text that contains a secret, and gives a hit for each: all of a report may come before
    /// other eyes, as a commit, a pull request, a comment or a question.
    pub fn withhold_from(&self, report: &mut Report) -> Vec<GateHit> {
        let Report {
            outcome: _,
            summary,
            commit_subject,
            commit_body,
            pr_title,
            pr_body,
            question,
            resolved,
        } = report;
        let mut hits = Vec::new();
        for (name, text) in [
            ("summary", summary),
            ("commit_subject", commit_subject),
            ("commit_body", commit_body),
            ("pr_title", pr_title),
            ("pr_body", pr_body),
            ("question", question),
        ] {
            let found = self.find(&format!("the report's {name}"), text.as_bytes());
            if !found.is_empty() {
                *text = WITHHELD.to_owned();
                hits.extend(found);
            }
        }
        resolved.retain(|entry| self.shown_path(&entry.path) == entry.path);
        hits
    }

    fn search_without_white_space(&self, text: &[u8], found: &mut BTreeSet<usize>) {
        let mut window = Vec::with_capacity(WINDOW.min(text.len()));
        for piece in text.split(u8::is_ascii_whitespace) {
            for part in piece.chunks(WINDOW) {
                window.extend_from_slice(part);
                if WINDOW <= window.len() {
                    self.search_in(&window, found);
                    // What may be the beginning of a pattern stays.
                    window.drain(..window.len().saturating_sub(self.longest));
                }
            }
        }
        self.search_in(&window, found);
    }

    fn search_in(&self, text: &[u8], found: &mut BTreeSet<usize>) {
        for hit in self.search.find_overlapping_iter(text) {
            found.extend(self.owners.get(hit.pattern().as_usize()).copied());
            if found.len() == self.names.len() {
                return;
            }
        }
    }
}

/// The texts by which a value is recognized.
fn forms(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let squeezed: Vec<u8> = value.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    let mut forms = BTreeSet::from([
        value.to_vec(),
        hex(value, b"0123456789abcdef"),
        hex(value, b"0123456789ABCDEF"),
    ]);
    if MIN_BYTES <= squeezed.len() {
        forms.insert(squeezed);
    }
    for skipped in 0..3 {
        let standard = base64_core(value, skipped);
        let url = standard.iter().map(|c| match c {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        forms.insert(url.collect());
        forms.insert(standard);
    }
    forms
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    value.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|n| digits[usize::from(n)]).collect()
}

/// The characters that the base64 of any text has for this value within it, if `skipped` bytes modulo 3 stand before
/// it. The characters at both ends that depend on its neighbours are left out.
fn base64_core(value: &[u8], skipped: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = 8 * (skipped + value.len());
    let bit = |at: usize| {
        let byte = (at / 8).checked_sub(skipped).and_then(|at| value.get(at)).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let first = (8 * skipped).div_ceil(6);
    (first..bits / 6)
        .map(|digit| (6 * digit..6 * digit + 6).fold(0, |number, at| number << 1 | bit(at)))
        .map(|number| DIGITS[number & 63])
        .collect()
}

#[cfg(test)]
mod tests;
