//! What is written into git and onto the forge of a run's work. The agent's words are escaped there (D28): they can
//! call nobody, close nothing, skip no check and pose as no one.

use crate::{
    IssueId, Report, RunId, Ticket,
    text::{capped, single_line, visible},
};

/// Title and text of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationText {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
}

/// The longest text of the agent that is published, in characters. GitHub takes 65,536 in all.
const MAX_BODY: usize = 60_000;
/// The longest commit subject and pull request title, in characters.
const MAX_SUBJECT: usize = 120;

/// The trailer by which a commit of this run is recognised (D27).
pub fn run_trailer(run: &RunId) -> String {
    format!("{RUN_TRAILER}: {run}")
}

const RUN_TRAILER: &str = "PatchRelay-Run";

/// The message of a run's commit.
pub fn commit_message(report: &Report, ticket: &Ticket, run: &RunId) -> String {
    let subject = subject(&[&report.commit_subject, &report.pr_title, &ticket.title], &ticket.key);
    let body = escaped(without_trailers(&report.commit_body).trim());
    let gap = if body.is_empty() { "" } else { "\n\n" };
    format!("{subject}{gap}{body}\n\n{}\n", run_trailer(run))
}

/// Title and text of a run's pull request.
pub fn pull_request_text(
    report: &Report,
    ticket: &Ticket,
    issue: &IssueId,
    run: &RunId,
) -> PublicationText {
    let said = [&report.pr_body, &report.summary].into_iter().find(|text| !text.trim().is_empty());
    // A squash merge makes a commit message of it.
    let said = said.map(|text| without_trailers(text)).unwrap_or_default();
    let said = escaped(said.trim());
    PublicationText {
        title: subject(&[&report.pr_title, &report.commit_subject, &ticket.title], &ticket.key),
        body: format!(
            "{said}\n\n---\nTicket: [{}]({})\nMade by PatchRelay with a coding agent; the text above is the agent's.\n\
             <!-- patchrelay issue={} run={run} -->\n",
            single_line(&ticket.key, MAX_SUBJECT),
            ticket.url,
            issue.ticket,
        ),
    }
}

/// The first text that says something, as a subject line that names the ticket.
fn subject(candidates: &[&String], key: &str) -> String {
    let text = candidates
        .iter()
        .map(|text| single_line(&escaped(text), MAX_SUBJECT))
        .find(|text| !text.is_empty());
    let text = text.unwrap_or_else(|| "Work on the ticket".to_owned());
    if text.contains(key) { text } else { format!("{key}: {text}") }
}

fn escaped(text: &str) -> String {
    let text = without_hidden_comments(&visible(text));
    capped(&text.lines().map(escape_line).collect::<Vec<_>>().join("\n"), MAX_BODY)
}

/// An HTML comment is invisible to the reviewer, and could carry our own marker.
fn without_hidden_comments(text: &str) -> String {
    text.replace("<!--", "<! --")
}

fn escape_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        if words.last().is_some_and(|before| is_closing_keyword(before)) && names_an_issue(word) {
            words.push("issue".to_owned());
        }
        words.push(without_mention(word));
    }
    without_ci_words(&words.join(" "))
}

fn is_closing_keyword(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
    matches!(
        word.as_str(),
        "close"
            | "closes"
            | "closed"
            | "closing"
            | "fix"
            | "fixes"
            | "fixed"
            | "fixing"
            | "resolve"
            | "resolves"
            | "resolved"
            | "resolving"
            | "complete"
            | "completes"
            | "completed"
            | "completing"
    )
}

/// `#12`, `owner/name#12`, `GH-12`, `APP-12`, or the address of an issue.
fn names_an_issue(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '#');
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    word.split_once('#').is_some_and(|(_, number)| digits(number))
        || word.split_once('-').is_some_and(|(key, number)| {
            digits(number) && !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric())
        })
        || word.contains("://")
}

/// `@name` calls that person or team; `@ name` does not. An `@` inside a word, as in an address, calls nobody.
fn without_mention(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut before = None;
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let starts = before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_');
        if c == '@' && starts && chars.peek().is_some_and(|next| next.is_ascii_alphanumeric()) {
            out.push(' ');
        }
        before = Some(c);
    }
    out
}

/// `[skip ci]` and its kin would let a commit pass unchecked.
fn without_ci_words(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let skips = [
        "[skip ci]",
        "[ci skip]",
        "[no ci]",
        "[skip actions]",
        "[actions skip]",
        "[skip-ci]",
        "[ci-skip]",
    ];
    let mut out = line.to_owned();
    for word in skips {
        let mut from = 0;
        while let Some(at) = lower[from..].find(word).map(|at| at + from) {
            let end = at + word.len();
            out.replace_range(at..at + 1, "(");
            out.replace_range(end - 1..end, ")");
            from = end;
        }
    }
    out.replace("***NO_CI***", "NO CI")
}

/// Drops lines that git or the forge would read as a trailer: who signed, who helped, which run, which checks to skip.
fn without_trailers(body: &str) -> String {
    let is_trailer = |line: &str| {
        line.split_once(':').is_some_and(|(name, _)| {
            let name = name.trim().to_ascii_lowercase();
            name.ends_with("-by")
                || name.starts_with("patchrelay-")
                || matches!(name.as_str(), "skip-checks" | "change-id")
        })
    };
    body.lines().filter(|line| !is_trailer(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
