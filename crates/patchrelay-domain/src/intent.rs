//! What somebody wants with a text, without asking a model.
//!
//! A question about progress is answered and a stop obeyed at once, also while no agent can be reached. Three closed
//! lists of whole phrases decide, not words: "stop" is a stop, "stop using unwrap" is work. What a list does not cover
//! entirely is work, so no instruction is lost; the price is that unusual praise reaches the agent.

mod own;
mod phrases;
mod reply;

pub(crate) use self::reply::{Reply, reply};
use serde::{Deserialize, Serialize};

/// The names that we listen to unless told otherwise.
pub const NAMES: [&str; 1] = ["patchrelay"];

/// Where we heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// A prompt in the agent session, which is a talk with us.
    Session,
    /// A comment on the ticket, where people also talk with each other.
    TicketComment,
    /// A comment on the pull request, likewise.
    ForgeComment,
    /// The operator of PatchRelay, who talks with nobody else here.
    Operator,
}

/// What they want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// That something be done: everything that is surely none of the others.
    Work,
    /// To know how it goes.
    Status,
    /// That we stop.
    Stop,
    /// Nothing: praise, thanks, or words that are not for us.
    Remark,
}

/// What somebody wants with `text`.
///
/// A comment counts only if it speaks to one of `names`: at its start (`patchrelay, …`, `hey patchrelay …`), or with an
/// `@patchrelay` anywhere (N42). In a session and from the operator everything is for us. Quotations, signatures and
/// code do not say what is wanted. Of the rest the first 2,000 characters are looked at, and a longer one is work.
///
/// It knows nothing of open questions: to one of ours, an "ok" is an answer although it is a [`Intent::Remark`] here.
pub fn intent(heard: Heard, text: &str, names: &[&str]) -> Intent {
    let own = own::words_of(text);
    let names: Vec<&str> = names
        .iter()
        .map(|name| name.trim().trim_start_matches('@'))
        .filter(|name| !name.is_empty())
        .collect();
    let is_comment = match heard {
        Heard::Session | Heard::Operator => false,
        Heard::TicketComment | Heard::ForgeComment => true,
    };
    if is_comment && !is_addressed(&own.text, &names) {
        return Intent::Remark;
    }
    if own.more {
        return Intent::Work;
    }
    if is_comment && ends_with_a_stop(&own.text, &names) {
        return Intent::Stop;
    }
    match phrases::meaning(&own.text, &names) {
        // A block of code that we are given without a word, such as a suggestion, is meant to be used.
        Intent::Remark if own.code => Intent::Work,
        meaning @ (Intent::Work | Intent::Status | Intent::Stop | Intent::Remark) => meaning,
    }
}

fn is_addressed(text: &str, names: &[&str]) -> bool {
    starts_with_a_name(text, names) || mentions(text, names).next().is_some()
}

/// Whether the last thing that is said, to us by our name, is to stop. What people told each other before it does not
/// turn it into work.
fn ends_with_a_stop(text: &str, names: &[&str]) -> bool {
    mentions(text, names).any(|at| {
        let before = text[..at].trim_end_matches(' ');
        before.ends_with(['\n', '.', '!', '?', ';', ':', '。', '！', '？'])
            && phrases::meaning(&text[at..], names) == Intent::Stop
    })
}

fn starts_with_a_name(text: &str, names: &[&str]) -> bool {
    let text = text.trim_start();
    let hailed = without_prefix(text, "hey")
        .filter(|rest| rest.starts_with(|c: char| c == ',' || c.is_whitespace()))
        .map(|rest| rest.trim_start_matches(',').trim_start());
    names.iter().any(|name| {
        hailed.and_then(|rest| without_prefix(rest, name)).is_some_and(is_end_of_name)
            || without_prefix(text, name).is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with(|c: char| {
                        matches!(c, ',' | ':' | '，' | '：') || c.is_whitespace()
                    })
            })
    })
}

/// Where the text says `@name`, as a person would: not in code, an address, or the name of somebody else.
fn mentions<'a>(text: &'a str, names: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
    text.match_indices('@').filter_map(move |(at, sign)| {
        let (before, rest) = (&text[..at], &text[at + sign.len()..]);
        let is_apart = !before.ends_with(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '@')
        });
        let is_name =
            || names.iter().any(|name| without_prefix(rest, name).is_some_and(is_end_of_name));
        (is_apart && is_name() && !is_inline_code(before, rest)).then_some(at)
    })
}

fn is_inline_code(before: &str, rest: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let line_end = rest.split('\n').next().unwrap_or_default();
    line.matches('`').count() % 2 == 1 && line_end.contains('`')
}

/// Whether a name that is followed by `rest` ends there. Names are ASCII: `@patchrelay-bot`, `@patchrelay.dev` and
/// `@patchrelay/core` are others, and a script that sets no blanks may go on right behind it.
fn is_end_of_name(rest: &str) -> bool {
    let mut rest = rest.chars();
    match rest.next() {
        None => true,
        Some('-' | '.' | '/' | '@') => !rest.next().is_some_and(|c| c.is_ascii_alphanumeric()),
        Some(c) => !c.is_ascii_alphanumeric() && c != '_',
    }
}

/// What follows the prefix, which is found without regard to case.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for wanted in prefix.chars() {
        if !rest.next()?.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests;
