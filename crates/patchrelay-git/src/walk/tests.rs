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
        ("six", ".g\u{200c}it"),
        ("seven", "\u{feff}.GIT"),
    ] {
        fs::create_dir_all(root.path().join(dir).join(git)).expect("made");
        fs::write(root.path().join(dir).join("file"), "1").expect("written");
    }
    fs::create_dir(root.path().join(".github")).expect("made");
    fs::write(root.path().join(".github/.gitignore"), "1").expect("written");
    let (files, nested) = seen(root.path(), &[], &[]);
    assert_eq!(files, [".github/.gitignore"]);
    assert_eq!(nested, ["five", "four", "one", "seven", "six", "three", "two/deep"]);
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

#[test]
fn a_link_by_any_name_of_gitmodules_is_forbidden() {
    let root = tempfile::tempdir().expect("a directory");
    let forbidden = [
        ".gitmodules",
        ".GITMODULES",
        ".gitmodules .",
        "GITMOD~1",
        "gi7eba~1",
        ".git\u{200d}modules",
    ];
    for name in forbidden {
        symlink("elsewhere", root.path().join(name)).expect("linked");
    }
    symlink("elsewhere", root.path().join("gitmodules")).expect("linked");
    let walked = walk(root.path(), &HashSet::new(), &HashSet::new()).expect("it can be walked");
    assert_eq!(walked.forbidden_links.len(), forbidden.len(), "{walked:?}");
    assert_eq!(walked.files.len(), 1);
}

#[test]
fn what_is_locked_away_is_unlocked() {
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir(root.path().join("dir")).expect("made");
    fs::write(root.path().join("dir/file"), "1").expect("written");
    let mode = |path: &str, mode| {
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).expect("set");
    };
    mode("dir/file", 0o000);
    mode("dir", 0o000);
    assert_eq!(seen(root.path(), &[], &[]).0, ["dir/file"]);
    let mode = |path: &str| {
        let metadata = fs::metadata(root.path().join(path)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("dir"), mode("dir/file")), (0o700, 0o400));
}
