//! The forge port.

use async_trait::async_trait;
use patchrelay_domain::{BranchName, PrNumber, PullRequest, RepoSlug, Versioned};
use patchrelay_ports::{CallError, Forge, OpenPullRequest};
use serde::Serialize;

use crate::{
    client::{Client, GithubConfig, GithubSetupError, NoAnswer, unanswered},
    wire::{WirePullRequest, WireRepository},
};

/// How many pull requests of one branch are asked for at once. One branch rarely has more than two.
const PAGE_SIZE: usize = 30;

/// How many pages are read before we say that there are too many to be sure.
const MAX_PAGES: usize = 10;

/// GitHub's REST API as the forge.
///
/// No request is ever repeated, redirects for reads within the API apart. An error never contains the token.
#[derive(Clone, Debug)]
pub struct GithubForge {
    client: Client,
}

impl GithubForge {
    /// A client for this API. Sends nothing yet. Has to be called inside a tokio runtime, which then carries its
    /// connections.
    ///
    /// # Errors
    ///
    /// When the address or the token cannot be used, or the machine has no root certificates.
    pub fn new(config: GithubConfig) -> Result<Self, GithubSetupError> {
        Ok(Self { client: Client::new(&config)? })
    }
}

#[async_trait]
impl Forge for GithubForge {
    async fn default_branch(&self, repo: &RepoSlug) -> Result<BranchName, CallError> {
        let operation = format!("read the repository {repo}");
        let url = self.client.repository_url(repo, &[], &[]);
        let read = self.client.get::<WireRepository>(&operation, &url);
        let repository = self.client.within_deadline(&operation, read).await?;
        Ok(BranchName::new(repository.default_branch))
    }

    async fn find_pull_request(
        &self,
        repo: &RepoSlug,
        head: &BranchName,
        base: &BranchName,
    ) -> Result<Option<Versioned<PullRequest>>, CallError> {
        let operation = format!("find the pull request from `{head}` in {repo}");
        let search = self.search(&operation, repo, head, base);
        match self.client.within_deadline(&operation, search).await? {
            Some(found) => domain(&operation, found).map(Some),
            None => Ok(None),
        }
    }

    async fn open_pull_request(
        &self,
        order: &OpenPullRequest,
    ) -> Result<Versioned<PullRequest>, CallError> {
        let operation = format!("open a pull request from `{}` in {}", order.head, order.repo);
        let url = self.client.repository_url(&order.repo, &["pulls"], &[]);
        let body = WireOpen {
            title: &order.title,
            body: &order.body,
            head: order.head.as_str(),
            base: order.base.as_str(),
            draft: order.draft,
        };
        let opened = self
            .client
            .within_deadline(&operation, self.client.post(&operation, &url, &body))
            .await?;
        domain(&operation, opened)
    }

    async fn read_pull_request(
        &self,
        repo: &RepoSlug,
        number: PrNumber,
    ) -> Result<Versioned<PullRequest>, CallError> {
        let operation = format!("read the pull request {repo}{number}");
        let url = self.client.repository_url(repo, &["pulls", &number.0.to_string()], &[]);
        let read =
            self.client.within_deadline(&operation, self.client.get(&operation, &url)).await?;
        domain(&operation, read)
    }
}

impl GithubForge {
    /// Reads pages, newest first, until an open one is found or the list ends.
    async fn search(
        &self,
        operation: &str,
        repo: &RepoSlug,
        head: &BranchName,
        base: &BranchName,
    ) -> Result<Option<WirePullRequest>, CallError> {
        let owner_and_branch = format!("{}:{head}", repo.owner());
        let page_size = PAGE_SIZE.to_string();
        let mut newest: Option<WirePullRequest> = None;
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let query = [
                ("head", owner_and_branch.as_str()),
                ("base", base.as_str()),
                ("state", "all"),
                ("sort", "created"),
                ("direction", "desc"),
                ("per_page", page_size.as_str()),
                ("page", page.as_str()),
            ];
            let url = self.client.repository_url(repo, &["pulls"], &query);
            let listed: Vec<WirePullRequest> = self.client.get(operation, &url).await?;
            let is_last = listed.len() < PAGE_SIZE;
            // GitHub's filter goes by the owner's name, which also forks below the same owner have, and a filter that
            // it does not understand it ignores.
            let ours = listed.into_iter().filter(|found| {
                found.own_repository().is_some()
                    && found.head.branch == head.as_str()
                    && found.base.branch == base.as_str()
            });
            for found in ours {
                let is_better = newest.as_ref().is_none_or(|best| {
                    (best.is_open(), best.number) < (found.is_open(), found.number)
                });
                if is_better {
                    newest = Some(found);
                }
            }
            if is_last || newest.as_ref().is_some_and(WirePullRequest::is_open) {
                return Ok(newest);
            }
        }
        // A list that was cut says nothing about what is not on it.
        Err(CallError::Refused {
            operation: operation.to_owned(),
            reason: format!("the branch has more than {} pull requests", MAX_PAGES * PAGE_SIZE),
        })
    }
}

#[derive(Serialize)]
struct WireOpen<'a> {
    title: &'a str,
    body: &'a str,
    head: &'a str,
    base: &'a str,
    draft: bool,
}

fn domain(operation: &str, found: WirePullRequest) -> Result<Versioned<PullRequest>, CallError> {
    found.read().map_err(|reason| unanswered(operation, NoAnswer::Unreadable(reason)))
}

#[cfg(test)]
mod tests;
