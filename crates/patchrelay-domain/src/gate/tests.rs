use super::*;

fn file(path: &str, bytes: u64, is_binary: bool) -> ChangedFile {
    let now = Now::File { bytes, is_binary, is_executable: false };
    ChangedFile { path: path.to_owned(), now, patch: Some(String::new()) }
}

fn link(n: usize) -> GateHit {
    GateHit::ForeignLink { path: format!("m{n}") }
}

fn protected(path: &str) -> GateHit {
    GateHit::ProtectedPath { path: path.to_owned() }
}

fn out_of_scope(path: &str) -> GateHit {
    GateHit::OutOfScope { path: path.to_owned() }
}

fn taken_back(is_ours: bool) -> TakenBack {
    let subject = if is_ours { "Ours" } else { "Theirs" }.to_owned();
    TakenBack { commit: CommitSha::new("fedcba0987654"), subject, is_ours }
}

fn large(bytes: u64) -> GateHit {
    GateHit::TooLarge { path: "a".to_owned(), bytes }
}

fn policy() -> GatePolicy {
    GatePolicy { protected_paths: vec!["AGENTS.md".to_owned()], caps: GateCaps::default() }
}

/// One of each kind, and whether it may be released.
fn one_of_each() -> Vec<(GateHit, bool)> {
    let a = || "a".to_owned();
    vec![
        (protected("a"), true),
        (out_of_scope("a"), true),
        (GateHit::Binary { path: a(), bytes: 1 }, true),
        (GateHit::Revert { commit: CommitSha::new("1234567890abc"), subject: a() }, true),
        (GateHit::WeakenedTest { path: a(), reason: "is deleted".to_owned() }, true),
        (GateHit::Unjudged { path: a() }, true),
        (GateHit::TakenBack { commit: CommitSha::new("fedcba0987654"), subject: a() }, true),
        (GateHit::OutwardLink { path: a(), target: "/etc".to_owned() }, true),
        (GateHit::SameName { path: a(), other: "A".to_owned() }, true),
        (large(MAX_STAGED_BYTES), true),
        (large(MAX_STAGED_BYTES + 1), false),
        (GateHit::TooMany { paths: MAX_STAGED_PATHS }, true),
        (GateHit::TooMany { paths: MAX_STAGED_PATHS + 1 }, false),
        (GateHit::NestedRepository { path: a() }, false),
        (GateHit::BeyondBounds { path: a() }, false),
        (link(1), false),
        (GateHit::Secret { name: a(), path: a() }, false),
    ]
}

#[test]
fn a_human_may_release_what_a_tree_shows_and_nothing_else() {
    for (hit, expected) in one_of_each() {
        assert_eq!(is_releasable(&hit), expected, "{hit:?}");
        let text = question(std::slice::from_ref(&hit));
        assert_eq!(text.contains("An approval does not change that"), !expected, "{text}");
    }
}

#[test]
fn size_is_asked_about_above_its_caps_only() {
    let caps = GateCaps { max_file_bytes: 20, max_paths: 3, max_binary_bytes: 10 };
    let path = || "a".to_owned();
    for (bytes, is_binary, expected) in [
        (20, false, None),
        (21, false, Some(large(21))),
        (10, true, None),
        (11, true, Some(GateHit::Binary { path: path(), bytes: 11 })),
        (21, true, Some(large(21))),
    ] {
        assert_eq!(
            size_hits(&caps, &[file("a", bytes, is_binary)]),
            Vec::from_iter(expected),
            "{bytes}"
        );
    }
    let many: Vec<_> = (0..4).map(|n| file(&format!("f{n}"), 0, false)).collect();
    assert_eq!(size_hits(&caps, &many[..3]), []);
    assert_eq!(size_hits(&caps, &many), [GateHit::TooMany { paths: 4 }]);
}

#[test]
fn a_binary_that_can_be_run_is_asked_about_whatever_its_size() {
    let tool = |is_binary| ChangedFile {
        now: Now::File { bytes: 9, is_binary, is_executable: true },
        ..file("tool", 9, is_binary)
    };
    let hit = GateHit::Binary { path: "tool".to_owned(), bytes: 9 };
    assert_eq!(size_hits(&GateCaps::default(), &[tool(true)]), [hit]);
    assert_eq!(size_hits(&GateCaps::default(), &[tool(false)]), []);
}

#[test]
fn a_link_is_asked_about_when_it_leads_out() {
    for (path, target, leads_out) in [
        ("a", "b", false),
        ("a", "./b/c", false),
        ("d/a", "../b", false),
        ("d/a", "../d/a", false),
        ("d/a", ".", false),
        ("d/a", "b//../../c", false),
        ("a", "..", true),
        ("a", "../app/b", true),
        ("d/a", "../../b", true),
        ("d/a", "b/../../../c", true),
        ("a", "/etc/passwd", true),
        ("a", "/", true),
    ] {
        let now = Now::Link { target: target.to_owned() };
        let files = vec![ChangedFile { now, ..file(path, 0, false) }];
        let hit = GateHit::OutwardLink { path: path.to_owned(), target: target.to_owned() };
        let changes = ChangeSet { files, ..ChangeSet::default() };
        let hits = gate(&policy(), RunType::Implementation, &changes);
        assert_eq!(hits, Vec::from_iter(leads_out.then_some(hit)), "{path} -> {target}");
    }
}

#[test]
fn all_rules_are_applied_to_a_repair_and_the_general_ones_to_new_work() {
    let revert = NewCommit {
        commit: CommitSha::new("1234567890abc"),
        subject: "Revert \"a\"".to_owned(),
        body: String::new(),
        is_ours: true,
    };
    let patch = "--- a/tests/a.rs\n+++ b/tests/a.rs\n@@ -1 +1 @@\n-assert!(a);\n";
    let changes = ChangeSet {
        files: vec![
            file("src/a.rs", 9, false),
            file("AGENTS.md", 9, false),
            file("Cargo.toml", 9, false),
            file("logo.png", 2_000_000, true),
            ChangedFile { patch: Some(patch.to_owned()), ..file("tests/a.rs", 9, false) },
        ],
        commits: vec![revert],
        taken_back: vec![taken_back(false), taken_back(true)],
        found: vec![link(1)],
    };
    let binary = GateHit::Binary { path: "logo.png".to_owned(), bytes: 2_000_000 };
    assert_eq!(
        gate(&policy(), RunType::Implementation, &changes),
        [link(1), binary.clone(), protected("AGENTS.md")]
    );
    for run_type in
        [RunType::ReviewFix, RunType::CiRepair, RunType::QueueRepair, RunType::BranchUpkeep]
    {
        let revert = GateHit::Revert {
            commit: CommitSha::new("1234567890abc"),
            subject: "Revert \"a\"".to_owned(),
        };
        let weakened = GateHit::WeakenedTest {
            path: "tests/a.rs".to_owned(),
            reason: "loses 1 assertions and gains 0".to_owned(),
        };
        // `AGENTS.md` is named once, though it is out of scope too.
        let expected = [
            link(1),
            binary.clone(),
            out_of_scope("Cargo.toml"),
            revert,
            GateHit::TakenBack {
                commit: CommitSha::new("fedcba0987654"),
                subject: "Theirs".to_owned(),
            },
            weakened,
            protected("AGENTS.md"),
        ];
        assert_eq!(gate(&policy(), run_type, &changes), expected, "{run_type:?}");
    }
    let files = vec![file("src/a.rs", 9, false), file("tests/a.rs", 9, false)];
    let ordinary = ChangeSet { files, ..ChangeSet::default() };
    assert_eq!(gate(&policy(), RunType::CiRepair, &ordinary), []);
}

#[test]
fn a_repairs_test_without_a_diff_is_asked_about_and_other_work_is_not() {
    let unread = |path: &str| ChangedFile { patch: None, ..file(path, 9, false) };
    let files = vec![unread("src/a.rs"), unread("tests/a.rs")];
    let changes = ChangeSet { files, ..ChangeSet::default() };
    let unjudged = GateHit::Unjudged { path: "tests/a.rs".to_owned() };
    assert_eq!(gate(&policy(), RunType::CiRepair, &changes), [unjudged]);
    assert_eq!(gate(&policy(), RunType::Implementation, &changes), [], "a ticket may ask for it");
}

#[test]
fn hits_are_named_once_and_the_worst_is_never_left_out() {
    let secret = GateHit::Secret { name: "token".to_owned(), path: "z".to_owned() };
    let mut found: Vec<_> = (0..300).map(|n| protected(&format!("f{n}"))).collect();
    found.extend([secret.clone(), secret.clone()]);
    let changes = ChangeSet { found, ..ChangeSet::default() };
    let hits = gate(&policy(), RunType::Implementation, &changes);
    assert_eq!(hits.len(), MAX_HITS);
    assert_eq!(hits[..2], [secret, protected("f0")]);
    assert!(question(&hits).contains("and at least 90 more"), "{}", question(&hits));
}

#[test]
fn many_hits_are_counted_instead_of_listed() {
    let hits: Vec<_> = (0..15).map(|n| protected(&format!("m{n}"))).collect();
    let text = question(&hits);
    assert!(
        text.contains("`m9`")
            && !text.contains("`m10`")
            && text.contains("and 5 more\n\nAnswer yes"),
        "{text}"
    );
}

#[test]
fn the_question_names_each_kind_in_one_short_line() {
    let hits: Vec<_> = one_of_each().into_iter().map(|(hit, _)| hit).collect();
    let texts = [question(&hits[..8]), question(&hits[8..])].join("\n");
    for line in [
        "\n- `a` is a protected path",
        "\n- `a` is not a repair's business",
        "\n- `a` is a binary file of 1 bytes",
        "\n- the commit `1234567890` takes back another: `a`",
        "\n- the test `a` is deleted",
        "\n- the test `a` is changed too much for me to judge",
        "\n- what the commit `fedcba0987` changed is taken back: `a`",
        "\n- `a` is a link out of the repository, to `/etc`",
        "\n- `a` and `A` are one name on some systems",
        "\n- `a` is beyond what I can look at",
        "\n- `a` has 104857600 bytes",
        "\n- 20000 paths are changed",
        "\n- `a` is a git repository inside the worktree",
        "\n- `m1` is a submodule link that the base does not have",
        "\n- the secret `a` stands in `a`",
    ] {
        assert!(texts.contains(line), "{line} in {texts}");
    }
    let hostile = protected(&format!("a`\n- {}", "x".repeat(9_000)));
    let text = question(&vec![hostile; 20]);
    assert_eq!(text.lines().count(), 14, "{text}");
    assert!(text.contains("`a' - xxx") && text.len() < 4_000, "{text}");
}
