//! An agent may leave anything in its worktree (D25). Each trap here touches the canary when it is run.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use patchrelay_domain::GateHit;
use patchrelay_ports::{PrepareOrder, Workspaces};

use super::world::{World, git};

/// A world whose base has a submodule link, with a worktree that is full of traps.
struct Trapped {
    world: World,
    worktree: patchrelay_domain::Worktree,
    canary: PathBuf,
    trap: PathBuf,
}

impl Trapped {
    async fn new() -> Self {
        let world = World::new().await;
        let link = format!("160000,{},vendor/sub", world.tip("trunk").await);
        git(&world.human(), &["update-index", "--add", "--cacheinfo", &link]).await;
        git(&world.human(), &["commit", "-m", "a submodule"]).await;
        git(&world.human(), &["push", "../remote.git", "HEAD:refs/heads/trunk"]).await;
        let worktree = world.prepare("run-1").await;
        let canary = world.dir.path().join("canary");
        let trap = world.dir.path().join("trap");
        fs::write(
            &trap,
            format!("#!/bin/sh\n/usr/bin/touch '{}'\nexec /bin/cat\n", canary.display()),
        )
        .expect("written");
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).expect("executable");
        let trapped = Self { world, worktree, canary, trap };
        trapped.lay().await;
        trapped
    }

    async fn lay(&self) {
        let path = self.world.worktree();
        let attributes = "* filter=evil diff=evil merge=evil text eol=lf\n";
        self.world.write(".gitattributes", attributes);
        self.world.write(
            ".gitmodules",
            format!(
                "[submodule \"nested\"]\n\tpath = nested\n\turl = ext::{0}\n\tupdate = !{0}\n",
                self.trap.display()
            ),
        );
        for nested in ["nested", "deep/er/nested", "vendor/sub"] {
            self.repository(&path.join(nested), ".git").await;
            fs::write(path.join(nested).join(".gitattributes"), attributes).expect("written");
        }
        // The worktree's own `.git` leads to a repository that lies in the worktree.
        self.repository(&path.join("bait"), "home").await;
        fs::rename(path.join("bait/home"), path.join("bait/git")).expect("renamed");
        fs::write(path.join(".git"), format!("gitdir: {}\n", path.join("bait/git").display()))
            .expect("replaced");
        // A directory of the base leads out.
        let outside = self.world.dir.path().join("outside");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("lib.rs"), "secret\n").expect("written");
        fs::remove_dir_all(path.join("src")).expect("removed");
        symlink(&outside, path.join("src")).expect("linked");
        symlink("/", path.join("everything")).expect("linked");
    }

    /// A repository whose every program is a trap.
    async fn repository(&self, dir: &Path, name: &str) {
        let trap = self.trap.display().to_string();
        fs::create_dir_all(dir).expect("made");
        git(dir, &["init", "--template=", "."]).await;
        fs::write(dir.join("file"), "content\n").expect("written");
        git(dir, &["add", "--all"]).await;
        git(dir, &["commit", "-m", "bait"]).await;
        for (key, value) in [
            ("core.fsmonitor", trap.as_str()),
            ("core.sshCommand", trap.as_str()),
            ("core.hooksPath", dir.join(".git/hooks").to_str().expect("text")),
            ("filter.evil.clean", trap.as_str()),
            ("filter.evil.smudge", trap.as_str()),
            ("filter.evil.process", trap.as_str()),
            ("filter.evil.required", "true"),
            ("diff.evil.textconv", trap.as_str()),
            ("diff.external", trap.as_str()),
            ("merge.evil.driver", trap.as_str()),
        ] {
            git(dir, &["config", key, value]).await;
        }
        fs::create_dir(dir.join(".git/hooks")).expect("made");
        for hook in [
            "post-index-change",
            "post-checkout",
            "pre-commit",
            "pre-push",
            "reference-transaction",
        ] {
            fs::copy(&self.trap, dir.join(".git/hooks").join(hook)).expect("copied");
        }
        if name != ".git" {
            fs::rename(dir.join(".git"), dir.join(name)).expect("renamed");
        }
    }
}

#[tokio::test]
async fn the_traps_work() {
    let trapped = Trapped::new().await;
    git(&trapped.world.worktree(), &["status"]).await;
    assert!(trapped.canary.exists(), "a careless git runs what it finds");
}

#[tokio::test]
async fn no_operation_runs_what_an_agent_left() {
    let trapped = Trapped::new().await;
    let world = &trapped.world;
    let state = world.inspect(&trapped.worktree).await;
    let nested = |path: &str| GateHit::NestedRepository { path: path.to_owned() };
    assert_eq!(
        state.changes.found,
        [nested("deep/er/nested"), nested("nested"), nested("vendor/sub"), nested(".git")]
    );

    // Links are staged as links, and what lies behind them stays there.
    let listing = git(
        &world.clone(),
        &["ls-tree", "-r", "--format=%(objectmode) %(path)", state.tree.as_str()],
    )
    .await;
    let staged: Vec<_> = listing.lines().filter(|line| !line.contains(" bait/")).collect();
    assert_eq!(
        staged,
        [
            "100644 .gitattributes",
            "100644 .gitmodules",
            "100644 README",
            "120000 everything",
            "120000 src",
            "160000 vendor/sub"
        ]
    );

    assert!(world.rescue("run-1").await.is_some());
    let commit = world.publish(&trapped.worktree, "run-1", None).await;
    world
        .workspaces
        .diff(&world.project, &trapped.worktree.base, &commit)
        .await
        .expect("it is shown");

    // The tree with the hostile attributes is checked out again.
    let kept = world.prepare("run-2").await;
    world.inspect(&kept).await;
    let afresh = PrepareOrder { keep_edits: false, ..world.order("run-3") };
    let afresh = world.workspaces.prepare(&afresh).await.expect("it is made ready");
    assert_eq!(afresh.base, commit);
    assert!(world.inspect(&afresh).await.is_clean);
    assert!(!trapped.canary.exists(), "something was run");
    assert_eq!(
        fs::read_to_string(world.dir.path().join("outside/lib.rs")).expect("it is there"),
        "secret\n"
    );
}

#[tokio::test]
async fn a_replaced_git_file_is_ours_again_before_the_next_run() {
    let trapped = Trapped::new().await;
    let world = &trapped.world;
    let kept = world.prepare("run-2").await;
    assert!(!trapped.canary.exists(), "something was run");
    let git_file = fs::read_to_string(world.worktree().join(".git")).expect("it is a file");
    let admin = world.clone().canonicalize().expect("it is there").join("worktrees").join("APP-1");
    assert_eq!(git_file, format!("gitdir: {}\n", admin.display()));
    assert!(
        !world
            .inspect(&kept)
            .await
            .changes
            .found
            .contains(&GateHit::NestedRepository { path: ".git".to_owned() })
    );
}

#[tokio::test]
async fn a_git_directory_or_link_in_the_place_of_the_git_file_is_a_hit() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree().join(".git");
    let hit = [GateHit::NestedRepository { path: ".git".to_owned() }];
    fs::remove_file(&path).expect("removed");
    git(&world.worktree(), &["init", "--template=", "."]).await;
    assert_eq!(world.inspect(&worktree).await.changes.found, hit);
    fs::remove_dir_all(&path).expect("removed");
    symlink(world.human().join(".git"), &path).expect("linked");
    assert_eq!(world.inspect(&worktree).await.changes.found, hit);
    world.prepare("run-2").await;
    assert!(world.human().join(".git/HEAD").exists(), "what the link led to is left alone");
    assert_eq!(world.inspect(&worktree).await.changes.found, []);
}

#[tokio::test]
async fn a_directory_of_the_base_that_became_a_repository_stays_as_the_base_has_it() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    git(&world.worktree().join("src"), &["init", "--template=", "."]).await;
    world.write("src/lib.rs", "fn hidden() {}\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(state.changes.found, [GateHit::NestedRepository { path: "src".to_owned() }]);
    assert!(state.is_clean);
}
