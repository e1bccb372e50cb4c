use super::*;

#[test]
fn ids_of_ours_stay_as_they_are() {
    let issue = IssueId::new("w", "6f0b9a52-1c3d-4b7e-9c58-0d2a4c1f8e21");
    let run = RunId::new("0190a6c4-7c1e-7b52-8d0e-1f2a3b4c5d6e");
    assert_eq!(
        rescue_ref(&issue, &run),
        "refs/patchrelay/rescue/6f0b9a52-1c3d-4b7e-9c58-0d2a4c1f8e21/0190a6c4-7c1e-7b52-8d0e-1f2a3b4c5d6e"
    );
    assert!(publish_ref(&issue, &run).starts_with("refs/patchrelay/publish/6f0b9a52"));
}

#[test]
fn other_texts_become_one_harmless_name() {
    for text in ["..", "a/../b", "-rf", "", "é", "a b", &"x".repeat(500)] {
        let name = as_name(text);
        assert!(is_file_name(&name), "{text}: {name}");
        assert_eq!(as_name(&name), name);
    }
}

#[test]
fn branches_with_slashes_and_points_are_branches() {
    for name in ["main", "bot/APP-1-fix", "release/1.2", "ü", "a@b"] {
        assert_eq!(
            branch_ref(&BranchName::new(name)).expect("a branch"),
            format!("refs/heads/{name}")
        );
    }
}

#[test]
fn only_full_names_of_objects_are_arguments() {
    assert!(is_object("0123456789abcdef0123456789abcdef01234567"));
    for text in ["HEAD", "0123", "0123456789ABCDEF0123456789abcdef01234567", "--help", ""] {
        assert!(!is_object(text), "{text}");
    }
}
