//! What the fake holds, and what happens to it. Everything that changes goes through one lock, one change after the
//! other, so webhooks are queued in the order of what they tell.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::OnceLock};

use patchrelay_domain::RepoSlug;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, watch};

use super::{
    FakeGithubError,
    bare::{Bare, Person},
    hooks::Hooks,
    pull::{self, FakePullRequest, FakePullState, Mergeable},
};
use crate::{Faults, WebhookTarget};

/// The branch that a new repository has.
const DEFAULT_BRANCH: &str = "main";

/// Who does what a human would do: merge, close, push.
pub(super) const MAINTAINER: Person =
    Person { login: "maintainer", name: "Mara Maintainer", email: "mara@example.com" };

/// All of GitHub.
#[derive(Debug)]
pub(super) struct World {
    pub(super) token: String,
    pub(super) faults: Faults,
    pub(super) hooks: Hooks,
    directory: PathBuf,
    /// Its own address, once it listens.
    root: OnceLock<String>,
    repositories: Mutex<BTreeMap<String, Repository>>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) slug: RepoSlug,
    pub(super) id: u64,
    pub(super) bare: Bare,
    pub(super) default_branch: String,
    pub(super) pulls: Vec<FakePullRequest>,
}

/// Why a pull request cannot be opened, in GitHub's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    Field(&'static str, &'static str),
    Custom(String),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field, code) => write!(f, "{field}: {code}"),
            Self::Custom(words) => f.write_str(words),
        }
    }
}

/// What a request for a pull request says.
#[derive(Clone, Debug)]
pub(super) struct NewPull {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) draft: bool,
}

/// What a change of a pull request says; what is absent stays.
#[derive(Clone, Debug, Default)]
pub(super) struct PullChange {
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) open: Option<bool>,
}

/// The repositories while nobody else changes them.
pub(super) type Repositories<'a> = MutexGuard<'a, BTreeMap<String, Repository>>;

impl World {
    pub(super) fn new(directory: PathBuf, token: String, target: WebhookTarget) -> Self {
        Self {
            token,
            faults: Faults::default(),
            hooks: Hooks::start(target),
            directory,
            root: OnceLock::new(),
            repositories: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Says where it listens. Only the first time counts.
    pub(super) fn set_root(&self, root: String) {
        self.root.get_or_init(|| root);
    }

    /// Its address, without a slash at the end.
    pub(super) fn root(&self) -> &str {
        self.root.get().map_or("", String::as_str)
    }

    /// Holds everything still.
    pub(super) async fn lock(&self) -> Repositories<'_> {
        self.repositories.lock().await
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) async fn create_repository(
        &self,
        slug: RepoSlug,
        files: &[(&str, &str)],
    ) -> Result<PathBuf, FakeGithubError> {
        let mut repositories = self.lock().await;
        let path = self.directory.join(slug.owner()).join(format!("{}.git", slug.name()));
        let bare = Bare::create(path.clone(), DEFAULT_BRANCH).await?;
        bare.commit(DEFAULT_BRANCH, None, files, "Initial commit", MAINTAINER).await?;
        let id = 500 + u64::try_from(repositories.len()).unwrap_or(u64::MAX);
        let repository = Repository {
            slug: slug.clone(),
            id,
            bare,
            default_branch: DEFAULT_BRANCH.to_owned(),
            pulls: Vec::new(),
        };
        repositories.insert(key(&slug), repository);
        Ok(path)
    }

    /// Notes what was pushed since somebody last looked, as GitHub notes it when it is pushed: the branch of an open
    /// pull request moved, or is gone.
    pub(super) async fn refresh(&self, repository: &mut Repository) -> Result<(), FakeGithubError> {
        for at in 0..repository.pulls.len() {
            let pull = &repository.pulls[at];
            if !pull.is_open() || !pull.is_of(&repository.slug) {
                continue;
            }
            let tip = repository.bare.tip(&pull.head_branch).await?;
            let base = repository.bare.tip(&pull.base_branch).await?;
            let pull = &mut repository.pulls[at];
            let before = pull.head.clone();
            match tip {
                Some(tip) if tip == before => {}
                Some(tip) => {
                    pull.head = tip.clone();
                    if let Some(base) = base {
                        pull.base = base;
                    }
                    pull.touch(now());
                    let more = json!({ "before": before, "after": tip });
                    self.announce(repository, at, "synchronize", more);
                }
                None => {
                    let now = now();
                    pull.state = FakePullState::Closed { at: now };
                    pull.touch(now);
                    self.announce(repository, at, "closed", Value::Null);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn open(
        &self,
        repository: &mut Repository,
        new: NewPull,
    ) -> Result<Result<usize, Invalid>, FakeGithubError> {
        let owner = repository.slug.owner();
        let head = match new.head.split_once(':') {
            Some((named, branch)) if named.eq_ignore_ascii_case(owner) => branch.to_owned(),
            Some(_) => return Ok(Err(Invalid::Field("head", "invalid"))),
            None => new.head.clone(),
        };
        let Some(base_tip) = repository.bare.tip(&new.base).await? else {
            return Ok(Err(Invalid::Field("base", "invalid")));
        };
        let Some(head_tip) = repository.bare.tip(&head).await? else {
            return Ok(Err(Invalid::Field("head", "invalid")));
        };
        let is_taken = repository.pulls.iter().any(|pull| {
            pull.is_open()
                && pull.is_of(&repository.slug)
                && pull.head_branch == head
                && pull.base_branch == new.base
        });
        if is_taken {
            return Ok(Err(Invalid::Custom(format!(
                "A pull request already exists for {owner}:{head}."
            ))));
        }
        match repository.bare.ahead(&base_tip, &head_tip).await? {
            None => {
                let words = format!("The {head} branch has no history in common with {}", new.base);
                return Ok(Err(Invalid::Custom(words)));
            }
            Some(0) => {
                return Ok(Err(Invalid::Custom(format!(
                    "No commits between {} and {head}",
                    new.base
                ))));
            }
            Some(_) => {}
        }
        let now = now();
        let pull = FakePullRequest {
            number: repository.next_number(),
            title: new.title,
            body: new.body,
            draft: new.draft,
            state: FakePullState::Open,
            head_repository: Some(repository.slug.to_string()),
            head_branch: head,
            head: head_tip,
            base_branch: new.base,
            base: base_tip,
            created_at: now,
            updated_at: now,
        };
        Ok(Ok(self.add(repository, pull)))
    }

    /// Adds a pull request as it is.
    pub(super) fn add(&self, repository: &mut Repository, pull: FakePullRequest) -> usize {
        let at = repository.pulls.len();
        repository.pulls.push(pull);
        self.announce(repository, at, "opened", Value::Null);
        at
    }

    /// Changes a pull request. `Err` when it was merged and should be open again.
    pub(super) fn change(
        &self,
        repository: &mut Repository,
        at: usize,
        change: PullChange,
    ) -> Result<(), Invalid> {
        let now = now();
        let pull = &mut repository.pulls[at];
        if pull.is_merged() && change.open == Some(true) {
            return Err(Invalid::Custom(
                "state cannot be changed. The pull request has been merged.".to_owned(),
            ));
        }
        let mut actions = Vec::new();
        if change.title.is_some() || change.body.is_some() {
            pull.title = change.title.unwrap_or_else(|| pull.title.clone());
            pull.body = change.body.unwrap_or_else(|| pull.body.clone());
            actions.push("edited");
        }
        match (change.open, pull.is_open()) {
            (Some(true), false) => {
                pull.state = FakePullState::Open;
                actions.push("reopened");
            }
            (Some(false), true) => {
                pull.state = FakePullState::Closed { at: now };
                actions.push("closed");
            }
            (Some(_) | None, _) => {}
        }
        if !actions.is_empty() {
            pull.touch(now);
        }
        for action in actions {
            self.announce(repository, at, action, Value::Null);
        }
        Ok(())
    }

    /// Merges an open pull request for real.
    pub(super) async fn merge(
        &self,
        repository: &mut Repository,
        at: usize,
    ) -> Result<String, FakeGithubError> {
        let pull = &repository.pulls[at];
        let number = pull.number;
        let cannot = |reason: &str| FakeGithubError::NotMergeable {
            repo: repository.slug.to_string(),
            number,
            reason: reason.to_owned(),
        };
        if !pull.is_open() {
            return Err(cannot("it is not open"));
        }
        let Some(base) = repository.bare.tip(&pull.base_branch).await? else {
            return Err(cannot("its base branch is gone"));
        };
        let message = format!(
            "Merge pull request #{number} from {}/{}\n\n{}",
            repository.slug.owner(),
            pull.head_branch,
            pull.title
        );
        let merged = repository
            .bare
            .merge(&pull.base_branch, &base, &pull.head, &message, MAINTAINER)
            .await?;
        let Some(commit) = merged else { return Err(cannot("it conflicts with its base")) };
        let now = now();
        let pull = &mut repository.pulls[at];
        pull.state = FakePullState::Merged { at: now, commit: commit.clone() };
        pull.touch(now);
        self.announce(repository, at, "closed", Value::Null);
        Ok(commit)
    }

    /// Tells the world of a change: whoever waits here, and the webhook's receiver.
    fn announce(&self, repository: &Repository, at: usize, action: &str, more: Value) {
        self.changes.send_modify(|changes| *changes += 1);
        let shown = repository.shown(self.root());
        let pull = &repository.pulls[at];
        let mut payload = json!({
            "action": action,
            "number": pull.number,
            "pull_request": pull::full(self.root(), &repository.slug, &shown, pull, Mergeable::Unknown),
            "repository": shown,
            "sender": pull::user(MAINTAINER.login),
        });
        if let Value::Object(more) = more {
            for (name, value) in more {
                payload[name.as_str()] = value;
            }
        }
        self.hooks.enqueue("pull_request", payload);
    }
}

impl Repository {
    /// It, as GitHub shows it.
    pub(super) fn shown(&self, root: &str) -> Value {
        let clone_url = format!("file://{}", self.bare.path().display());
        pull::repository(root, &self.slug, self.id, &self.default_branch, &clone_url)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.pulls.iter().map(|pull| pull.number).max().unwrap_or(0) + 1
    }

    pub(super) fn position(&self, number: u64) -> Option<usize> {
        self.pulls.iter().position(|pull| pull.number == number)
    }

    /// How an open pull request can be merged.
    pub(super) async fn mergeable(
        &self,
        pull: &FakePullRequest,
    ) -> Result<Mergeable, FakeGithubError> {
        let base = self.bare.tip(&pull.base_branch).await?;
        let Some(base) = base.filter(|_| pull.is_open()) else { return Ok(Mergeable::Unknown) };
        Ok(match self.bare.merged_tree(&base, &pull.head).await? {
            Some(_) => Mergeable::Clean,
            None => Mergeable::Dirty,
        })
    }
}

/// GitHub compares names without regard to case.
pub(super) fn key(slug: &RepoSlug) -> String {
    slug.to_string().to_ascii_lowercase()
}

/// Now, in seconds since the epoch.
pub(super) fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the fake is another machine, with a clock of its own"
    )]
    let now = chrono::Utc::now();
    now.timestamp()
}
