//! What has to be repaired: the section of a run that reacts to a review, a check, the merge queue or the base branch.

use super::{
    block::{Block, Channel, Trust, name, one_line},
    context::{CiContext, Conflict, FailedCheck, QueueContext, ReviewContext, UpkeepContext, Work},
    document::{Section, SectionKind},
    request::{Publisher, Request},
    sections::{items, lines},
};
use crate::BranchName;

/// The most inline comments of a review that one prompt shows.
const MAX_COMMENTS: usize = 50;
/// The longest path or address of a comment, in characters: its text must not lose its room to them.
const MAX_PLACE: usize = 500;

/// The section of this run's type. Empty for an implementation.
pub(super) fn repair(request: &Request<'_>) -> Section {
    let mut section = Section::new(SectionKind::Repair);
    match request.work {
        Work::Implementation => {}
        Work::ReviewFix(context) => review_fix(&mut section, request, context),
        Work::CiRepair(context) => ci_repair(&mut section, request, context),
        Work::QueueRepair(context) => queue_repair(&mut section, request, context),
        Work::BranchUpkeep(context) => branch_upkeep(&mut section, request, context),
    }
    section
}

fn review_fix(section: &mut Section, request: &Request<'_>, context: &ReviewContext) {
    section.say("# Requested changes");
    section
        .say("A reviewer does not let the pull request be merged before these points are settled.");
    if context.degraded {
        section.say(
            "The forge could not be asked for the whole review just now, so points may be missing here. What is \
             quoted still holds.",
        );
    }
    let comments: Vec<_> =
        context.comments.iter().filter(|comment| !comment.body.trim().is_empty()).collect();
    let count = comments.len().to_string();
    let is_structured = context.review_id.is_some()
        || context.reviewed_head.is_some()
        || context.url.is_some()
        || !comments.is_empty();
    section.quote(lines(
        Channel::Review,
        Trust::Machine,
        &[
            ("reviewer", context.reviewer.as_deref()),
            ("review id", context.review_id.as_deref()),
            ("reviewed head", context.reviewed_head.as_ref().map(|head| head.as_str())),
            ("url", context.url.as_deref()),
            ("inline comments", is_structured.then_some(count.as_str())),
        ],
    ));
    let author = context.reviewer.as_deref();
    let body = context.body.as_deref().unwrap_or_default();
    section.quote(Block::new(Channel::ReviewBody, author, context.trust, body));
    for comment in comments.iter().take(MAX_COMMENTS) {
        let mut place = comment
            .path
            .as_deref()
            .map_or_else(|| "general".to_owned(), |path| one_line(path, MAX_PLACE));
        if let Some(line) = comment.line {
            place.push_str(&format!(":{line}"));
        }
        if let Some(side) = &comment.side {
            place.push_str(&format!(" ({})", one_line(side, MAX_PLACE)));
        }
        let url = comment.url.as_deref().map(|url| format!("\nurl: {}", one_line(url, MAX_PLACE)));
        let text = format!("place: {place}{}\n\n{}", url.unwrap_or_default(), comment.body);
        section.quote(Block::new(Channel::ReviewComment, author, context.trust, &text));
    }
    if is_structured && comments.is_empty() {
        section.say("No inline comments were captured.");
    }
    if let Some(more @ 1..) = comments.len().checked_sub(MAX_COMMENTS) {
        section.say(format!("{more} more inline comments are left out."));
    }
    section.say("## How to address them");
    let origin = origin(request.base_branch);
    section.list([
        "What is quoted above is your checklist: take it point by point.",
        &format!(
            "Compare it with the present difference to {origin} first. An update of the branch may have settled a point \
             already."
        ),
        "Settle each point by a change, or note in a sentence why it is settled without one.",
        "Where a point is about a resource, a state or a rule, look at every place that creates, changes, fails or \
         frees it, and not only at the line that was named.",
        match request.publisher {
            Publisher::Harness => {
                "If a point refers to something that is not quoted, do not guess: settle the rest, and say in your \
                 report what was missing."
            }
            Publisher::Agent => {
                "If a point refers to something that is not quoted, read the review threads on the forge."
            }
        },
        "The review is settled by a new head only. If nothing at all should change, leave the directory as it is \
         and put the point as a question into your report: the reviewed state is not handed in a second time.",
        NARROW,
    ]);
}

fn ci_repair(section: &mut Section, request: &Request<'_>, context: &CiContext) {
    section.say("# Failed checks");
    section.say(
        "The checks of the pull request are over, and its gate is red. The check, job and step that are named here are \
         what you repair.",
    );
    let job =
        context.failed_job.as_deref().filter(|job| Some(*job) != context.failed_check.as_deref());
    section.quote(lines(
        Channel::Check,
        Trust::Machine,
        &[
            ("gate check", context.gate_check.as_deref()),
            ("gate status", context.gate_status.as_deref()),
            ("settled at", context.settled_at.as_deref()),
            ("failing head", context.failing_head.as_ref().map(|head| head.as_str())),
            ("failed check", context.failed_check.as_deref()),
            ("failed job", job),
            ("failed step", context.failed_step.as_deref()),
            ("check url", context.check_url.as_deref()),
            ("job url", context.job_url.as_deref()),
        ],
    ));
    let summary = context.summary.as_deref().unwrap_or_default();
    section.quote(Block::new(Channel::CheckSummary, None, Trust::Machine, summary));
    items(section, Channel::Annotations, context.annotations.iter().map(String::as_str));
    failed_checks(section, Channel::OtherChecks, &context.other_failed);
    if !context.other_failed.is_empty() {
        section.say("The other checks that failed are context, and not what you repair.");
    }
    if !context.conflicts.is_empty() {
        section.say(base_merge(request));
        conflicts(section, &context.conflicts);
    }
    section.say("## How to repair it");
    let first: &[&str] = match request.publisher {
        // What is published is checked against the remote branch by us (D14).
        Publisher::Harness => &[],
        Publisher::Agent => &[
            "First fetch the remote branch. If its tip moved, start again from there instead of publishing older work.",
            "Read the newest log of the named check.",
        ],
    };
    section.list(first.iter().copied().chain([
        "Reproduce the failure on this very head, with the narrowest command that shows it, before you change \
         anything. If it does not fail here and nothing in the code explains it, change nothing and report that the \
         check should run again.",
        "Repair the cause, once you know it, and nothing beside it. Workflow files, the installation of dependencies \
         and unrelated tests are left alone; if the cause lies there, say so in your report.",
        "Change what a test expects only if the test itself is wrong.",
        UNDO_NOTHING,
        NARROW,
    ]));
}

fn queue_repair(section: &mut Section, request: &Request<'_>, context: &QueueContext) {
    let mut incident = Section::new(SectionKind::Repair);
    let position = context.queue_position.map(|position| position.to_string());
    // Where the queue works is no incident: only what happened there makes the part appear.
    let happened = [
        ("incident", context.incident_title.as_deref()),
        ("incident id", context.incident_id.as_deref()),
        ("incident url", context.incident_url.as_deref()),
        ("failure class", context.failure_class.as_deref()),
        ("base head tried", context.base_sha.as_ref().map(|sha| sha.as_str())),
        ("head tried", context.pr_head.as_ref().map(|sha| sha.as_str())),
        ("position in the queue", position.as_deref()),
    ];
    let place = [
        ("base branch", context.base_branch.as_deref()),
        ("branch tried", context.branch.as_deref()),
    ];
    let summary = context.incident_summary.as_deref().unwrap_or_default();
    let summary = Block::new(Channel::IncidentSummary, None, Trust::Machine, summary);
    let lists = !context.conflict_files.is_empty()
        || !context.failed_checks.is_empty()
        || !context.retry_history.is_empty();
    if happened.iter().any(|(_, value)| value.is_some()) || summary.is_some() || lists {
        let values: Vec<_> = happened.into_iter().chain(place).collect();
        incident.quote(lines(Channel::Incident, Trust::Machine, &values));
        incident.quote(summary);
        let files = context.conflict_files.iter().map(String::as_str);
        items(&mut incident, Channel::QueueConflicts, files);
        failed_checks(&mut incident, Channel::QueueChecks, &context.failed_checks);
        let tries: Vec<_> = context
            .retry_history
            .iter()
            .map(|tried| format!("{}: {} on base {}", tried.at, tried.outcome, tried.base_sha))
            .collect();
        items(&mut incident, Channel::QueueHistory, tries.iter().map(String::as_str));
    }
    if !incident.parts.is_empty() {
        section.say("# What happened in the merge queue");
        section.parts.append(&mut incident.parts);
    }
    section.say("# Refused by the merge queue");
    section.say("The merge queue tried the pull request on the newest base branch and refused it.");
    section.quote(lines(
        Channel::Check,
        Trust::Machine,
        &[
            ("reason", context.failure_reason.as_deref()),
            ("check", context.check_name.as_deref()),
            ("check url", context.check_url.as_deref()),
        ],
    ));
    conflicts(section, &context.conflicts);
    section.say("## How to repair it");
    section.list([
        base_merge(request).as_str(),
        "Keep what both sides meant. If they contradict each other in meaning, do not choose: stop, and say what \
         contradicts what.",
        UNDO_NOTHING,
        NARROW,
    ]);
    if context.requires_fresh_head {
        section.say(match request.publisher {
            Publisher::Harness => {
                "The queue does not take this head again. If you find that no file has to change, leave the directory \
                 as it is and say so in your report: PatchRelay then publishes the same content as a new head."
            }
            Publisher::Agent => {
                "The queue does not take this head again: publish a new one, with an empty commit if no file has to \
                 change."
            }
        });
    }
}

fn branch_upkeep(section: &mut Section, request: &Request<'_>, context: &UpkeepContext) {
    section.say("# Branch out of date");
    section.say("The change itself is not disputed; it cannot be merged as it is, because its base branch moved on.");
    section.quote(lines(
        Channel::PullRequest,
        Trust::Machine,
        &[("merge state", context.merge_state.as_deref())],
    ));
    conflicts(section, &context.conflicts);
    section.say("## How to update it");
    section.list([
        base_merge(request).as_str(),
        "Keep what both sides meant, and change nothing beside the conflicts and what they break.",
        UNDO_NOTHING,
        NARROW,
    ]);
}

/// Repairs that ran every suite took longer than the change was worth.
const NARROW: &str = "Check what you touched with the narrowest tests that cover it. The whole suite runs afterwards.";
/// Repairs made gates green by taking back what others had done (N20).
const UNDO_NOTHING: &str = "Never get there by taking back the work of others.";

fn base_merge(request: &Request<'_>) -> String {
    let origin = origin(request.base_branch);
    match request.publisher {
        Publisher::Harness => format!(
            "PatchRelay has begun to merge the newest {origin} in this directory, if that was due. Resolve what is left \
             of it by editing the files; the merge itself is concluded for you."
        ),
        Publisher::Agent => format!(
            "Fetch, merge the newest {origin} into the branch, resolve the conflicts, check the result and push it. \
             Published history is never rewritten."
        ),
    }
}

fn origin(base: &BranchName) -> String {
    name(&format!("origin/{base}"))
}

/// The paths that our merge left unmerged, and what the report must say of those that do not show it (D30).
fn conflicts(section: &mut Section, conflicts: &[Conflict]) {
    let paths: Vec<_> = conflicts
        .iter()
        .map(|conflict| format!("{} ({})", conflict.path, conflict.kind.name()))
        .collect();
    if !items(section, Channel::Conflicts, paths.iter().map(String::as_str)) {
        return;
    }
    section.say(
        "These paths are unmerged. In those with conflict markers none may be left when you are done.",
    );
    if conflicts.iter().any(|conflict| !conflict.kind.has_markers()) {
        section.say(
            "Those without markers are resolved by what lies in the directory: keep the file with the right content, or \
             delete it. Remember for each which you chose; the report must list it under `resolved` as \
             {\"path\": \"...\", \"choice\": \"keep\" or \"delete\"}.",
        );
    }
}

fn failed_checks(section: &mut Section, channel: Channel, checks: &[FailedCheck]) {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            let mut line = check.name.clone();
            if let Some(conclusion) = &check.conclusion {
                line.push_str(&format!(" ({conclusion})"));
            }
            if let Some(summary) = &check.summary {
                line.push_str(&format!(": {summary}"));
            }
            if let Some(url) = &check.url {
                line.push_str(&format!(" {url}"));
            }
            line
        })
        .collect();
    items(section, channel, checks.iter().map(String::as_str));
}
