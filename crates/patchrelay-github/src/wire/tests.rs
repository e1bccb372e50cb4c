use serde_json::{Value, json};

use super::*;

fn object() -> Value {
    json!({
        "number": 7, "html_url": "https://github.com/acme/app/pull/7", "state": "open", "draft": true,
        "merged_at": null, "merge_commit_sha": "trial", "updated_at": "2026-11-05T10:20:30Z",
        "user": null, "mergeable_state": "a new word",
        "head": { "ref": "patchrelay/APP-1", "sha": "abc", "repo": { "full_name": "Acme/App" } },
        "base": { "ref": "main", "sha": "def", "repo": { "full_name": "acme/app" } },
    })
}

fn with(changes: &[(&str, Value)]) -> WirePullRequest {
    let mut object = object();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

#[test]
fn an_open_pull_request_has_no_merge_commit() {
    let read = with(&[]).read().unwrap();
    assert_eq!(read.version, Timestamp::from_millis(1_793_874_030_000));
    let expected = PullRequest {
        number: PrNumber(7),
        url: "https://github.com/acme/app/pull/7".to_owned(),
        state: PrState::Open,
        is_draft: true,
        is_from_fork: false,
        ended: None,
        head_branch: BranchName::new("patchrelay/APP-1"),
        head: CommitSha::new("abc"),
        base_branch: BranchName::new("main"),
        merge_commit: None,
    };
    assert_eq!(read.value, expected);
}

#[test]
fn merged_is_known_from_either_field() {
    for merged in [("/merged", json!(true)), ("/merged_at", json!("2026-11-05T10:20:30Z"))] {
        let pull = with(&[("/state", json!("closed")), ("/merge_commit_sha", json!("m")), merged]);
        assert!(!pull.is_open());
        let pull = pull.read().unwrap().value;
        assert_eq!((pull.state, pull.merge_commit), (PrState::Merged, Some(CommitSha::new("m"))));
    }
    let closed =
        with(&[("/state", json!("closed")), ("/merged", json!(false))]).read().unwrap().value;
    assert_eq!((closed.state, closed.merge_commit), (PrState::Closed, None));
}

#[test]
fn a_fork_and_a_deleted_repository_are_not_ours() {
    assert_eq!(with(&[]).own_repository().unwrap().to_string(), "acme/app");
    for repo in [
        Value::Null,
        json!({ "full_name": "mallory/app" }),
        json!({ "full_name": "acme/app-fork" }),
    ] {
        assert_eq!(with(&[("/head/repo", repo)]).own_repository(), None);
    }
}

#[test]
fn what_would_be_a_guess_is_an_error_that_names_the_field() {
    let error = |pointer, value| with(&[(pointer, value)]).read().unwrap_err();
    assert!(error("/state", json!("queued")).starts_with("state: "));
    assert!(error("/updated_at", json!("yesterday")).starts_with("updated_at: "));
}
