//! A base branch that moves on (D30).

use std::fs;

use patchrelay_domain::{
    BaseMerge, CommitSha, GateHit, RunType, UnmergedPath, Worktree,
    prompt::{Conflict, ConflictKind},
};
use patchrelay_ports::{Freshen, PrepareOrder, Pushed, Workspaces};

use super::world::{World, changed, git, hits, judged};

/// A world in which run 1 has published `lib` as `src/lib.rs` and a file of its own, and then the base moved on.
async fn published(lib: &str) -> (World, CommitSha) {
    let world = World::new().await;
    for (path, content) in [("gone.txt", "gone\n"), ("icon.bin", "\0old\n"), ("safe.txt", "1\n")] {
        fs::write(world.human().join(path), content).expect("written");
    }
    world.human_pushes("trunk", "more").await;
    let worktree = world.prepare("run-1").await;
    world.write("src/lib.rs", lib);
    world.write("gone.txt", "changed by us\n");
    world.write("icon.bin", "\0ours\n");
    let head = world.publish(&worktree, "run-1", None).await;
    (world, head)
}

/// The base changes what we changed, in every way.
async fn base_contradicts(world: &World) -> CommitSha {
    let path = world.human();
    fs::write(path.join("src/lib.rs"), "fn theirs() {}\n").expect("written");
    fs::write(path.join("icon.bin"), "\0theirs\n").expect("written");
    fs::write(path.join("safe.txt"), "2\n").expect("written");
    fs::remove_file(path.join("gone.txt")).expect("removed");
    world.human_pushes("trunk", "Theirs").await
}

fn merging(world: &World, run: &str) -> PrepareOrder {
    PrepareOrder { freshen: Freshen::MergeBase, ..world.order(run) }
}

async fn merged(world: &World, run: &str) -> Worktree {
    world.workspaces.prepare(&merging(world, run)).await.expect("it is made ready")
}

fn read(world: &World, path: &str) -> String {
    fs::read_to_string(world.worktree().join(path)).expect("it is there")
}

fn conflict(path: &str, kind: ConflictKind) -> Conflict {
    Conflict { path: path.to_owned(), kind }
}

#[tokio::test]
async fn the_newest_base_is_merged_into_our_head_and_published_with_both_parents() {
    let (world, head) = published("fn ours() {}\n").await;
    fs::write(world.human().join("safe.txt"), "2\n").expect("written");
    let base = world.human_pushes("trunk", "Theirs").await;
    let worktree = merged(&world, "run-2").await;
    let begun = BaseMerge { head: head.clone(), base: base.clone(), conflicts: vec![] };
    assert_eq!(worktree.merge, Some(begun));
    assert_eq!(
        (read(&world, "safe.txt").as_str(), read(&world, "src/lib.rs").as_str()),
        ("2\n", "fn ours() {}\n")
    );
    let state = world.inspect(&worktree).await;
    assert!(state.is_clean && state.changes.files.is_empty(), "the base is not the run's doing");

    let commit = world.publish(&worktree, "run-2", Some(&head)).await;
    let parents =
        git(&world.clone(), &["show", "--no-patch", "--format=%P", commit.as_str()]).await;
    assert_eq!(parents, format!("{head} {base}"));
    let next = merged(&world, "run-3").await;
    assert_eq!((next.base, next.merge), (commit, None), "there is nothing left to merge");
}

#[tokio::test]
async fn a_new_head_with_the_same_content_is_published_as_a_commit_of_its_own() {
    let (world, head) = published("fn ours() {}\n").await;
    let worktree = merged(&world, "run-2").await;
    assert!(world.inspect(&worktree).await.is_clean);
    let commit = world.publish(&worktree, "run-2", Some(&head)).await;
    assert_ne!(commit, head);
    let compared = ["diff", "--name-only", head.as_str(), commit.as_str()];
    assert_eq!(git(&world.clone(), &compared).await, "");
    assert_eq!(world.tip("bot/APP-1").await, commit);
}

#[tokio::test]
async fn every_kind_of_conflict_is_named_and_looked_at_again() {
    let (world, head) = published("fn ours() {}\n").await;
    let base = base_contradicts(&world).await;
    let worktree = merged(&world, "run-2").await;
    let conflicts = vec![
        conflict("gone.txt", ConflictKind::ModifyDelete),
        conflict("icon.bin", ConflictKind::Binary),
        conflict("src/lib.rs", ConflictKind::Content),
    ];
    assert_eq!(worktree.merge, Some(BaseMerge { head: head.clone(), base, conflicts }));
    assert!(read(&world, "src/lib.rs").contains("<<<<<<<"), "{}", read(&world, "src/lib.rs"));
    let unmerged = |path: &str, kind, has_markers, exists| UnmergedPath {
        path: path.to_owned(),
        kind,
        has_markers,
        exists,
    };
    assert_eq!(
        world.inspect(&worktree).await.unmerged,
        [
            unmerged("gone.txt", ConflictKind::ModifyDelete, false, true),
            unmerged("icon.bin", ConflictKind::Binary, false, true),
            unmerged("src/lib.rs", ConflictKind::Content, true, true),
        ]
    );
    world.write("src/lib.rs", "fn ours() {}\nfn theirs() {}\n");
    fs::remove_file(world.worktree().join("gone.txt")).expect("removed");
    // Markers elsewhere are somebody's text.
    world.write("safe.txt", "<<<<<<< a text\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(
        state.unmerged,
        [
            unmerged("gone.txt", ConflictKind::ModifyDelete, false, false),
            unmerged("icon.bin", ConflictKind::Binary, false, true),
            unmerged("src/lib.rs", ConflictKind::Content, false, true),
        ]
    );
    assert_eq!(changed(&state), ["safe.txt", "src/lib.rs"], "what the base has is not the run's");
    let commit = world.publish(&worktree, "run-2", Some(&head)).await;
    assert_eq!(
        world.paths(commit.as_str()).await,
        ["README", "icon.bin", "safe.txt", "src/lib.rs"]
    );
}

#[tokio::test]
async fn giving_up_what_the_base_brought_is_seen() {
    let (world, _) = published("fn ours() {}\n").await;
    let base = base_contradicts(&world).await;
    let worktree = merged(&world, "run-2").await;
    for (path, content) in [
        ("src/lib.rs", "fn ours() {}\n"),
        ("safe.txt", "1\n"),
        ("icon.bin", "\0old\n"),
        ("gone.txt", "gone\n"),
    ] {
        world.write(path, content);
    }
    let state = world.inspect(&worktree).await;
    assert!(changed(&state).contains(&"safe.txt") && !changed(&state).contains(&"src/lib.rs"));
    let undone = |state| {
        let taken_back = GateHit::TakenBack { commit: base.clone(), subject: "Theirs".to_owned() };
        judged(state, RunType::BranchUpkeep).contains(&taken_back)
    };
    assert!(!undone(&state), "one path of it is not what it was before");
    world.write("src/lib.rs", "fn one() {}\n");
    assert!(undone(&world.inspect(&worktree).await));
}

#[tokio::test]
async fn an_order_that_is_repeated_gives_the_same_merge() {
    let (world, _) = published("fn ours() {}\n").await;
    base_contradicts(&world).await;
    let first = merged(&world, "run-2").await;
    world.write("src/lib.rs", "fn resolved() {}\n");
    let world = world.restarted();
    let second = merged(&world, "run-3").await;
    assert_eq!(first, second);
    assert_eq!(read(&world, "src/lib.rs"), "fn resolved() {}\n");
    // A run that begins no merge goes on with the one under way, and one without edits does not.
    let third = world.prepare("run-4").await;
    assert_eq!(first, third);
    let afresh = PrepareOrder { keep_edits: false, ..world.order("run-5") };
    let afresh = world.workspaces.prepare(&afresh).await.expect("it is made ready");
    assert_eq!(afresh.merge, None);
    assert!(world.inspect(&afresh).await.is_clean);
}

#[tokio::test]
async fn edits_are_carried_onto_a_newer_base_and_what_git_does_not_know_stays() {
    let world = World::new().await;
    fs::write(world.human().join(".gitignore"), "cache\n").expect("written");
    world.human_pushes("trunk", "ignore").await;
    world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("new", "New.\n");
    world.write("cache", "built\n");
    fs::write(world.human().join("README"), "A better app.\n").expect("written");
    let newer = world.human_pushes("trunk", "newer").await;
    let carried = world.prepare("run-2").await;
    assert_eq!((carried.base.clone(), carried.is_behind), (newer, false));
    let state = world.inspect(&carried).await;
    assert_eq!(changed(&state), ["new", "src/lib.rs"]);
    assert_eq!(read(&world, "README"), "A better app.\n");
    assert_eq!(read(&world, "cache"), "built\n");
    // The agent's own git sees the edits as edits.
    let seen = git(&world.worktree(), &["status", "--porcelain"]).await;
    assert_eq!(seen, "M src/lib.rs\n?? new");
}

/// A crash between moving the files and writing down that they were moved: what is there looks like edits of the old base.
#[tokio::test]
async fn edits_that_were_carried_and_not_written_down_are_carried_again() {
    let world = World::new().await;
    world.prepare("run-1").await;
    let record = world.data().join("worktrees/app/APP-1.json");
    let head = world.clone().join("worktrees/APP-1/HEAD");
    let index = world.clone().join("worktrees/APP-1/index");
    let before = [&record, &head, &index].map(|path| fs::read(path).expect("it is there"));
    world.write("src/lib.rs", "fn edited() {}\n");
    world.write("new", "New.\n");
    fs::write(world.human().join("README"), "A better app.\n").expect("written");
    fs::write(world.human().join("theirs"), "Theirs.\n").expect("written");
    let newer = world.human_pushes("trunk", "newer").await;
    let carried = world.prepare("run-2").await;
    let whole = world.inspect(&carried).await;
    for (path, content) in [&record, &head, &index].into_iter().zip(before) {
        fs::write(path, content).expect("written");
    }
    // Half of the files were moved.
    fs::write(world.worktree().join("README"), "An app.\n").expect("written");
    let world = world.restarted();
    let again = world.prepare("run-2").await;
    assert_eq!((again.base.clone(), again.is_behind), (newer, false));
    assert_eq!(world.inspect(&again).await, whole);
    assert_eq!(changed(&whole), ["new", "src/lib.rs"]);
}

#[tokio::test]
async fn edits_that_contradict_the_newer_base_stay_where_they_are_and_that_is_told() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("src/lib.rs", "fn edited() {}\n");
    fs::write(world.human().join("src/lib.rs"), "fn theirs() {}\n").expect("written");
    world.human_pushes("trunk", "newer").await;
    let kept = world.prepare("run-2").await;
    assert_eq!((kept.base.clone(), kept.is_behind), (first.base.clone(), true));
    assert_eq!(read(&world, "src/lib.rs"), "fn edited() {}\n");
    // What is to be published as it is, is not even tried.
    let exactly = PrepareOrder { freshen: Freshen::Nothing, ..world.order("run-3") };
    let exactly = world.workspaces.prepare(&exactly).await.expect("it is made ready");
    assert_eq!((exactly.base, exactly.is_behind), (first.base, false));
}

#[tokio::test]
async fn edits_with_something_beside_them_that_cannot_be_kept_are_not_moved() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("new", "New.\n");
    git(&world.worktree(), &["init", "--template=", "nested"]).await;
    fs::write(world.human().join("README"), "A better app.\n").expect("written");
    world.human_pushes("trunk", "newer").await;
    let kept = world.prepare("run-2").await;
    assert_eq!((kept.base, kept.is_behind), (first.base, true));
    assert!(world.worktree().join("nested/.git").is_dir());
}

#[tokio::test]
async fn a_resolution_is_carried_onto_a_base_that_moved_once_more() {
    let (world, head) = published("fn ours() {}\n").await;
    base_contradicts(&world).await;
    merged(&world, "run-2").await;
    world.write("src/lib.rs", "fn ours() {}\nfn theirs() {}\n");
    fs::remove_file(world.worktree().join("gone.txt")).expect("removed");
    fs::write(world.human().join("README"), "A better app.\n").expect("written");
    let newer = world.human_pushes("trunk", "newer").await;
    let worktree = merged(&world, "run-3").await;
    let merge = worktree.merge.clone().expect("a merge");
    assert_eq!((merge.base, merge.head, worktree.is_behind), (newer, head.clone(), false));
    assert_eq!(read(&world, "README"), "A better app.\n");
    assert_eq!(read(&world, "src/lib.rs"), "fn ours() {}\nfn theirs() {}\n");
    let state = world.inspect(&worktree).await;
    assert!(state.unmerged.iter().all(|path| !path.has_markers), "{:?}", state.unmerged);
    assert_eq!(hits(&state), []);
    let commit = world.commit(&worktree, "run-3").await;
    let pushed = world.push(&commit, "bot/APP-1", Some(&head)).await.expect("an answer");
    assert_eq!(pushed, Pushed::Accepted);
}

#[tokio::test]
async fn no_driver_of_an_attribute_has_a_say_in_a_merge() {
    let world = World::new().await;
    fs::write(world.human().join(".gitattributes"), "*.rs merge=evil\n").expect("written");
    world.human_pushes("trunk", "attributes").await;
    let worktree = world.prepare("run-1").await;
    world.write("src/lib.rs", "fn ours() {}\n");
    world.publish(&worktree, "run-1", None).await;
    let canary = world.dir.path().join("canary");
    let driver = format!("touch {}", canary.display());
    git(&world.clone(), &["config", "merge.evil.driver", &driver]).await;
    fs::write(world.human().join("src/lib.rs"), "fn theirs() {}\n").expect("written");
    world.human_pushes("trunk", "Theirs").await;
    let worktree = merged(&world, "run-2").await;
    assert_eq!(worktree.conflicts(), [conflict("src/lib.rs", ConflictKind::Content)]);
    assert!(!canary.exists(), "something was run");
}
