//! What hangs on a ticket: labels, attached pull requests, and the tickets that block it.

use patchrelay_domain::{Blocker, IssueId, LinkedPullRequest, PrNumber, TrackerStateKind};
use tracing::warn;
use url::Url;

use super::LinearTracker;
use crate::{
    operations::{IssueMore, issue_by_id, issue_more},
    transport::Failure,
};

/// How often more of it is read. So many things on one ticket mean nothing to anybody, and each page costs.
const MAX_PAGES: usize = 4;

/// What hangs on a ticket, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) labels: Vec<String>,
    pub(super) linked: Vec<LinkedPullRequest>,
    pub(super) blockers: Vec<Blocker>,
    /// From where each goes on, if it does.
    next: [Option<String>; 3],
}

/// One type has the same shape in both operations, and the generated ones are different all the same.
macro_rules! add_page {
    ($around:ident, $issue:expr, $only:expr) => {{
        let issue = $issue;
        let [labels, attachments, relations] = $only;
        if labels {
            $around.labels.extend(issue.labels.nodes.iter().map(|label| label.name.clone()));
            let page = &issue.labels.page_info;
            $around.next[0] = page.end_cursor.clone().filter(|_| page.has_next_page);
        }
        if attachments {
            let urls = issue.attachments.nodes.iter().map(|attachment| attachment.url.as_str());
            $around.linked.extend(urls.filter_map(pull_request));
            let page = &issue.attachments.page_info;
            $around.next[1] = page.end_cursor.clone().filter(|_| page.has_next_page);
        }
        if relations {
            let blocking =
                issue.inverse_relations.nodes.iter().filter(|found| found.type_ == "blocks");
            $around.blockers.extend(blocking.map(|relation| Blocker {
                key: match relation.issue.identifier.as_str() {
                    "" => relation.issue.id.clone(),
                    key => key.to_owned(),
                },
                state: TrackerStateKind::from_linear(&relation.issue.state.type_),
            }));
            let page = &issue.inverse_relations.page_info;
            $around.next[2] = page.end_cursor.clone().filter(|_| page.has_next_page);
        }
    }};
}

impl LinearTracker {
    /// What hangs on a ticket that was just read, with the pages that did not come with it.
    pub(super) async fn around(
        &self,
        issue: &IssueId,
        found: &issue_by_id::IssueByIdIssue,
    ) -> Result<Around, Failure> {
        let mut around = Around::default();
        add_page!(around, found, [true; 3]);
        let mut pages = 0;
        while around.next.iter().any(Option::is_some) {
            if pages == MAX_PAGES {
                warn!(%issue, pages, "more hangs on this ticket than is read");
                break;
            }
            pages += 1;
            let [labels, attachments, relations] = around.next.clone();
            let wanted = around.next.each_ref().map(Option::is_some);
            let id = issue.ticket.as_str().to_owned();
            let variables = issue_more::Variables { id, labels, attachments, relations };
            let more = self.transport.send::<IssueMore>(variables).await?.issue;
            add_page!(around, &more, wanted);
        }
        around.linked.sort_by_key(|linked| (linked.repo.to_string(), linked.number));
        around.linked.dedup();
        Ok(around)
    }
}

/// The pull request that an address leads to, whatever part of it.
fn pull_request(address: &str) -> Option<LinkedPullRequest> {
    let url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let mut path = url.path_segments()?;
    let (owner, name) = (path.next()?, path.next()?);
    if path.next()? != "pull" {
        return None;
    }
    let number = path.next()?.parse().ok().filter(|number| 0 < *number)?;
    let repo = format!("{owner}/{name}").parse().ok()?;
    Some(LinkedPullRequest { repo, number: PrNumber(number) })
}

#[cfg(test)]
mod tests;
