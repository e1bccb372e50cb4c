use super::*;

fn opening(command: &[&str], thread: Option<&str>) -> Result<Opening, Failure> {
    let mut config = Config::default();
    config.codex.command = command.iter().map(|word| (*word).to_owned()).collect();
    config.codex.home = Some("/nowhere/codex home".into());
    config.codex.env = [("LEVEL".to_owned(), "it's 1".to_owned())].into();
    Opening::new(&config, &Environment::default(), Path::new("/worktrees/APP-1"), thread)
}

#[test]
fn an_issue_is_opened_on_its_thread() {
    let known = opening(&["codex", "app-server"], Some("thread-1")).unwrap();
    assert_eq!(known.words, ["codex", "resume", "-C", "/worktrees/APP-1", "thread-1"]);
    let new = opening(&["npx", "codex", "app-server"], None).unwrap();
    assert_eq!(new.words, ["npx", "codex", "-C", "/worktrees/APP-1"]);
}

#[test]
fn what_is_printed_is_one_command_for_a_shell() {
    let opening = opening(&["codex", "app-server"], Some("thread-1")).unwrap();
    assert!(
        opening.shell().ends_with("LEVEL='it'\\''s 1' codex resume -C /worktrees/APP-1 thread-1"),
        "{}",
        opening.shell()
    );
}

#[test]
fn another_agent_is_not_opened() {
    for command in [&["my-agent"][..], &["codex", "app-server", "--listen"]] {
        let refused = opening(command, None).unwrap_err();
        assert!(refused.message().contains("/worktrees/APP-1"), "{}", refused.message());
    }
}

#[test]
fn an_issue_without_a_directory_here_has_none_to_open() {
    for path in [Value::Null, json!("/nowhere/at/all")] {
        let issue = json!({ "key": "APP-1", "worktree_path": path });
        let missing = worktree(&issue).unwrap_err();
        assert!(missing.message().contains("APP-1"), "{}", missing.message());
    }
    let here = tempfile::tempdir().unwrap();
    let issue = json!({ "key": "APP-1", "worktree_path": here.path() });
    assert_eq!(worktree(&issue).unwrap(), here.path());
}
