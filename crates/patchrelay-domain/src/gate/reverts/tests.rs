use super::*;

const OURS: &str = "1111111111111111111111111111111111111111";
const THEIRS: &str = "2222222222222222222222222222222222222222";

fn commit(sha: &str, subject: &str, body: &str, is_ours: bool) -> NewCommit {
    NewCommit {
        commit: CommitSha::new(sha),
        subject: subject.to_owned(),
        body: body.to_owned(),
        is_ours,
    }
}

#[test]
fn only_what_others_did_is_not_ours_to_take_back() {
    let quoted = "Revert \"Add a cache\"";
    let body = |sha: &str| format!("Why not.\n\nThis reverts commit {sha}.\n");
    for (expected, subject, body, is_ours) in [
        (true, quoted, body(THEIRS), true),
        (true, quoted, body("3333333"), true),
        (true, quoted, String::new(), true),
        (true, "revert \"Add a cache\"", "Reverts acme/app#7".to_owned(), true),
        (true, "Make it pass", body(THEIRS), true),
        (true, "Make it pass", format!("this reverts\ncommit {THEIRS}, reversing changes"), true),
        (true, "Reapply \"Add a cache\"", body(THEIRS), true),
        (true, quoted, format!("{}{}", body(OURS), body(THEIRS)), true),
        (true, quoted, body("11"), true),
        (true, quoted, body(""), true),
        (true, "Make it pass", format!("{}\n{}", "x ".repeat(100_000), body(THEIRS)), true),
        (false, quoted, body(OURS), true),
        (false, quoted, "This reverts commit 1111111 (Add a cache, 2026-01-02).".to_owned(), true),
        (false, quoted, body(THEIRS), false),
        (false, "Revert to the old colours", String::new(), true),
        (false, "Fix the cache", "It reverts nothing.".to_owned(), true),
    ] {
        let commits = [
            commit(OURS, "Add a cache", "", true),
            commit(THEIRS, "Add a cache", "", false),
            commit("4444444444", subject, &body, is_ours),
        ];
        let hit =
            GateHit::Revert { commit: CommitSha::new("4444444444"), subject: subject.to_owned() };
        let expected = if expected { vec![hit] } else { vec![] };
        assert_eq!(revert_hits(&commits), expected, "{subject} / {body}");
    }
}
