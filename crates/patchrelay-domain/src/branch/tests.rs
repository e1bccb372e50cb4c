use super::*;

#[test]
fn a_branch_is_named_after_prefix_key_and_title() {
    assert_eq!(
        branch_name("app", "APP-7", "Fix: the *Thing*!", 0).as_str(),
        "app/APP-7-fix-the-thing"
    );
    assert_eq!(branch_name("app", "APP-7", "", 0).as_str(), "app/APP-7");
    assert_eq!(branch_name("app", "APP-7", "x", 1).as_str(), "app/APP-7-x-2");
}

#[test]
fn no_title_makes_a_name_that_git_refuses_or_a_path_out() {
    for title in
        ["..", "../../etc", "a..b", "@{x}", "über äöü", "\u{202e}x", "-x", &"long ".repeat(100)]
    {
        let name = branch_name("app", "../K", title, 0);
        let name = name.as_str();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')),
            "{name}"
        );
        assert!(!name.ends_with('-') && name.len() < 90, "{name}");
    }
}

#[test]
fn a_directory_is_named_after_key_and_ticket() {
    let issue = IssueId::new("acme", "0a4c0f3e-1111-4000-8000-000000000001");
    assert_eq!(worktree_name(&issue, "APP-7"), "APP-7-0a4c0f3e");
    assert_eq!(worktree_name(&IssueId::new("acme", "../.."), ".."), "x-x");
}
