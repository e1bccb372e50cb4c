//! What people say in the tracker.

use patchrelay_domain::{Actor, Heard, IssueFacts, IssueId, ObservationKind, RouteHint, Standing};
use patchrelay_ports::{Comment, InboxRow, OpenSession, Prompt, PromptOrder};

use super::session_opened;
use crate::{
    EngineError,
    context::Context,
    observe::{News, observe},
};

/// That a session opened.
pub(super) fn opened(session: &OpenSession, prompt: Option<String>) -> ObservationKind {
    ObservationKind::SessionOpened {
        session: session.id.clone(),
        prompt,
        author: session.author.clone(),
        opened: session.opened,
        comments: session.comments.clone(),
    }
}

/// Somebody wrote into a session.
pub(super) async fn prompted(
    context: &Context,
    row: &InboxRow,
    issue: &IssueId,
    hint: &RouteHint,
    session: &OpenSession,
    prompt: &Prompt,
) -> Result<(), EngineError> {
    let said = said(prompt);
    let known = context.ports.store.load(issue).await?.map(|stored| stored.facts);
    let Some(facts) = known.filter(|facts| facts.sessions.contains(&session.id)) else {
        // The delivery that told of the session was lost, or comes later.
        return session_opened(context, row, issue, hint, opened(session, None), Some(said)).await;
    };
    let mut kinds = vec![said];
    if !facts.is_delegated() {
        // Nobody tells when a ticket is given back, and whoever has just done that is not told that it is not ours (N47).
        let now = context.ports.tracker.read_ticket(issue).await?;
        let read = ObservationKind::TicketRead { version: now.version, ticket: now.value };
        kinds.insert(0, read);
    }
    observe(context, news_of(row, &facts, kinds)).await?;
    Ok(())
}

fn said(prompt: &Prompt) -> ObservationKind {
    let Prompt { source, said, author, order } = prompt.clone();
    match order {
        PromptOrder::Text(text) => ObservationKind::HumanInput {
            source,
            said,
            heard: Heard::Session,
            author,
            text,
            is_edit: false,
        },
        PromptOrder::Stop => {
            ObservationKind::StopRequested { source, said, by: author, reason: None }
        }
    }
}

/// Somebody commented on a ticket. What is said on tickets that are none of ours is not for us.
pub(super) async fn commented(
    context: &Context,
    row: &InboxRow,
    issue: &IssueId,
    comment: &Comment,
) -> Result<(), EngineError> {
    let Some(stored) = context.ports.store.load(issue).await? else { return Ok(()) };
    let Comment { id, parent, in_session, said, author, text, is_edit } = comment.clone();
    let heard = stored.facts.heard_of_comment(&id, parent.as_deref(), in_session, is_edit);
    let Some(heard) = heard else { return Ok(()) };
    let author = recognised(context, author).await?;
    let input = ObservationKind::HumanInput { source: id, said, heard, author, text, is_edit };
    observe(context, news_of(row, &stored.facts, vec![input])).await?;
    Ok(())
}

/// Who this is, which may be us: the tracker tells of everything that we write.
async fn recognised(context: &Context, author: Actor) -> Result<Actor, EngineError> {
    let is_us = context.ports.tracker.identity().await?.is_only_us(&author.id);
    Ok(if is_us { Actor { standing: Standing::Ourselves, ..author } } else { author })
}

fn news_of(row: &InboxRow, facts: &IssueFacts, kinds: Vec<ObservationKind>) -> News {
    News {
        issue: facts.issue.clone(),
        project: facts.project.clone(),
        correlation: row.delivery.delivery_id.clone(),
        kinds,
        deliveries: vec![row.id],
    }
}
