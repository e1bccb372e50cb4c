use super::*;

fn walked(files: &[(&str, u64)]) -> Walked {
    Walked {
        files: files.iter().map(|(path, bytes)| (path.as_bytes().to_vec(), *bytes)).collect(),
        ..Walked::default()
    }
}

fn base(paths: &[&str]) -> HashMap<GitPath, bool> {
    paths.iter().map(|path| (path.as_bytes().to_vec(), false)).collect()
}

/// As git lists with `-z`.
fn listed(paths: &[&str]) -> Vec<u8> {
    paths.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect()
}

fn texts<'a>(paths: impl IntoIterator<Item = &'a GitPath>) -> Vec<String> {
    paths.into_iter().map(|path| shown(path)).collect()
}

#[test]
fn only_what_was_seen_as_a_file_is_staged() {
    let plan = plan(
        &base(&["kept", "gone"]),
        &walked(&[("kept", 1), ("new", 1)]),
        &listed(&["new", "not-seen", "nested/"]),
    );
    assert_eq!(texts(&plan.additions), ["kept", "new"]);
    assert_eq!(texts(&plan.removals), ["gone"]);
    assert_eq!(plan.hits, []);
}

#[test]
fn what_lies_in_a_nested_repository_stays_as_the_base_has_it() {
    let mut walked = walked(&[]);
    walked.nested.insert(b"a/b".to_vec());
    let plan = plan(&base(&["a/b/c/d", "a/bc", "a/b"]), &walked, b"");
    assert_eq!(texts(&plan.removals), ["a/bc"]);
}

#[test]
fn new_files_are_staged_up_to_a_total() {
    let half = MAX_STAGED_BYTES;
    let files: Vec<_> = (0..7).map(|n| (format!("{n}"), half)).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let plan = plan(&base(&[]), &walked(&files), &listed(&["0", "1", "2", "3", "4", "5", "6"]));
    assert_eq!(texts(&plan.additions), ["0", "1", "2", "3", "4"]);
    assert_eq!(plan.hits.len(), 2);
    assert_eq!(plan.new_files, 7);
}

#[test]
fn a_listing_of_a_tree_tells_files_from_submodules() {
    let listing = listed(&["100644 blob 0123\ta\tb", "160000 commit 4567\tsub"]);
    let parsed = parse_tree(&listing).expect("it is understood");
    assert_eq!(parsed, HashMap::from([(b"a\tb".to_vec(), false), (b"sub".to_vec(), true)]));
    assert!(parse_tree(b"nonsense\0").is_err());
}
