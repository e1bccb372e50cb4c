use std::{fs, path::Path};

use super::{apply, resolve};
use crate::agent::Step;

/// The file's content after the step, which is the same after doing it again.
fn check(before: Option<&str>, step: &Step, after: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("d/a.txt");
    if let Some(before) = before {
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(&file, before).unwrap();
    }
    for _ in 0..2 {
        apply(dir.path(), step).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), after, "{step:?}");
    }
}

#[test]
fn doing_an_edit_again_changes_nothing() {
    let path = || "d/a.txt".to_owned();
    let write = Step::Write { path: path(), content: "new\n".to_owned() };
    check(None, &write, Some("new\n"));
    check(Some("old\n"), &write, Some("new\n"));
    let append = Step::Append { path: path(), line: "- b".to_owned() };
    check(None, &append, Some("- b\n"));
    check(Some("- a"), &append, Some("- a\n- b\n"));
    let replace =
        Step::Replace { path: path(), from: "Hello".to_owned(), to: "Hello, world".to_owned() };
    check(Some("Hello!\n"), &replace, Some("Hello, world!\n"));
    check(Some("nothing\n"), &replace, Some("nothing\n"));
    check(None, &replace, None);
    check(Some("x"), &Step::Delete { path: path() }, None);
    check(None, &Step::Delete { path: path() }, None);
}

#[test]
fn an_edit_stays_in_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir(&tree).unwrap();
    std::os::unix::fs::symlink(dir.path(), tree.join("up")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", tree.join("host")).unwrap();
    std::os::unix::fs::symlink("/nonexistent/file", tree.join("dangling")).unwrap();
    for name in
        ["", "/etc/x", "../x", "a/../../x", ".git/config", "a/.GIT/x", "up/x", "host", "dangling"]
    {
        assert!(resolve(&tree, name).is_err(), "{name}");
        let step = Step::Write { path: name.to_owned(), content: String::new() };
        assert!(apply(&tree, &step).unwrap().is_err(), "{name}");
    }
    assert!(resolve(&tree, "a/b").is_ok());
    assert!(!Path::new(&dir.path().join("x")).exists());
}
