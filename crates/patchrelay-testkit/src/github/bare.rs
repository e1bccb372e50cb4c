//! A bare git repository, worked on without a checkout.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use patchrelay_process::{Command, Output};

use super::FakeGithubError;

/// How long one git command may take. They work on small local repositories; a machine under load is slow, not stuck.
const GIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The most output of git that is read, in bytes.
const MAX_OUTPUT: usize = 32 * 1024 * 1024;

/// Separates the fields of a log line, and its lines: neither occurs in text that people write.
const FIELD: char = '\u{1f}';
const RECORD: char = '\u{1e}';

/// A commit of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeCommit {
    /// Its id.
    pub sha: String,
    /// Its author, as `Name <address>`.
    pub author: String,
    /// Its whole message, without blank lines at its end.
    pub message: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
}

/// Who a commit is by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) login: &'static str,
    pub(super) name: &'static str,
    pub(super) email: &'static str,
}

/// A repository of the fake.
#[derive(Clone, Debug)]
pub(super) struct Bare {
    path: PathBuf,
}

impl Bare {
    /// Makes an empty one.
    pub(super) async fn create(
        path: PathBuf,
        default_branch: &str,
    ) -> Result<Self, FakeGithubError> {
        std::fs::create_dir_all(&path).map_err(|source| FakeGithubError::Directory {
            path: path.display().to_string(),
            source,
        })?;
        let bare = Self { path };
        let branch = format!("--initial-branch={default_branch}");
        bare.expect("init", bare.git(&["init", "--bare", "--quiet", &branch, "."])).await?;
        Ok(bare)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The tip of a branch; `None` when it does not exist.
    pub(super) async fn tip(&self, branch: &str) -> Result<Option<String>, FakeGithubError> {
        if let Some(tip) = self.loose_tip(branch) {
            return Ok(Some(tip));
        }
        let reference = format!("refs/heads/{branch}^{{commit}}");
        let output = self
            .run(self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &reference]))
            .await?;
        Ok(output.status.success().then(|| line(&output)))
    }

    /// The tip of a branch that has a file of its own, which counts more than the packed ones. Reading it saves a process
    /// each time that somebody asks about a repository.
    fn loose_tip(&self, branch: &str) -> Option<String> {
        let file = self.path.join("refs/heads").join(branch);
        let text = std::fs::read_to_string(file).ok()?;
        let tip = text.trim_end();
        let is_commit = tip.len() == 40 && tip.chars().all(|c| c.is_ascii_hexdigit());
        is_commit.then(|| tip.to_owned())
    }

    /// Commits these files on top of a branch, which is made from `from` if it does not exist.
    pub(super) async fn commit(
        &self,
        branch: &str,
        from: Option<&str>,
        files: &[(&str, &str)],
        message: &str,
        author: Person,
    ) -> Result<String, FakeGithubError> {
        let parent = match self.tip(branch).await? {
            Some(tip) => Some(tip),
            None => from.map(str::to_owned),
        };
        let mut stream = format!(
            "feature done\ncommit refs/heads/{branch}\ncommitter {} <{}> now\n",
            author.name, author.email
        );
        data(&mut stream, message);
        if let Some(parent) = parent {
            stream.push_str(&format!("from {parent}\n"));
        }
        for (path, content) in files {
            stream.push_str(&format!("M 100644 inline {path}\n"));
            data(&mut stream, content);
        }
        stream.push_str("done\n");
        let import = self.git(&["fast-import", "--quiet", "--date-format=now"]).stdin(stream);
        self.expect("fast-import", import).await?;
        self.tip(branch).await?.ok_or_else(|| FakeGithubError::Git {
            command: "fast-import",
            reason: format!("the branch `{branch}` is not there afterwards"),
        })
    }

    /// How many commits `head` has that `base` has not; `None` when they have no history in common.
    pub(super) async fn ahead(
        &self,
        base: &str,
        head: &str,
    ) -> Result<Option<u64>, FakeGithubError> {
        let common = self.run(self.git(&["merge-base", base, head])).await?;
        if !common.status.success() {
            return Ok(None);
        }
        let count = self
            .expect("rev-list", self.git(&["rev-list", "--count", &format!("{base}..{head}")]))
            .await?;
        Ok(line(&count).parse().ok())
    }

    /// The tree of merging two commits; `None` when they conflict.
    pub(super) async fn merged_tree(
        &self,
        base: &str,
        head: &str,
    ) -> Result<Option<String>, FakeGithubError> {
        let output = self.run(self.git(&["merge-tree", "--write-tree", base, head])).await?;
        match output.status.code() {
            Some(0) => Ok(Some(line(&output))),
            Some(1) => Ok(None),
            _ => Err(FakeGithubError::Git { command: "merge-tree", reason: output.stderr }),
        }
    }

    /// Merges `head` into the branch with a merge commit, if it is still at `base`; `None` when they conflict.
    pub(super) async fn merge(
        &self,
        branch: &str,
        base: &str,
        head: &str,
        message: &str,
        author: Person,
    ) -> Result<Option<String>, FakeGithubError> {
        let Some(tree) = self.merged_tree(base, head).await? else { return Ok(None) };
        let commit = ["AUTHOR", "COMMITTER"].iter().fold(
            self.git(&["commit-tree", &tree, "-p", base, "-p", head, "-m", message]),
            |command, role| {
                command
                    .env(format!("GIT_{role}_NAME"), author.name)
                    .env(format!("GIT_{role}_EMAIL"), author.email)
            },
        );
        let merge = line(&self.expect("commit-tree", commit).await?);
        let reference = format!("refs/heads/{branch}");
        self.expect("update-ref", self.git(&["update-ref", &reference, &merge, base])).await?;
        Ok(Some(merge))
    }

    /// The commits of a branch, newest first.
    pub(super) async fn log(&self, branch: &str) -> Result<Vec<FakeCommit>, FakeGithubError> {
        let format = format!("--format=%H{FIELD}%an <%ae>{FIELD}%P{FIELD}%B{RECORD}");
        let log =
            self.git(&["log", &format, "--end-of-options", &format!("refs/heads/{branch}"), "--"]);
        let log = text(&self.expect("log", log).await?);
        let commits = log.split(RECORD).filter_map(|record| {
            let mut fields = record.trim_start_matches('\n').splitn(4, FIELD).map(str::to_owned);
            let (sha, author, parents) = (fields.next()?, fields.next()?, fields.next()?);
            let parents = parents.split_whitespace().map(str::to_owned).collect();
            Some(FakeCommit { sha, author, message: fields.next()?.trim_end().to_owned(), parents })
        });
        Ok(commits.collect())
    }

    /// The patch from one revision to another.
    pub(super) async fn diff(&self, from: &str, to: &str) -> Result<String, FakeGithubError> {
        let diff =
            self.git(&["diff", "--no-color", "--no-ext-diff", "--end-of-options", from, to, "--"]);
        Ok(text(&self.expect("diff", diff).await?))
    }

    /// A file at the tip of a branch; `None` when it or the branch does not exist.
    pub(super) async fn file(
        &self,
        branch: &str,
        path: &str,
    ) -> Result<Option<String>, FakeGithubError> {
        let name = format!("refs/heads/{branch}:{path}");
        let output = self.run(self.git(&["cat-file", "blob", &name])).await?;
        Ok(output.status.success().then(|| text(&output)))
    }

    /// git in this repository, with no configuration but the repository's.
    fn git(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git", &self.path)
            .args(args)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .max_stdout(MAX_OUTPUT);
        #[expect(
            clippy::disallowed_methods,
            reason = "the fake is a machine of its own and finds git as its user does"
        )]
        let path = std::env::var_os("PATH");
        if let Some(path) = path {
            command = command.env("PATH", path);
        }
        command
    }

    async fn run(&self, command: Command) -> Result<Output, FakeGithubError> {
        Ok(command.run(GIT_TIMEOUT).await?)
    }

    async fn expect(
        &self,
        name: &'static str,
        command: Command,
    ) -> Result<Output, FakeGithubError> {
        let output = self.run(command).await?;
        if output.status.success() {
            Ok(output)
        } else {
            Err(FakeGithubError::Git { command: name, reason: output.stderr.trim().to_owned() })
        }
    }
}

/// fast-import's way to quote: the length first.
fn data(stream: &mut String, content: &str) {
    stream.push_str(&format!("data {}\n{content}\n", content.len()));
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first line.
fn line(output: &Output) -> String {
    text(output).lines().next().unwrap_or_default().to_owned()
}
