//! Text from outside, quoted so that it can neither end its quotation nor hide anything.
//!
//! ```text
//! [follow-up comment by "ada"; trusted member; the last 12 of 8012 characters are left out]
//! | Each line of it stands behind a bar.
//! ```
//!
//! The line in brackets is ours. A character that cannot be seen is written `<U+200B>`, and a `<U+` that the text had
//! itself as `<U+003C>U+`, so that nothing is lost and nothing can be imitated: [`blocks`] reads a prompt back into
//! exactly the blocks that [`build`](crate::prompt::build) put into it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{capped, visible};

/// Declares the channels: what a prompt calls each, and how many characters of one text it takes.
macro_rules! channels {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $cap:literal;)*) => {
        /// The way on which a text came, and thereby what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Channel { $($(#[$doc])* $variant,)* }

        impl Channel {
            /// Every channel.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What a prompt calls it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How many characters one text of it may take, as they are shown.
            pub fn cap(self) -> usize {
                match self { $(Self::$variant => $cap,)* }
            }
        }
    };
}

// The caps leave an order of magnitude for what people really write, and together they stay below the runtime's limit
// of 2^20 characters for a turn; a test builds the largest prompt there can be.
channels! {
    /// The ticket's title.
    TicketTitle, "ticket title", 1_000;
    /// The ticket's description.
    TicketDescription, "ticket description", 40_000;
    /// What the tracker says of the session and its ticket.
    Session, "tracker session", 20_000;
    /// The instruction that the session was opened with.
    Instruction, "latest instruction", 10_000;
    /// What the operator of PatchRelay says.
    Operator, "operator prompt", 8_000;
    /// A comment on the ticket.
    Comment, "comment on the ticket", 10_000;
    /// What a human answered to a question of ours.
    DirectReply, "answer to your question", 8_000;
    /// What a human wrote into the agent session.
    FollowupPrompt, "message to the agent session", 8_000;
    /// What a human wrote below the ticket.
    FollowupComment, "follow-up comment", 8_000;
    /// What the forge says of the pull request.
    PullRequest, "pull request facts", 4_000;
    /// What the forge says of a review.
    Review, "review facts", 4_000;
    /// The text of a review.
    ReviewBody, "review text", 10_000;
    /// One inline comment of a review.
    ReviewComment, "review comment", 3_000;
    /// What the forge says of the failed check.
    Check, "check facts", 4_000;
    /// What the check says of itself.
    CheckSummary, "check summary", 10_000;
    /// What the check notes at lines of files.
    Annotations, "check annotations", 20_000;
    /// Checks that failed beside the one that counts.
    OtherChecks, "other failed checks", 10_000;
    /// What the merge queue says of the pull request.
    Incident, "merge queue incident", 4_000;
    /// The queue's account of it.
    IncidentSummary, "merge queue summary", 10_000;
    /// Checks that failed in the queue.
    QueueChecks, "checks of the merge queue", 10_000;
    /// What the queue tried before.
    QueueHistory, "earlier tries of the merge queue", 10_000;
    /// Paths that the queue could not merge.
    QueueConflicts, "conflicts seen by the merge queue", 10_000;
    /// Paths that the merge in the directory left unmerged.
    Conflicts, "conflicting paths", 20_000;
    /// Paths with edits that were not published.
    Edits, "paths with edits", 20_000;
    /// A workflow file of the repository.
    Workflow, "workflow file", 65_536;
}

/// What a text is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its author is known by id and may instruct us (D36).
    Member,
    /// It lies on the base branch, so the project has accepted it.
    Repository,
    /// A program wrote it, from inputs that anybody may have chosen.
    Machine,
    /// We do not know who wrote it, or know that they may not instruct us.
    #[default]
    Unknown,
}

impl Trust {
    const ALL: [Self; 4] = [Self::Member, Self::Repository, Self::Machine, Self::Unknown];

    /// What a prompt calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "trusted member",
            Self::Repository => "base branch",
            Self::Machine => "machine output",
            Self::Unknown => "not verified",
        }
    }
}

/// The longest name of an author, in characters.
const MAX_AUTHOR: usize = 60;

/// A text from outside as a prompt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    channel: Channel,
    author: Option<String>,
    trust: Trust,
    shown: String,
    left_out: usize,
    whole: usize,
}

impl Block {
    /// Quotes a text: blanks at its end go, and what is above the channel's cap. `None` if nothing is left.
    pub fn new(channel: Channel, author: Option<&str>, trust: Trust, text: &str) -> Option<Self> {
        let text = text.trim_end();
        if text.is_empty() {
            return None;
        }
        let author =
            author.map(|author| one_line(author, MAX_AUTHOR)).filter(|author| !author.is_empty());
        // A quotation mark would end the name.
        let author = author.map(|author| spelled(&author).replace('"', "<U+0022>"));
        let Cut { shown, left_out, whole } = cut(text, channel.cap());
        Some(Self { channel, author, trust, shown, left_out, whole })
    }

    /// The way on which it came.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// Who wrote it, if that is known.
    pub fn author(&self) -> Option<String> {
        self.author.as_deref().map(unspelled)
    }

    /// What it is worth.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// The text, without what was cut off.
    pub fn text(&self) -> String {
        unspelled(&self.shown)
    }

    /// How many characters were cut off.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.channel.name())?;
        if let Some(author) = &self.author {
            write!(f, " by \"{author}\"")?;
        }
        write!(f, "; {}", self.trust.name())?;
        if self.left_out > 0 {
            let (left_out, whole) = (self.left_out, self.whole);
            write!(f, "; the last {left_out} of {whole} characters are left out")?;
        }
        f.write_str("]")?;
        for line in self.shown.split('\n') {
            f.write_str("\n| ")?;
            f.write_str(line)?;
        }
        Ok(())
    }
}

/// Reads the blocks of a rendered prompt, in order. Everything else in it is our own words.
pub fn blocks(prompt: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = prompt.split('\n').peekable();
    while let Some(line) = lines.next() {
        let Some(mut block) = header(line) else { continue };
        let mut quoted = Vec::new();
        while let Some(line) = lines.peek().and_then(|line| line.strip_prefix("| ")) {
            quoted.push(line);
            lines.next();
        }
        if quoted.is_empty() {
            continue;
        }
        block.shown = quoted.join("\n");
        block.whole = length(&block.shown) + block.left_out;
        found.push(block);
    }
    found
}

/// Reads the line in brackets, which says everything but the text.
fn header(line: &str) -> Option<Block> {
    let line = line.strip_prefix('[')?.strip_suffix(']')?;
    let (channel, rest) = Channel::ALL.iter().find_map(|channel| {
        let rest = line.strip_prefix(channel.name())?;
        (rest.starts_with("; ") || rest.starts_with(" by \"")).then_some((*channel, rest))
    })?;
    let (author, rest) = match rest.strip_prefix(" by \"") {
        None => (None, rest),
        Some(named) => {
            let (author, rest) = named.split_once('"')?;
            (Some(author.to_owned()), rest)
        }
    };
    let rest = rest.strip_prefix("; ")?;
    let (trust, rest) =
        Trust::ALL.iter().find_map(|trust| Some((*trust, rest.strip_prefix(trust.name())?)))?;
    let left_out = match rest.strip_prefix("; the last ") {
        None if rest.is_empty() => 0,
        None => return None,
        Some(cut) => cut.split_once(" of ")?.0.parse().ok()?,
    };
    Some(Block { channel, author, trust, shown: String::new(), left_out, whole: 0 })
}

/// A text on one line of at most `max` characters: every run of blanks and line breaks becomes one blank, and a cut
/// says how much is missing. What follows the cut is only counted, however long it is.
pub(super) fn one_line(text: &str, max: usize) -> String {
    capped(text, max).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name from outside, fit for one of our own sentences: one word of at most 200 characters. What names of branches
/// and tickets do not need is spelled out, blanks and backticks too.
pub(super) fn word(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(MAX_NAME) {
        if c.is_alphanumeric() || "-_./#+@=:,%".contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
    }
    out
}

/// The same in backticks, which it cannot end.
pub(super) fn name(text: &str) -> String {
    format!("`{}`", word(text))
}

/// The longest name in one of our own sentences, in characters. Git and GitHub stop near it too.
const MAX_NAME: usize = 200;

/// A text as it is shown, and what of it is not.
struct Cut {
    shown: String,
    left_out: usize,
    whole: usize,
}

fn cut(text: &str, cap: usize) -> Cut {
    if is_plain(text) && text.len() + text.matches('\n').count() * (LINE_COST - 1) <= cap {
        return Cut { shown: text.to_owned(), left_out: 0, whole: text.len() };
    }
    // No character costs less than one, so what is spelled out for nothing is bounded.
    let end = text.char_indices().nth(cap).map_or(text.len(), |(end, _)| end);
    let mut shown = spelled(&text[..end]);
    if let Some(end) = affordable(&shown, cap) {
        shown.truncate(end);
    }
    let whole = text.chars().count();
    Cut { left_out: whole - length(&shown), shown, whole }
}

/// What a line break costs: itself and the bar of the next line.
const LINE_COST: usize = 3;

/// Where the shown text must be cut to cost no more than the cap; `None` if it does not. A spelled-out character stays
/// whole: half of it would be read as something else.
fn affordable(shown: &str, cap: usize) -> Option<usize> {
    let (mut cost, mut end) = (0, 0);
    while let Some(c) = shown[end..].chars().next() {
        let rest = &shown[end..];
        let unit = match rest.strip_prefix("<U+").and_then(|code| code.find('>')) {
            Some(last) => "<U+".len() + last + 1,
            None => c.len_utf8(),
        };
        cost += match c {
            '\n' => LINE_COST,
            '<' => unit,
            _ => 1,
        };
        if cost > cap {
            return Some(end);
        }
        end += unit;
    }
    None
}

/// Whether every character is seen as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) && !text.contains("<U+")
}

/// The text with everything that cannot be seen written out, and so that it can be read back.
fn spelled(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    visible(&text.replace("<U+", "<U+003C>U+"))
}

/// The inverse of [`spelled`].
fn unspelled(shown: &str) -> String {
    let mut parts = shown.split("<U+");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('>').unwrap_or((part, ""));
        out.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
        out.push_str(rest);
    }
    out
}

/// How many characters the shown text stands for.
fn length(shown: &str) -> usize {
    if is_plain(shown) { shown.len() } else { unspelled(shown).chars().count() }
}
