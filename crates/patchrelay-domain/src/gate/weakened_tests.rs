//! Whether a change makes a test say less.

use super::{GateHit, SCANNED_BYTES};

/// Directories of tests, in lower case.
const TEST_DIRECTORIES: &[&str] = &["test", "tests", "spec", "specs", "__tests__"];

/// What takes a test, or all the others, out of a run. Where the marker begins or ends like a word, it has to be one.
const MARKERS: &[&str] = &[
    "#[ignore",
    ", ignore)]",
    "it.skip",
    "test.skip",
    "describe.skip",
    "xit(",
    "xtest(",
    "xdescribe",
    "@pytest.mark.skip",
    "@pytest.mark.skipif",
    "@pytest.mark.xfail",
    "pytest.skip",
    "@unittest.skip",
    "@unittest.skipIf",
    "@unittest.skipUnless",
    "@unittest.expectedFailure",
    "self.skipTest",
    "t.Skip",
    "t.Skipf",
    "t.SkipNow",
    "@Disabled",
    "@Ignore",
    "XCTSkip(",
];

/// The same, but only in the files of [`SCRIPTS`]: elsewhere these are methods of iterators.
const SCRIPT_MARKERS: &[&str] = &[".skip(", ".skip.", ".only(", ".only.", ".todo("];

/// The extensions of JavaScript and its relatives.
const SCRIPTS: &[&str] = &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"];

/// How a line begins that says nothing to a machine.
const COMMENTS: &[&str] = &["//", "/*", "*", "# ", "--", "<!--"];

/// Whether a path is that of a test, by the conventions of the usual languages.
fn is_test_path(path: &str) -> bool {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_test_directory =
        |part: &str| TEST_DIRECTORIES.contains(&part.to_ascii_lowercase().as_str());
    if directories.split('/').any(is_test_directory) {
        return true;
    }
    let Some((stem, _)) = name.rsplit_once('.') else { return false };
    let lower = stem.to_ascii_lowercase();
    TEST_DIRECTORIES.contains(&lower.as_str())
        || lower.starts_with("test_")
        || ["_test", "_tests", "_spec", ".test", ".spec"].iter().any(|end| lower.ends_with(end))
        || ["Test", "Tests", "Spec"].iter().any(|end| stem.ends_with(end))
}

/// What weakens a test in the change of one file, told by its unified diff: the file is deleted or is no test any more,
/// a marker that skips tests comes in, or more assertions go than come. `None` for a path that is not a test's.
///
/// Moving a file or lines within it is no weakening: markers and assertions are counted on both sides. The diff has to
/// say that a file was renamed, else the old path looks deleted. A diff that is not there, or has more than a mebibyte,
/// is not read: it is a hit.
pub(super) fn weakened_tests(path: &str, patch: Option<&str>) -> Option<GateHit> {
    let hit = |reason: String| Some(GateHit::WeakenedTest { path: path.to_owned(), reason });
    let readable = patch.filter(|patch| patch.len() <= SCANNED_BYTES);
    let patch = patch.unwrap_or_default();
    let header = if patch.starts_with("@@") { "" } else { patch };
    let header = header.split("\n@@").next().unwrap_or_default();
    let in_header = |start: &str| header.lines().find_map(|line| line.strip_prefix(start));
    let is_test = is_test_path(path);
    let was_test = in_header("rename from ").is_some_and(is_test_path);
    if !is_test {
        return if was_test { hit("is no longer where tests are".to_owned()) } else { None };
    }
    if in_header("deleted file mode").is_some() || in_header("+++ /dev/null").is_some() {
        return hit("is deleted".to_owned());
    }
    if readable.is_none() {
        return Some(GateHit::Unjudged { path: path.to_owned() });
    }

    let changed = |sign: char| {
        let lines = patch.lines().skip(header.lines().count());
        lines.filter_map(move |line| line.strip_prefix(sign)).map(str::trim)
    };
    let is_script = path.rsplit_once('.').is_some_and(|(_, end)| SCRIPTS.contains(&end));
    let more = if is_script { SCRIPT_MARKERS } else { &[] };
    for marker in MARKERS.iter().chain(more) {
        let count =
            |sign| changed(sign).filter(|line| !is_comment(line) && contains(line, marker)).count();
        if count('-') < count('+') {
            return hit(format!("has a new `{marker}`"));
        }
    }
    let count = |sign| changed(sign).filter(|line| is_assertion(line)).count();
    let (removed, added) = (count('-'), count('+'));
    if added < removed {
        return hit(format!("loses {removed} assertions and gains {added}"));
    }
    None
}

fn is_assertion(line: &str) -> bool {
    !is_comment(line)
        && (line.to_ascii_lowercase().contains("assert")
            // `EXPECT_EQ` is one too; the method of Rust's `Option` is none.
            || line.match_indices("expect(").any(|(at, _)| !line[..at].ends_with(is_member_part))
            || line.contains("EXPECT_")
            || [".should", "should.", "should(", "should_panic", "require."]
                .iter()
                .any(|word| contains(line, word)))
}

fn is_comment(line: &str) -> bool {
    COMMENTS.iter().any(|start| line.starts_with(start))
}

/// Whether the line contains these characters, and they do not continue a word at either end.
fn contains(line: &str, searched: &str) -> bool {
    line.match_indices(searched).any(|(at, _)| {
        let begins = !searched.starts_with(is_word_part) || !line[..at].ends_with(is_word_part);
        let rest = &line[at + searched.len()..];
        begins && (!searched.ends_with(is_word_part) || !rest.starts_with(is_word_part))
    })
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_member_part(c: char) -> bool {
    is_word_part(c) || c == '.'
}

#[cfg(test)]
mod tests;
