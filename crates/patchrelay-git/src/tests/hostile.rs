//! Whatever else an agent, or the remote, may leave. Each attack has its stated answer, and nothing is run, left or
//! waited for because of it.
//!
//! | attack | answer | test |
//! |---|---|---|
//! | nested repository with filters, monitor, hooks | held for good: nested repository | `no_operation_runs_what_an_agent_left` |
//! | attributes that name filters, diff and merge drivers | published, never run | `no_operation_runs_what_an_agent_left` |
//! | `.gitmodules` that names commands | published as text, never run; protected by default | `no_operation_runs_what_an_agent_left` |
//! | a directory of a submodule is filled | held for good: nested repository | `no_operation_runs_what_an_agent_left` |
//! | a directory of the base becomes a repository | held for good; stays as the base has it | `a_directory_of_the_base_that_became_a_repository_stays_as_the_base_has_it` |
//! | `.git` leads elsewhere | held for good; ours again before the next run | `a_replaced_git_file_is_ours_again_before_the_next_run` |
//! | `.git` is a directory or a link | the same | `a_git_directory_or_link_in_the_place_of_the_git_file_is_a_hit` |
//! | a tracked directory becomes a link out | published as a link; asked about | `no_operation_runs_what_an_agent_left` |
//! | links inside, out, in circles | published as links; those that lead out are asked about | `links_are_published_as_links_wherever_they_lead` |
//! | names like options, with line breaks, escapes, no UTF-8 | published as they are | `odd_names_are_published_as_they_are` |
//! | `.git` by another name: case, short name, macOS | held for good: nested repository | `other_names_of_the_git_directory_are_held` |
//! | a link named `.gitmodules` | held for good: foreign link | `names_and_files_that_git_refuses_do_not_stop_the_rest` |
//! | huge files | over 5 MiB asked about, over 100 MiB held for good | `a_large_file_is_a_hit_only_when_it_is_changed`, `a_file_that_no_forge_takes_is_not_even_staged` |
//! | more files than anybody reviews | asked about | `more_changes_than_anybody_reviews_are_a_hit` |
//! | binary files | large or executable ones asked about | `a_large_or_executable_binary_is_asked_about` |
//! | names that differ in case or composition only | asked about | `names_that_some_systems_do_not_tell_apart_are_asked_about` |
//! | pipes, sockets | left out | `what_is_no_file_is_left_out_and_never_opened` |
//! | files and directories nobody may read | unlocked and published | `what_was_locked_away_is_published` |
//! | two names of one file, here or elsewhere | published as two files | `two_names_of_one_file_are_two_files` |
//! | directories deeper than a path can say | held for good: beyond bounds; removed with the rest | `directories_without_end_are_held_and_removed` |
//! | directories nobody may write to | removed with the rest | `what_was_locked_away_is_published` |
//! | attributes that change what is staged | without effect before they are merged | `attributes_of_the_agent_change_nothing_that_is_staged` |
//! | attributes that call files LFS's | published as text; the files stay what they are | `calling_a_file_one_of_lfs_does_not_stop_the_next_run` |
//! | a base that keeps files in LFS | refused with that line | `a_repository_with_lfs_is_refused` |
//! | `.gitignore` that hides work | new files are left out, the change of `.gitignore` shows; tracked ones are published | `an_ignore_file_hides_new_files_only` |
//! | an index that is told not to look | looked at all the same | `an_index_that_is_told_not_to_look_hides_nothing` |
//! | configuration, grafts and replacements in our clone | overwritten, or without effect | `what_is_put_into_our_clone_has_no_effect` |
//! | a remote whose branches have odd names | fetched, and nothing more | `odd_branches_of_the_remote_do_no_harm` |
//! | names of branches like options, with line breaks | refused with that line | `what_is_no_branch_or_object_is_no_argument`, `a_branch_name_that_is_none_is_refused_before_anything_is_made` |
//! | a path of a worktree that leads elsewhere | refused with that line | `a_path_elsewhere_is_not_touched`, `a_link_in_the_place_of_the_worktree_is_not_followed` |

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
};

use patchrelay_domain::{BranchName, GateHit, is_releasable};
use patchrelay_ports::{PrepareOrder, TreeState, WorkspaceError, Workspaces};

use super::world::{World, changed, git, hits};

/// What the tree has at each path, with its mode.
async fn listing(world: &World, state: &TreeState) -> Vec<String> {
    let format = "--format=%(objectmode) %(path)";
    let listing = git(&world.clone(), &["ls-tree", "-r", format, state.tree.as_str()]).await;
    listing.lines().map(str::to_owned).collect()
}

async fn afresh(world: &World) -> TreeState {
    let order = PrepareOrder { keep_edits: false, ..world.order("run-2") };
    let worktree = world.workspaces.prepare(&order).await.expect("it is made ready");
    world.inspect(&worktree).await
}

#[test]
fn every_row_names_its_tests_and_every_test_has_a_row() {
    let here = include_str!("hostile.rs");
    let tests_of = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.strip_prefix("async fn "));
        let names = names.filter(|name| name.contains("()") && !name.contains("->"));
        names.filter_map(|name| name.split('(').next()).map(str::to_owned).collect()
    };
    let others = [include_str!("attack.rs"), include_str!("limits.rs")].map(tests_of).concat();
    let rows: Vec<_> = here.lines().filter(|line| line.starts_with("//! | ")).skip(1).collect();
    assert_eq!(rows.len(), 30);
    let mut named = Vec::new();
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for test in tests.split(", ").map(|test| test.trim_matches('`').to_owned()) {
            assert!(tests_of(here).contains(&test) || others.contains(&test), "{test}: {row}");
            named.push(test);
        }
    }
    for test in tests_of(here) {
        assert!(named.contains(&test), "{test} has no row");
    }
}

#[tokio::test]
async fn links_are_published_as_links_wherever_they_lead() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    for (name, target) in [
        ("in", "src"),
        ("round", "."),
        ("src/up", ".."),
        ("a", "b"),
        ("b", "a"),
        ("src/out", "../.."),
    ] {
        symlink(target, path.join(name)).expect("linked");
    }
    symlink(world.human(), path.join("far")).expect("linked");
    let state = world.inspect(&worktree).await;
    let links: Vec<_> = listing(&world, &state)
        .await
        .into_iter()
        .filter(|line| line.starts_with("120000"))
        .collect();
    assert_eq!(links.len(), 7, "{links:?}");
    let hits = hits(&state);
    let out: Vec<_> = hits
        .iter()
        .map(|hit| match hit {
            GateHit::OutwardLink { path, .. } => path.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(out, ["far", "src/out"]);
    assert!(hits.iter().all(is_releasable));
}

#[tokio::test]
async fn odd_names_are_published_as_they_are() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let names: [&[u8]; 9] = [
        b"-x",
        b"--upload-pack=touch canary",
        b"line\nbreak",
        b"esc\x1b[2J",
        b"\xff\xfe not text",
        b":(glob)**",
        b"*",
        b"tab\tand \"quote\"",
        b"trailing ",
    ];
    for name in names {
        fs::write(world.worktree().join(OsStr::from_bytes(name)), "x\n").expect("written");
    }
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state).len(), names.len(), "{:?}", changed(&state));
    assert_eq!(hits(&state), []);
    world.publish(&worktree, "run-1", None).await;
    assert!(world.rescue("run-1").await.is_some());
    afresh(&world).await;
    for name in names {
        assert!(world.worktree().join(OsStr::from_bytes(name)).is_file(), "it comes back");
    }
}

#[tokio::test]
async fn other_names_of_the_git_directory_are_held() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let dirs = ["a", "b", "c", "d", "e"];
    let names = [".GIT", "git~1", ".git ", ".g\u{200c}it", ".git::$INDEX_ALLOCATION"];
    for (dir, name) in dirs.iter().zip(names) {
        world.write(&format!("{dir}/{name}/config"), "[core]\n");
    }
    world.write("good", "Good.\n");
    let state = world.inspect(&worktree).await;
    let held = dirs.map(|path| GateHit::NestedRepository { path: path.to_owned() });
    assert_eq!(hits(&state), held);
    assert_eq!(changed(&state), ["good"]);
}

#[tokio::test]
async fn a_large_or_executable_binary_is_asked_about() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("icon.png", b"\0png");
    world.write("data.bin", vec![0; 1024 * 1024 + 1]);
    world.write("tool", b"\x7fELF\0");
    fs::set_permissions(world.worktree().join("tool"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    let hits = hits(&world.inspect(&worktree).await);
    let binary = |path: &str, bytes| GateHit::Binary { path: path.to_owned(), bytes };
    assert_eq!(hits, [binary("data.bin", 1024 * 1024 + 1), binary("tool", 5)]);
}

#[tokio::test]
async fn names_that_some_systems_do_not_tell_apart_are_asked_about() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("readme", "Another.\n");
    world.write("SRC/new.rs", "fn new() {}\n");
    world.write("caf\u{e9}", "composed\n");
    world.write("cafe\u{301}", "not composed\n");
    let mut found = hits(&world.inspect(&worktree).await);
    found.sort_by_key(|hit| format!("{hit:?}"));
    let same = |path: &str, other: &str| GateHit::SameName {
        path: path.to_owned(),
        other: other.to_owned(),
    };
    assert_eq!(
        found,
        [
            same("SRC/new.rs", "src"),
            same("cafe\u{301}", "caf\u{e9}"),
            same("caf\u{e9}", "cafe\u{301}"),
            same("readme", "README"),
        ]
    );
    // Only renaming is no collision.
    afresh(&world).await;
    fs::rename(world.worktree().join("README"), world.worktree().join("readme")).expect("renamed");
    let state = world.inspect(&world.prepare("run-3").await).await;
    assert_eq!(hits(&state), []);
    assert_eq!(changed(&state), ["README", "readme"]);
}

#[tokio::test]
async fn what_is_no_file_is_left_out_and_never_opened() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    nix::unistd::mkfifo(&path.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    nix::unistd::mkfifo(&path.join(".gitignore"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    nix::unistd::mkfifo(&path.join(".gitattributes"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    let _socket = UnixListener::bind(path.join("socket")).expect("bound");
    world.write("good", "Good.\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), ["good"]);
    assert_eq!(hits(&state), []);
    assert!(afresh(&world).await.is_clean);
}

#[tokio::test]
async fn what_was_locked_away_is_published() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write("dir/file", "in a directory\n");
    world.write("src/lib.rs", "fn locked() {}\n");
    let path = world.worktree();
    let mode = |name: &str, mode| {
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).expect("set");
    };
    mode("dir/file", 0o000);
    mode("src/lib.rs", 0o000);
    mode("dir", 0o000);
    mode("src", 0o555);
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), ["dir/file", "src/lib.rs"]);
    assert_eq!(world.content(state.tree.as_str(), "dir/file").await, "in a directory");
    let readable = fs::metadata(path.join("dir/file")).expect("it is there").mode() & 0o400;
    assert_eq!(readable, 0o400);
    mode("dir", 0o555);
    assert!(afresh(&world).await.is_clean);
}

#[tokio::test]
async fn two_names_of_one_file_are_two_files() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let elsewhere = world.dir.path().join("elsewhere");
    fs::write(&elsewhere, "theirs\n").expect("written");
    fs::hard_link(&elsewhere, world.worktree().join("linked")).expect("linked");
    fs::hard_link(world.worktree().join("README"), world.worktree().join("again")).expect("linked");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), ["again", "linked"]);
    afresh(&world).await;
    assert_eq!(fs::read_to_string(elsewhere).expect("it is there"), "theirs\n");
}

#[tokio::test]
async fn directories_without_end_are_held_and_removed() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    // Half of it at a time, so that no path is too long for making it.
    let long = vec!["d"; 1_500].join("/");
    let (one, two) = (world.dir.path().join("one"), world.dir.path().join("two"));
    fs::create_dir_all(one.join(&long)).expect("made");
    fs::create_dir_all(two.join(&long)).expect("made");
    fs::write(two.join("file"), "deep\n").expect("written");
    fs::rename(two, one.join(&long).join("two")).expect("moved");
    fs::rename(one, world.worktree().join("deep")).expect("moved");
    world.write("good", "Good.\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), ["good"]);
    let found = hits(&state);
    assert!(matches!(&found[..], [GateHit::BeyondBounds { path }] if path.starts_with("deep/d/d")));
    assert!(!is_releasable(&found[0]));
    assert!(afresh(&world).await.is_clean);
    assert!(!world.worktree().join("deep").exists());
}

#[tokio::test]
async fn attributes_of_the_agent_change_nothing_that_is_staged() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let attributes = "* text eol=lf ident\n*.txt working-tree-encoding=UTF-16\n*.c export-subst\n";
    world.write(".gitattributes", attributes);
    world.write("plain.txt", "not UTF-16\r\n");
    world.write("dos.rs", "one\r\ntwo\r\n$Id: mine $\r\n");
    let state = world.inspect(&worktree).await;
    for (path, content) in
        [("plain.txt", "not UTF-16\r"), ("dos.rs", "one\r\ntwo\r\n$Id: mine $\r")]
    {
        assert_eq!(world.content(state.tree.as_str(), path).await, content.trim_end(), "{path}");
    }
    let size = git(&world.clone(), &["cat-file", "-s", &format!("{}:dos.rs", state.tree)]).await;
    assert_eq!(size, "23");
}

#[tokio::test]
async fn calling_a_file_one_of_lfs_does_not_stop_the_next_run() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    world.write("data.bin", "content\n");
    let commit = world.publish(&worktree, "run-1", None).await;
    assert_eq!(world.content(commit.as_str(), "data.bin").await, "content");
    assert_eq!(world.prepare("run-2").await.base, commit);
}

#[tokio::test]
async fn a_repository_with_lfs_is_refused() {
    let world = World::new().await;
    fs::write(world.human().join(".gitattributes"), "*.bin filter=lfs\n").expect("written");
    world.human_pushes("trunk", "LFS").await;
    let refused = world.workspaces.prepare(&world.order("run-1")).await;
    let Err(WorkspaceError::Local { source, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(source.to_string(), "it keeps files in LFS, which is not supported");
}

#[tokio::test]
async fn an_ignore_file_hides_new_files_only() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write(".gitignore", "*\n!.gitignore\n");
    world.write("src/lib.rs", "fn changed() {}\n");
    world.write("hidden", "new\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), [".gitignore", "src/lib.rs"]);
}

#[tokio::test]
async fn an_index_that_is_told_not_to_look_hides_nothing() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    git(&path, &["update-index", "--skip-worktree", "src/lib.rs"]).await;
    git(&path, &["update-index", "--assume-unchanged", "README"]).await;
    world.write("src/lib.rs", "fn changed() {}\n");
    world.write("README", "Changed.\n");
    assert_eq!(changed(&world.inspect(&worktree).await), ["README", "src/lib.rs"]);
}

#[tokio::test]
async fn what_is_put_into_our_clone_has_no_effect() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let clone = world.clone();
    let canary = world.dir.path().join("canary");
    let head = worktree.base.as_str();
    git(&clone, &["config", "core.worktree", "/"]).await;
    git(&clone, &["config", "core.fsmonitor", &format!("touch {}", canary.display())]).await;
    git(&clone, &["config", "core.sparseCheckout", "true"]).await;
    let empty = git(&clone, &["hash-object", "-t", "tree", "-w", "/dev/null"]).await;
    let other = git(&clone, &["commit-tree", &empty, "-m", "other"]).await;
    git(&clone, &["replace", head, &other]).await;
    fs::create_dir_all(clone.join("info")).expect("made");
    fs::write(clone.join("info/grafts"), format!("{head} {other}\n")).expect("written");
    fs::write(clone.join("info/sparse-checkout"), "/nothing\n").expect("written");
    fs::create_dir_all(clone.join("objects/info")).expect("made");
    fs::write(clone.join("objects/info/alternates"), "/nowhere/objects\n").expect("written");
    world.write("new", "New.\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state), ["new"]);
    let commit = world.publish(&worktree, "run-1", None).await;
    assert_eq!(world.paths(commit.as_str()).await, ["README", "new", "src/lib.rs"]);
    assert!(afresh(&world).await.is_clean);
    assert!(world.worktree().join("README").exists());
    assert!(!canary.exists(), "something was run");
}

#[tokio::test]
async fn odd_branches_of_the_remote_do_no_harm() {
    let world = World::new().await;
    let tip = world.tip("trunk").await;
    for name in ["-x", "--upload-pack=x", "HEAD", "refs/heads/trunk", "a;b", "$(x)", "é"] {
        let name = format!("refs/heads/{name}");
        git(&world.remote(), &["update-ref", &name, tip.as_str()]).await;
    }
    let other = world.human_pushes("other", "other").await;
    git(&world.remote(), &["update-ref", &format!("refs/replace/{tip}"), other.as_str()]).await;
    let worktree = world.prepare("run-1").await;
    assert_eq!(worktree.base, tip);
    world.write("new", "New.\n");
    let commit = world.publish(&worktree, "run-1", None).await;
    assert_eq!(world.tip("bot/APP-1").await, commit);
    assert_eq!(world.tip("trunk").await, tip);
    assert_eq!(git(&world.clone(), &["for-each-ref", "refs/replace"]).await, "");
}

#[tokio::test]
async fn a_branch_name_that_is_none_is_refused_before_anything_is_made() {
    let world = World::new().await;
    for branch in ["-x", "--upload-pack=x", "a\nb", "a\u{1b}b", "a b", "../x", "a..b", ""] {
        let order = PrepareOrder { branch: BranchName::new(branch), ..world.order("run-1") };
        let refused = world.workspaces.prepare(&order).await;
        assert!(matches!(refused, Err(WorkspaceError::Local { .. })), "{branch:?}: {refused:?}");
        assert!(!world.worktree().exists());
    }
}
