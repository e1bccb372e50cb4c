//! How often the remote is asked.

use std::{fs, os::unix::fs::PermissionsExt};

use patchrelay_domain::BranchName;
use patchrelay_ports::{PrepareOrder, Workspaces};
use tokio::{task::JoinSet, time::Instant};

use super::world::{World, config};
use crate::{
    GitWorkspaces, RemoteConfig, clone,
    git::Git,
    locks::Held,
    place::{Place, Repository},
};

/// A git that notes what it is asked to do.
const NOTING: &str = "#!/bin/sh\nprintf '%s\\n' \"$*\" >> \"$HOME/calls\"\nPATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n";

fn remote(world: &World) -> RemoteConfig {
    RemoteConfig {
        url: world.remote().display().to_string(),
        token: None,
        worktree_root: world.dir.path().join("trees"),
        checkout: None,
    }
}

#[tokio::test]
async fn worktrees_that_are_asked_for_together_take_at_most_two_fetches() {
    let world = World::new().await;
    let dir = world.dir.path();
    fs::create_dir(dir.join("bin")).expect("made");
    fs::write(dir.join("bin/git"), NOTING).expect("written");
    fs::set_permissions(dir.join("bin/git"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    let mut config = config(dir, remote(&world));
    config.base_env[0].1 = format!("{}:/usr/local/bin:/usr/bin:/bin", dir.join("bin").display());
    let workspaces =
        std::sync::Arc::new(GitWorkspaces::new(config).expect("a usable configuration"));
    let mut asked = JoinSet::new();
    for n in 0..8 {
        let order = PrepareOrder {
            path: workspaces.worktree_path(&world.project, &format!("APP-{n}")),
            branch: BranchName::new(format!("bot/APP-{n}")),
            ..world.order(&format!("run-{n}"))
        };
        let workspaces = workspaces.clone();
        asked.spawn(async move { workspaces.prepare(&order).await.map(|worktree| worktree.base) });
    }
    let tip = world.tip("trunk").await;
    while let Some(made) = asked.join_next().await {
        assert_eq!(made.expect("it does not panic").expect("it is made ready"), tip);
    }
    let calls = fs::read_to_string(dir.join("calls")).expect("it was called");
    let fetches = calls.lines().filter(|call| call.contains("fetch --quiet")).count();
    assert!((1..=2).contains(&fetches), "{fetches} fetches\n{calls}");
}

/// What began before somebody asked may have looked before what they ask about.
#[tokio::test]
async fn only_a_fetch_that_began_after_one_asked_is_as_good_as_their_own() {
    let world = World::new().await;
    let config = config(world.dir.path(), remote(&world));
    let git = Git::new(&config);
    let repository = Repository::of(&config, &world.project).expect("it is configured");
    let place = Place::of(&config, &world.project, &world.order("run-1").path).expect("a place");
    let tip = async || {
        let branch = BranchName::new("trunk");
        clone::fetched_tip(&git, &place.clone, &branch).await.expect("it can be read")
    };
    let (mut held, waiting) = (Held::default(), Instant::now());
    clone::refresh(&git, &repository, &mut held, waiting).await.expect("it is fetched");
    let old = tip().await;
    fs::write(world.human().join("new"), "new\n").expect("written");
    let new = world.human_pushes("trunk", "new").await;
    clone::refresh(&git, &repository, &mut held, waiting).await.expect("it was fetched");
    assert_eq!(tip().await, old, "who waited since before that fetch has what they asked for");
    clone::refresh(&git, &repository, &mut held, Instant::now()).await.expect("it is fetched");
    assert_eq!(tip().await, Some(new));
    // Nothing is as good where nothing is left.
    fs::remove_dir_all(&place.clone).expect("removed");
    clone::refresh(&git, &repository, &mut held, waiting).await.expect("it is fetched");
    assert!(tip().await.is_some());
}
