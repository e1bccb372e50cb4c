//! Remotes that do not do what they should, and clones that are not what they should be.

use std::{collections::HashMap, fs, path::Path, time::Duration};

use patchrelay_domain::{BranchName, ProjectId};
use patchrelay_ports::{PrepareOrder, PushOrder, Pushed, WorkspaceError, Workspaces};
use patchrelay_process::{Marker, leftovers};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use super::world::{World, config, git, project};
use crate::{GitConfig, GitWorkspaces, RemoteConfig};

/// Longer than git takes on a busy machine.
const PLENTY: Duration = Duration::from_secs(60);

fn at(dir: &Path, url: &str) -> GitConfig {
    let worktree_root = dir.join("trees");
    config(dir, RemoteConfig { url: url.to_owned(), token: None, worktree_root, checkout: None })
}

fn usable(config: GitConfig) -> GitWorkspaces {
    GitWorkspaces::new(config).expect("a usable configuration")
}

async fn asked(workspaces: &GitWorkspaces) -> Result<(), WorkspaceError> {
    let branch = BranchName::new("trunk");
    workspaces.remote_branch(&project("app"), &branch).await.map(drop)
}

#[tokio::test]
async fn only_a_clear_no_of_the_remote_is_a_refusal() {
    for (status, is_refusal) in [
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("429 Too Many Requests", false),
        ("500 Internal Server Error", false),
        ("502 Bad Gateway", false),
        ("503 Service Unavailable", false),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = server.local_addr().expect("bound");
        let workspaces = usable(at(dir.path(), &format!("http://{address}/acme/app.git")));
        let answer = async {
            loop {
                let (mut stream, _) = server.accept().await.expect("somebody connects");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.expect("a whole request"));
                }
                let head =
                    format!("HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"git\"\r\n");
                let answer = format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("it is read");
            }
        };
        let asked = tokio::select! {
            asked = timeout(PLENTY, asked(&workspaces)) => asked.expect("git gives up"),
            () = answer => unreachable!("it answers for ever"),
        };
        let error = asked.expect_err(status);
        match error {
            WorkspaceError::Refused { .. } => assert!(is_refusal, "{status}: {error}"),
            WorkspaceError::Remote { .. } => assert!(!is_refusal, "{status}: {error}"),
            WorkspaceError::Local { .. }
            | WorkspaceError::BranchTaken { .. }
            | WorkspaceError::Foreign { .. } => panic!("{status}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_remote_that_is_not_there_may_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = server.local_addr().expect("bound");
    drop(server);
    let workspaces = usable(at(dir.path(), &format!("http://{address}/acme/app.git")));
    let asked = asked(&workspaces).await;
    assert!(matches!(asked, Err(WorkspaceError::Remote { .. })), "{asked:?}");
}

/// The deadline comes at once: the clock stands, and jumps when everybody waits.
#[tokio::test]
async fn a_remote_that_says_nothing_is_given_up_with_every_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = server.local_addr().expect("bound");
    let instance = format!("silent-{}", std::process::id());
    let url = format!("http://{address}/acme/app.git");
    let workspaces = usable(GitConfig { instance: instance.clone(), ..at(dir.path(), &url) });
    let talk = async {
        let (stream, _) = server.accept().await.expect("somebody connects");
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(stream);
    };
    let asked = tokio::select! {
        asked = asked(&workspaces) => asked,
        () = talk => unreachable!("it waits for ever"),
    };
    tokio::time::resume();
    assert!(matches!(asked, Err(WorkspaceError::Remote { .. })), "{asked:?}");
    // They were killed; with that clock nobody had the time to wait for their end.
    let marker = Marker::new(&instance, "git");
    let gone = timeout(PLENTY, async {
        while !leftovers(&marker).await.expect("readable").is_empty() {
            tokio::task::yield_now().await;
        }
    });
    gone.await.expect("git and its helper are gone");
}

#[tokio::test]
async fn a_remote_without_commits_is_refused_with_that_line() {
    let dir = tempfile::tempdir().expect("a directory");
    git(dir.path(), &["init", "--bare", "--template=", "remote.git"]).await;
    let world = World::new().await;
    let workspaces = usable(at(dir.path(), &dir.path().join("remote.git").display().to_string()));
    let order = PrepareOrder {
        path: workspaces.worktree_path(&world.project, "APP-1"),
        ..world.order("run-1")
    };
    let refused = workspaces.prepare(&order).await;
    let Err(WorkspaceError::Refused { operation, reason }) = refused else { panic!("{refused:?}") };
    assert_eq!(
        (operation.as_str(), reason.as_str()),
        ("start from branch `trunk`", "the remote has no such branch")
    );
}

#[tokio::test]
async fn a_checkout_whose_branch_is_checked_out_is_not_pushed_to_and_not_touched() {
    let world = World::new().await;
    git(&world.human(), &["checkout", "--quiet", "-b", "bot/APP-1"]).await;
    git(&world.human(), &["commit", "--allow-empty", "-m", "Ours\n\nPatchRelay-Run: run-0"]).await;
    fs::write(world.human().join("README"), "Not committed.\n").expect("written");
    let hook = world.human().join(".git/hooks");
    fs::create_dir_all(&hook).expect("made");
    let before = git(&world.human(), &["status", "--porcelain=v2", "--branch"]).await;
    let workspaces = usable(at(world.dir.path(), &world.human().display().to_string()));
    let worktree = workspaces.prepare(&world.order("run-1")).await.expect("it is made ready");
    world.write("new", "New.\n");
    let state = workspaces.inspect(&world.project, &worktree).await.expect("it can be looked at");
    let order = world.commit_order(&worktree, &state.tree, "run-1");
    let commit = workspaces.commit(&order).await.expect("it is committed");
    let push = PushOrder {
        project: world.project.clone(),
        commit,
        branch: BranchName::new("bot/APP-1"),
        expected_remote: Some(worktree.base.clone()),
    };
    let refused = workspaces.push(&push).await;
    let Err(WorkspaceError::Refused { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("checked out"), "{reason}");
    assert_eq!(git(&world.human(), &["status", "--porcelain=v2", "--branch"]).await, before);
}

#[tokio::test]
async fn two_projects_on_one_repository_do_not_get_in_each_others_way() {
    let world = World::new().await;
    let dir = world.dir.path();
    let remote = |root: &str| RemoteConfig {
        url: world.remote().display().to_string(),
        token: None,
        worktree_root: dir.join(root),
        checkout: None,
    };
    let remotes = HashMap::from([
        (ProjectId::new("app"), remote("trees")),
        (ProjectId::new("docs"), remote("docs-trees")),
    ]);
    let workspaces = usable(GitConfig { remotes, ..config(dir, remote("trees")) });
    for (id, branch) in [("app", "bot/APP-1"), ("docs", "docs/APP-1")] {
        let order = PrepareOrder {
            path: workspaces.worktree_path(&project(id), "APP-1"),
            project: project(id),
            branch: BranchName::new(branch),
            ..world.order("run-1")
        };
        let worktree = workspaces.prepare(&order).await.expect("it is made ready");
        fs::write(Path::new(&worktree.path).join(id), "New.\n").expect("written");
        let state = workspaces.inspect(&order.project, &worktree).await.expect("it is there");
        let commit = patchrelay_ports::CommitOrder {
            project: order.project.clone(),
            ..world.commit_order(&worktree, &state.tree, "run-1")
        };
        let commit = workspaces.commit(&commit).await.expect("it is committed");
        let push = PushOrder {
            project: order.project.clone(),
            commit,
            branch: order.branch.clone(),
            expected_remote: None,
        };
        assert_eq!(workspaces.push(&push).await.expect("it is pushed"), Pushed::Accepted);
        let files = git(&world.remote(), &["ls-tree", "-r", "--name-only", branch]).await;
        let mut expected = vec!["README", id, "src/lib.rs"];
        expected.sort_unstable();
        assert_eq!(files.lines().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_shallow_clone_in_the_way_is_completed() {
    let world = World::new().await;
    for n in 0..3 {
        world.human_pushes("trunk", &format!("commit {n}")).await;
    }
    let url = format!("file://{}", world.remote().display());
    let clone = world.clone();
    fs::create_dir_all(clone.parent().expect("it is below")).expect("made");
    let to = clone.display().to_string();
    git(world.dir.path(), &["clone", "--quiet", "--bare", "--depth", "1", &url, &to]).await;
    assert!(clone.join("shallow").exists());
    let worktree = world.prepare("run-1").await;
    let count = git(&clone, &["rev-list", "--count", worktree.base.as_str()]).await;
    assert_eq!((count.as_str(), clone.join("shallow").exists()), ("4", false));
}

#[tokio::test]
async fn a_partial_clone_in_the_way_is_completed() {
    let world = World::new().await;
    fs::write(world.human().join("README"), "Another one.\n").expect("written");
    world.human_pushes("trunk", "more").await;
    git(&world.remote(), &["config", "uploadpack.allowFilter", "true"]).await;
    let url = format!("file://{}", world.remote().display());
    let clone = world.clone();
    fs::create_dir_all(clone.parent().expect("it is below")).expect("made");
    let to = clone.display().to_string();
    git(world.dir.path(), &["clone", "--quiet", "--bare", "--filter=blob:none", &url, &to]).await;
    let worktree = world.prepare("run-1").await;
    assert!(world.inspect(&worktree).await.is_clean);
    let missing = ["rev-list", "--objects", "--missing=print", "--all"];
    let missing = git(&clone, &missing).await;
    assert!(!missing.lines().any(|line| line.starts_with('?')), "{missing}");
}
