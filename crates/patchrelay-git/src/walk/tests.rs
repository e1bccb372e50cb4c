use std::os::unix::fs::symlink;

use super::*;

fn seen(root: &Path, ignored: &[&str], submodules: &[&str]) -> (Vec<String>, Vec<String>) {
    let set = |paths: &[&str]| paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    let walked = walk(root, &set(ignored), &set(submodules)).expect("it can be walked");
    let text = |paths: Vec<&GitPath>| {
        paths.into_iter().map(|p| String::from_utf8_lossy(p).into_owned()).collect()
    };
    (text(walked.files.keys().collect()), text(walked.nested.iter().collect()))
}

#[test]
fn files_are_found_and_links_are_not_followed() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(root.path().join("a/b")).expect("made");
    fs::write(root.path().join("a/b/file"), "1").expect("written");
    fs::write(root.path().join(".git"), "gitdir: elsewhere").expect("written");
    symlink("/", root.path().join("out")).expect("linked");
    symlink(".", root.path().join("a/round")).expect("linked");
    assert_eq!(seen(root.path(), &[], &[]).0, ["a/b/file", "a/round", "out"]);
}

#[test]
fn repositories_are_named_and_not_entered() {
    let root = tempfile::tempdir().expect("a directory");
    for (dir, git) in [
        ("one", ".git"),
        ("two/deep", ".GIT"),
        ("three", ".git. "),
        ("four", "git~1"),
        ("five", ".git:x"),
    ] {
        fs::create_dir_all(root.path().join(dir).join(git)).expect("made");
        fs::write(root.path().join(dir).join("file"), "1").expect("written");
    }
    fs::create_dir(root.path().join(".github")).expect("made");
    fs::write(root.path().join(".github/.gitignore"), "1").expect("written");
    let (files, nested) = seen(root.path(), &[], &[]);
    assert_eq!(files, [".github/.gitignore"]);
    assert_eq!(nested, ["five", "four", "one", "three", "two/deep"]);
}

#[test]
fn ignored_directories_are_not_entered() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(root.path().join("target/dep/.git")).expect("made");
    fs::write(root.path().join("target/app"), "1").expect("written");
    assert_eq!(seen(root.path(), &["target"], &[]), (vec![], vec![]));
}

#[test]
fn a_submodule_that_was_filled_is_a_repository() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(root.path().join("empty")).expect("made");
    fs::create_dir_all(root.path().join("filled")).expect("made");
    fs::write(root.path().join("filled/file"), "1").expect("written");
    assert_eq!(seen(root.path(), &[], &["empty", "filled"]), (vec![], vec!["filled".to_owned()]));
}
