//! A checkout of the operator's: what is taken from it, and that it stays what it was.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use patchrelay_domain::RepoSlug;

use super::world::{World, config, git};
use crate::{Checkout, CheckoutError, CheckoutOrder, GitWorkspaces, RemoteConfig, find_checkout};

const REPO: &str = "acme/app";

/// A clone that a human made of the remote, with its remote named after the project.
async fn checkout(world: &World) -> PathBuf {
    let remote = world.dir.path().join("acme");
    fs::create_dir(&remote).expect("made");
    symlink(world.remote(), remote.join("app.git")).expect("linked");
    git(world.dir.path(), &["clone", "--quiet", "--template=", "acme/app.git", "checkout"]).await;
    world.dir.path().join("checkout")
}

async fn found(
    world: &World,
    path: &Path,
    remote_url: Option<&str>,
) -> Result<Checkout, CheckoutError> {
    let repo: RepoSlug = REPO.parse().expect("a slug");
    let config = config(world.dir.path(), remote(world, None));
    let order = CheckoutOrder {
        path,
        repo: &repo,
        remote_url,
        own: &[world.data(), world.dir.path().join("trees")],
        base_env: &config.base_env,
        instance: &config.instance,
    };
    find_checkout(&order).await
}

fn remote(world: &World, checkout: Option<Checkout>) -> RemoteConfig {
    RemoteConfig {
        url: world.remote().display().to_string(),
        token: None,
        worktree_root: world.dir.path().join("trees"),
        checkout,
    }
}

/// The world with an adapter that knows this checkout.
fn with(world: World, checkout: Checkout) -> World {
    let config = config(world.dir.path(), remote(&world, Some(checkout)));
    World { workspaces: GitWorkspaces::new(config).expect("a usable configuration"), ..world }
}

/// Everything below a directory: its content, its mode and when it was changed.
fn everything(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        let content = if metadata.is_dir() {
            let entries = fs::read_dir(&path).expect("read");
            pending.extend(entries.map(|entry| entry.expect("an entry").path()));
            Vec::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).expect("read").into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).expect("read")
        };
        let changed = metadata.modified().expect("known");
        all.insert(path, (content, metadata.permissions().mode(), changed));
    }
    all
}

/// Work in progress of every kind, and a configuration in which everything that git could run leaves a mark.
async fn made_somebodys(path: &Path, mark: &Path) {
    let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("written");
    write("README", "stashed\n");
    git(path, &["stash"]).await;
    git(path, &["checkout", "--quiet", "-b", "mine"]).await;
    write("mine", "mine\n");
    git(path, &["add", "mine"]).await;
    git(path, &["commit", "--quiet", "-m", "not pushed"]).await;
    write("src/lib.rs", "fn staged() {}\n");
    git(path, &["add", "--all"]).await;
    write("src/lib.rs", "fn edited() {}\n");
    write("new", "untracked\n");
    let run = format!("touch {}", mark.display());
    let hooks = path.join(".git/hooks");
    fs::create_dir_all(&hooks).expect("made");
    for hook in ["post-checkout", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"] {
        fs::write(hooks.join(hook), format!("#!/bin/sh\n{run}\n")).expect("written");
        fs::set_permissions(hooks.join(hook), fs::Permissions::from_mode(0o755)).expect("set");
    }
    write(".gitattributes", "* filter=x diff=x merge=x\n");
    for (key, value) in [
        ("core.fsmonitor", run.as_str()),
        ("core.sshCommand", &run),
        ("core.alternateRefsCommand", &run),
        ("uploadpack.packObjectsHook", &run),
        ("filter.x.smudge", &run),
        ("filter.x.clean", &run),
        ("diff.x.textconv", &run),
        ("alias.rev-parse", &format!("!{run}")),
        ("alias.upload-pack", &format!("!{run}")),
        ("credential.helper", &format!("!{run}")),
        ("gc.auto", "1"),
    ] {
        let file = path.join(".git/config").display().to_string();
        git(path.parent().expect("above"), &["config", "--file", &file, key, value]).await;
    }
}

#[tokio::test]
async fn the_first_fetch_copies_from_a_checkout_and_leaves_it_as_it_was() {
    let world = World::new().await;
    fs::write(world.human().join("gone"), "gone\n").expect("written");
    let gone = world.human_pushes("gone", "on a branch that goes").await;
    let path = checkout(&world).await;
    git(&world.remote(), &["branch", "-D", "gone"]).await;
    let mark = world.dir.path().join("ran");
    made_somebodys(&path, &mark).await;
    let mine = git(world.dir.path(), &["--git-dir=checkout/.git", "rev-parse", "mine"]).await;
    drop(fs::remove_file(&mark));
    fs::write(world.human().join("gone"), "new\n").expect("written");
    let newest = world.human_pushes("trunk", "newer than the checkout").await;

    let before = everything(&path);
    let checkout = found(&world, &path, None).await.expect("it is fit");
    let world = with(world, checkout);
    let worktree = world.prepare("run-1").await;
    assert!(everything(&path) == before, "the checkout has changed");
    assert!(!mark.exists(), "something of the checkout was run");

    assert_eq!(worktree.base, newest, "the remote has the last word");
    // What the checkout knew of the remote is there, its own branches are not, and no name of either is left.
    let has = async |commit: &str| {
        let clone = world.clone().display().to_string();
        let objects = ["--git-dir", &clone, "cat-file", "--batch-check", "--batch-all-objects"];
        git(world.dir.path(), &objects).await.contains(commit)
    };
    assert!(has(gone.as_str()).await && !has(&mine).await);
    let refs = git(&world.clone(), &["for-each-ref", "--format=%(refname)"]).await;
    assert_eq!(refs, "refs/remotes/origin/trunk");
    let alternates = world.clone().join("objects/info/alternates");
    assert!(!alternates.exists(), "it needs nothing of the checkout any more");
    world.write("work", "work\n");
    world.publish(&worktree, "run-1", None).await;
    assert!(everything(&path) == before, "the checkout has changed");
    git(&path, &["status"]).await;
    assert!(mark.exists(), "git in the checkout runs what would have been seen");
}

#[tokio::test]
async fn a_checkout_that_is_gone_or_not_whole_costs_only_time() {
    for change in ["gone", "shallow", "partial"] {
        let world = World::new().await;
        world.human_pushes("trunk", "more").await;
        let path = checkout(&world).await;
        match change {
            "shallow" => {
                let tip = world.tip("trunk").await;
                fs::write(path.join(".git/shallow"), format!("{tip}\n")).expect("written");
            }
            "partial" => {
                git(&path, &["config", "remote.origin.promisor", "true"]).await;
            }
            _ => {}
        }
        let checkout = found(&world, &path, None).await.expect("it is fit");
        assert_eq!(checkout.refspec("x/").is_some(), change == "gone", "{change}");
        if change == "gone" {
            fs::remove_dir_all(&path).expect("removed");
        }
        let world = with(world, checkout);
        assert_eq!(world.prepare("run-1").await.base, world.tip("trunk").await, "{change}");
    }
}

#[tokio::test]
async fn a_checkout_says_where_its_project_is() {
    let world = World::new().await;
    let path = checkout(&world).await;
    let origin = git(&path, &["remote", "get-url", "origin"]).await;
    assert_eq!(found(&world, &path, None).await.expect("it is fit").url(), origin);
    // Of several, the usual one; another one if that leads elsewhere.
    git(&path, &["remote", "add", "a", "git@github.com:Acme/App.git"]).await;
    assert_eq!(found(&world, &path, None).await.expect("it is fit").url(), origin);
    git(&path, &["remote", "set-url", "origin", "git@github.com:fork/app.git"]).await;
    let other = found(&world, &path, None).await.expect("it is fit");
    assert_eq!(other.url(), "git@github.com:Acme/App.git");
    // A worktree that somebody made of it, and a bare repository, are as good.
    git(&path, &["worktree", "add", "--quiet", "--detach", "../second"]).await;
    assert_eq!(found(&world, &world.dir.path().join("second"), None).await.expect("fit"), other);
    let wanted = world.human().display().to_string();
    git(&world.remote(), &["remote", "add", "up", &wanted]).await;
    assert!(found(&world, &world.remote(), Some(&wanted)).await.is_ok());
}

#[tokio::test]
async fn what_is_no_checkout_of_the_project_is_refused_by_what_is_wrong() {
    let world = World::new().await;
    let path = checkout(&world).await;
    world.prepare("run-1").await;
    let refusal = async |path: &Path, remote_url: Option<&str>| {
        found(&world, path, remote_url).await.expect_err("it is unfit")
    };
    fs::write(world.dir.path().join("file"), "").expect("written");
    for unfit in ["nowhere", "file", "checkout/src", ""] {
        let error = refusal(&world.dir.path().join(unfit), None).await;
        assert!(matches!(error, CheckoutError::NoRepository { .. }), "{unfit}: {error}");
    }
    for ours in [world.worktree(), world.clone()] {
        let error = refusal(&ours, None).await;
        assert!(matches!(error, CheckoutError::Ours { .. }), "{}: {error}", ours.display());
    }
    let around = world.dir.path().join("around");
    git(world.dir.path(), &["clone", "--quiet", "acme/app.git", "around"]).await;
    fs::rename(world.dir.path().join("trees"), around.join("trees")).expect("moved");
    symlink(around.join("trees"), world.dir.path().join("trees")).expect("linked");
    let error = refusal(&around, None).await;
    assert!(matches!(error, CheckoutError::Ours { .. }), "{error}");

    let secret = "https://me:s3cret@github.com/acme/app.git";
    git(&path, &["remote", "set-url", "origin", secret]).await;
    let error = refusal(&path, None).await.to_string();
    assert!(error.contains("user or a password; set remote_url") && !error.contains("s3cret"));
    assert!(found(&world, &path, Some("https://github.com/acme/app")).await.is_ok());
    git(&path, &["remote", "set-url", "origin", "https://me:s3cret@github.com/fork/app"]).await;
    for remote_url in [None, Some("https://github.com/acme/app")] {
        let error = refusal(&path, remote_url).await.to_string();
        assert!(error.contains("no remote for acme/app (it has: origin)"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
