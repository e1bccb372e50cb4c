//! Replies to a question that asks for yes or no.

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Yes,
    No,
}

/// A reply is made of few words; whoever writes more says more.
const MAX_WORDS: usize = 8;

/// Words that say yes.
const YES: &[&str] = &[
    "yes", "y", "yep", "yeah", "sure", "ok", "okay", "fine", "approve", "approved", "publish",
    "release", "ship", "go", "continue", "do", "lgtm", "agreed",
];
/// Words that say no, whatever stands beside them.
const NO: &[&str] = &["no", "n", "nope", "nah", "never", "dont", "not"];
/// Words that may stand beside them and say nothing more.
const BESIDE: &[&str] = &[
    "it", "this", "that", "on", "ahead", "please", "thanks", "thank", "you", "now", "yet", "so",
    "looks", "good", "of", "course", "just", "hey",
];

/// What a text replies, if it is a reply and nothing more: only then is it safe to read it as one. "No, use the other
/// table" is work.
pub(crate) fn reply(text: &str, names: &[&str]) -> Option<Reply> {
    let text = text.to_lowercase().replace(['\'', '’'], "");
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !names.contains(word))
        .peekable();
    words.peek()?;
    let mut reply = None;
    let mut is_unsure = false;
    for (word, place) in words.zip(0..) {
        if place == MAX_WORDS {
            return None;
        }
        is_unsure |= reply == Some(Reply::No) && word == "sure";
        if NO.contains(&word) {
            reply = Some(Reply::No);
        } else if YES.contains(&word) {
            reply = reply.or(Some(Reply::Yes));
        } else if !BESIDE.contains(&word) {
            return None;
        }
    }
    reply.filter(|_| !is_unsure)
}

#[cfg(test)]
mod tests;
