//! The phrases that are not work. A text means something else than work only if phrases cover it from end to end.

use super::Intent;

/// The longest question about progress, in words. Who writes more, wants more.
const MAX_STATUS_WORDS: usize = 12;

/// What a phrase says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// To stop.
    Stop,
    /// A question about progress.
    Status,
    /// The same, if there is a question mark and no wish: else it can be an order or an answer.
    StatusIfAsked,
    /// Praise, thanks, a greeting, or that something was understood.
    Praise,
    /// What makes a wish polite or urgent. On its own it stands for a wish that we do not see.
    Wish,
    /// What may stand among the others and says nothing.
    Filler,
}

/// Lower case, without apostrophes, one blank between words, as [`words`] makes them.
const PHRASES: &[(Kind, &[&str])] = &[
    (
        Kind::Stop,
        &[
            "stop",
            "stop it",
            "stop this",
            "stop that",
            "stop everything",
            "stop there",
            "stop the run",
            "stop this run",
            "stop the work",
            "stop your work",
            "stop work",
            "stop working",
            "halt",
            "halt it",
            "halt the run",
            "abort",
            "abort it",
            "abort this",
            "abort the run",
            "abort this run",
            "cancel",
            "cancel it",
            "cancel this",
            "cancel that",
            "cancel the run",
            "cancel this run",
            "kill the run",
            "pause",
            "pause it",
            "pause this",
            "pause the run",
            "pause the work",
            "hold on",
            "hold off",
        ],
    ),
    (
        Kind::Status,
        &[
            "how is it going",
            "hows it going",
            "how is this going",
            "hows this going",
            "how is it looking",
            "hows it looking",
            "how goes it",
            "how are you",
            "how are you doing",
            "how are things",
            "how are things going",
            "how far are you",
            "how far along are you",
            "how is progress",
            "hows progress",
            "status",
            "current status",
            "status update",
            "status report",
            "what is the status",
            "whats the status",
            "what is your status",
            "whats your status",
            "what is the current status",
            "whats the current status",
            "any update",
            "any updates",
            "any progress",
            "any news",
            "any eta",
            "give me an update",
            "give us an update",
            "give me a status update",
            "give us a status update",
            "update me",
            "are you done",
            "are you done yet",
            "are you finished",
            "are you still working",
            "are you stuck",
            "are we there yet",
            "done yet",
            "finished yet",
            "ready yet",
            "is it done",
            "is it done yet",
            "is it finished",
            "is it ready",
            "is it ready yet",
            "is this done",
            "is this done yet",
            "what are you doing",
            "what are you working on",
            "what is going on",
            "whats going on",
            "what is happening",
            "whats happening",
            "eta",
            "what is the eta",
            "whats the eta",
            "when will it be done",
            "when will it be ready",
            "when will you be done",
            "where are you",
            "where are you at",
            "where are we",
            "where are we at",
            "where is this at",
            "where do we stand",
        ],
    ),
    (
        Kind::StatusIfAsked,
        &[
            "update",
            "update please",
            "updates",
            "updates please",
            "progress",
            "news",
            "done",
            "finished",
            "ready",
        ],
    ),
    (
        Kind::Praise,
        &[
            "thanks",
            "thanks a lot",
            "thanks so much",
            "many thanks",
            "thank you",
            "thank you very much",
            "thank you so much",
            "thx",
            "ty",
            "cheers",
            "appreciated",
            "much appreciated",
            "nice",
            "very nice",
            "nice work",
            "really nice work",
            "very nice work",
            "nice job",
            "nice one",
            "good job",
            "good work",
            "good stuff",
            "great",
            "great job",
            "great work",
            "great stuff",
            "well done",
            "awesome",
            "amazing",
            "excellent",
            "fantastic",
            "perfect",
            "wonderful",
            "brilliant",
            "lovely",
            "love it",
            "cool",
            "wow",
            "lgtm",
            "looks good",
            "looks good to me",
            "looks great",
            "ok",
            "okay",
            "got it",
            "understood",
            "i see",
            "hey",
            "hi",
            "hello",
        ],
    ),
    (
        Kind::Wish,
        &[
            "please",
            "pls",
            "plz",
            "now",
            "right now",
            "immediately",
            "for now",
            "can you",
            "could you",
            "would you",
            "will you",
        ],
    ),
    (
        Kind::Filler,
        &[
            "and",
            "here",
            "so far",
            "on this",
            "on it",
            "on that",
            "on this one",
            "on this issue",
            "on this ticket",
            "on the pr",
            "on this pr",
            "on the pull request",
            "of this",
            "of this issue",
            "of this ticket",
            "of the pr",
            "of this pr",
            "of the pull request",
            "with this",
            "with it",
            "with that",
            "with the pr",
            "for this",
            "for the fix",
            "for the quick fix",
            "for fixing this",
            "for fixing it",
            "for the update",
            "for the help",
            "for your help",
            "for your work",
        ],
    ),
];

/// What the words of a text mean, whoever they are for.
pub(super) fn meaning(text: &str, names: &[&str]) -> Intent {
    let words = words(text);
    let asked = text.contains(['?', '？']);
    let names: Vec<Vec<String>> = names.iter().map(|name| self::words(name)).collect();

    let mut kinds = Vec::new();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let covered = if let Some(length) = name(rest, &names) {
            length
        } else if let Some((kind, length)) = phrase(rest, asked) {
            kinds.push(kind);
            length
        } else {
            return Intent::Work;
        };
        rest = rest.get(covered..).unwrap_or_default();
    }

    let has = |kind| kinds.contains(&kind);
    if has(Kind::Stop) {
        Intent::Stop
    } else if has(Kind::Status) || (has(Kind::StatusIfAsked) && !has(Kind::Wish)) {
        if words.len() <= MAX_STATUS_WORDS { Intent::Status } else { Intent::Work }
    } else if kinds.is_empty() || (has(Kind::Praise) && !has(Kind::Wish) && !asked) {
        Intent::Remark
    } else {
        Intent::Work
    }
}

/// How many words the longest of our names takes that the words begin with, as `name` or `name[bot]`.
fn name(words: &[String], names: &[Vec<String>]) -> Option<usize> {
    let length = names
        .iter()
        .filter(|name| !name.is_empty() && words.starts_with(name))
        .map(Vec::len)
        .max()?;
    let is_bot = words.get(length).is_some_and(|word| word == "bot");
    Some(length + usize::from(is_bot))
}

/// The longest phrase that the words begin with, and how many words it takes.
fn phrase(words: &[String], asked: bool) -> Option<(Kind, usize)> {
    PHRASES
        .iter()
        .filter(|(kind, _)| asked || *kind != Kind::StatusIfAsked)
        .flat_map(|(kind, phrases)| phrases.iter().map(move |phrase| (*kind, phrase)))
        .filter_map(|(kind, phrase)| {
            let mut rest = words.iter();
            let fits = phrase.split(' ').all(|word| rest.next().is_some_and(|next| next == word));
            fits.then(|| (kind, words.len() - rest.len()))
        })
        .max_by_key(|&(_, length)| length)
}

/// The words of a text in lower case. An apostrophe belongs to its word, whatever else is no letter or digit parts two.
fn words(text: &str) -> Vec<String> {
    text.chars()
        .filter(|c| !matches!(c, '\'' | '’' | '‘' | 'ʼ'))
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
