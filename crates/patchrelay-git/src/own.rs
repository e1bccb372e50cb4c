//! A repository of the agent's own, for an agent that commits, pushes and opens the pull request itself.
//!
//! It shares nothing with our clone, not even a file: whatever the agent does to it, ours stays what it is. No call of
//! ours reads it after an agent was in it (D25); what counts is in the files beside it and on the remote.

use std::fs;

use patchrelay_domain::{BranchName, CommitSha};
use patchrelay_ports::WorkspaceError;

use crate::{
    clone::blocking,
    config::{Identity, RemoteConfig},
    error::local,
    git::Git,
    names::{branch_ref, commit_arg},
    place::Place,
};

/// What git asks for the credential. It answers from the environment, where only the agent's commands have it.
const CREDENTIAL_HELPER: &str = r#"!f() { test "$1" = get && printf 'username=x-access-token\npassword=%s\n' "$GH_TOKEN"; }; f"#;

/// What such a repository is made for.
pub(crate) struct Repository<'a> {
    /// The branch that the agent publishes.
    pub branch: &'a BranchName,
    /// Where to.
    pub remote: &'a RemoteConfig,
    /// As whom it commits.
    pub identity: &'a Identity,
}

impl Repository<'_> {
    /// Makes the repository in the place, which has to be empty, with the branches that our clone knows of the remote,
    /// and its own branch checked out at this commit.
    pub(crate) async fn fill(
        &self,
        git: &Git,
        place: &Place,
        commit: &CommitSha,
    ) -> Result<(), WorkspaceError> {
        let failed = || format!("make the repository `{}`", place.path.display());
        let (branch, commit) = (branch_ref(self.branch)?, commit_arg(commit)?);
        let marker = git.marker_of(&place.path);
        let init = git.anywhere(&place.root).marked(&marker);
        let init = init.args(["init", "--quiet", "--template=", "--initial-branch=none", "--"]);
        init.args([&place.path]).done().await.map_err(local(failed()))?;
        let own = place.path.join(".git");
        let (config, text) = (own.join("config"), self.config());
        blocking(move || fs::write(config, text)).await.map_err(local(failed()))?;
        let here = || git.in_repository(&own).marked(&marker);
        let fetch = here().args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]);
        let fetch = fetch.args(["--no-auto-maintenance", "--no-recurse-submodules", "--"]);
        let fetch =
            fetch.args([&place.clone]).args(["+refs/remotes/origin/*:refs/remotes/origin/*"]);
        fetch.done().await.map_err(local(failed()))?;
        for call in [
            here().args(["update-ref", &branch, commit]),
            here().args(["symbolic-ref", "HEAD", &branch]),
            here().with_files(&place.path, &own.join("index")).args([
                "read-tree",
                "--reset",
                "-u",
                "HEAD",
            ]),
        ] {
            call.done().await.map_err(local(failed()))?;
        }
        Ok(())
    }

    /// Everything that git has to know to commit and push there.
    fn config(&self) -> String {
        let Self { branch, remote, identity } = self;
        let branch = branch.as_str();
        let credential = remote.token.as_ref().and(remote.token_scope()).map(|scope| {
            format!("[credential {}]\n\thelper = {}\n", quoted(scope), quoted(CREDENTIAL_HELPER))
        });
        format!(
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
             [user]\n\tname = {}\n\temail = {}\n\
             [push]\n\tdefault = current\n\
             [remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
             [branch {}]\n\tremote = origin\n\tmerge = {}\n{}",
            quoted(&identity.name),
            quoted(&identity.email),
            quoted(&remote.url),
            quoted(branch),
            quoted(&format!("refs/heads/{branch}")),
            credential.unwrap_or_default(),
        )
    }
}

/// As git reads it in its configuration, whatever it holds but line breaks, which are in no value of ours.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
